"""Lesion detection: lesions, their matching, the scores of scans, lesions and cohorts."""

from livermet.detection.lesions import lesion_components, lesion_table

__all__ = ["lesion_components", "lesion_table"]
