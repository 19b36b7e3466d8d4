"""nnU-Net 3d_fullres: dataset, plan, preprocessing, five folds, fine-tuning and prediction.

`layout` holds names and folders, `dataset` the description and the splits; neither imports
nnU-Net. `planning` plans and preprocesses; `trainer` is the external trainer class; `training`
runs one fold; `prediction` segments series. `pretrained` and `weights` find and open weights of
others, `comparison` and `acceptance` hold them against the network that is planned.

Training depends on these modules' code, so they import nothing of livermet that changes for other
stages' sake: a new function for figures or tables must not retrain a network.
"""

import os

# nnU-Net reads this once, on import, and would else start eight processes whatever it was given.
os.environ.setdefault("nnUNet_def_n_proc", "1")
