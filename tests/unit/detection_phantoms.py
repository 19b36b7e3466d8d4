"""Label maps small enough to count by hand, shared by the tests of detection."""

import numpy as np
import SimpleITK as sitk

from livermet.detection.scores import measure_scan, scan_table

# Lesions of two voxels each, far apart, and a bridge over the gap between the first two.
LEFT, RIGHT, FAR = np.s_[1, 1, 1:3], np.s_[1, 1, 5:7], np.s_[4, 5, 1:3]
BRIDGE = np.s_[1, 1, 1:7]


def label_map(*lesions, shape=(6, 7, 8), spacing=(1.0, 1.0, 1.0), liver=True):
    """A liver that fills the volume, with lesions given as (z, y, x) index expressions."""
    array = np.full(shape, 1 if liver else 0, np.uint8)
    for lesion in lesions:
        array[lesion] = 2
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def array_of_lesions(*lesions, **options):
    return sitk.GetArrayFromImage(label_map(*lesions, **options))


def scan(series, model, prediction, reference, kind="ensemble"):
    """One row of the table of scans."""
    return scan_table(series, model, kind, measure_scan(prediction, reference).scores)
