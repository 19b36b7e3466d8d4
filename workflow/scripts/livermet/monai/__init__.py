"""MONAI's U-Net and SegResNet: trained on one split of a training set, then applied to new CTs."""
