"""Codes of what is segmented and measured: SNOMED CT, DICOM's own and UCUM's units.

Each stands in a context group of DICOM PS3.16 that its place asks for, which is named beside it,
but for the number of lesions, for which DICOM has no group.
"""

from pydicom.sr.coding import Code

# Segmentation Property Categories, CID 7150.
ORGAN = Code("123037004", "SCT", "Anatomical Structure")
ABNORMALITY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
# Segmentation Property Types, CID 7151: a network sees a lesion, and no histology.
LIVER = Code("10200004", "SCT", "Liver")
LESION = Code("52988006", "SCT", "Lesion")
# Algorithm Families, CID 7162.
NEURAL_NETWORK = Code("123110", "DCM", "Artificial Intelligence")
# Measurement Report Document Titles, CID 7021.
TITLE = Code("126000", "DCM", "Imaging Measurement Report")
# Quantitative Diagnostic Imaging Procedures, CID 100.
CT = Code("25045-6", "LN", "CT unspecified body region")
# Generic Intensity and Size Measurements, CID 7469.
VOLUME = Code("118565006", "SCT", "Volume")
LONG_AXIS = Code("103339001", "SCT", "Long axis")
SHORT_AXIS = Code("103340004", "SCT", "Short axis")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
NUMBER_OF_LESIONS = Code("246206008", "SCT", "Number of lesions")
# General Region of Interest Measurement Modifiers, CID 7464.
MEAN = Code("373098007", "SCT", "Mean")
TOTAL = Code("255619001", "SCT", "Total")
# Units of measurement.
MILLILITRE = Code("ml", "UCUM", "ml")
MILLIMETRE = Code("mm", "UCUM", "mm")
HOUNSFIELD = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
COUNT = Code("1", "UCUM", "no units")
