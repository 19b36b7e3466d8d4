"""A room of the report: the study's flow, the split, patients and acquisition."""
