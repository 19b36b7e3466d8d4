"""Lesion detection: lesions, their matching, the scores of scans, lesions and cohorts."""
