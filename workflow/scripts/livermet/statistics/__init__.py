"""What the classifiers' scores are worth: calibration, stability, reproducibility, sample size."""
