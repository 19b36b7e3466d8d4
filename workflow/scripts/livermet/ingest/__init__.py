"""Ingest: a series as DICOM or NIfTI becomes a checked, canonical volume with its records."""
