"""The LiTS challenge's best results, which Ty et al. quote: context, and no result of any run.

Source: Bilic et al., The Liver Tumor Segmentation Benchmark (LiTS), Med Image Anal 2023
(arXiv:1901.04056), abstract. The best liver Dice is given once for all three events; sensitivity
is the abstract's lesion-wise recall, by the challenge's rule of matching (`lits`).
"""

import pandas as pd

LITS_CHALLENGE = pd.DataFrame(
    [
        ("ISBI 2017", 0.674, 0.458, None),
        ("MICCAI 2017", 0.702, 0.515, None),
        ("MICCAI 2018", 0.739, 0.554, None),
        ("any of the three", None, None, 0.963),
    ],
    columns=["event", "best_lesion_dice", "best_lesion_sensitivity", "best_liver_dice"],
)
