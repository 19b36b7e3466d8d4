"""Where a packed model keeps what: names that a workflow needs while it is planned.

Apart from what opens a model, which imports torch and scikit-learn.
"""

MANIFEST, CARD = "pack.json", "MODEL_CARD.md"
SEGMENTATION, PHENOTYPE = "segmentation", "phenotype"
# nnU-Net's networks lie as its own commands expect them.
PLAN, DESCRIPTION = "plans.json", "dataset.json"
CHECKPOINT = "fold_{fold}/checkpoint_final.pth"
# MONAI's one network, with its settings.
WEIGHTS = "model.pt"
# The classifier in words: what it learnt from and what it is worth.
RECORD = "phenotype.json"
