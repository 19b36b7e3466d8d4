"""Results for a PACS: DICOM SEG of liver and lesions, and a structured report of what is measured.

highdicom writes them in the geometry and with the references of the series that was ingested.
"""
