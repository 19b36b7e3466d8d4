"""The demo's phantoms: a synthetic cohort, its CTs and its DICOM series."""
