"""A room of the report: the classifiers' scores, baselines, intervals, calibration and failures."""
