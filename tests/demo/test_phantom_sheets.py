"""Every phantom of the committed sheets: as many lesions as its row says, seen by each series."""

import numpy as np
import pytest
from scipy import ndimage

from livermet.demo.phantoms import phantom
from livermet.images import LESION, LIVER
from livermet.sheets import read_phantoms

ANATOMY = ["patient_seed", "study_seed"]


@pytest.mark.parametrize("folder", ["config/demo", "tests/demo/cohort"])
def test_phantoms_hold_the_lesions_of_their_rows(root, folder):
    sheet = read_phantoms(root / folder / "phantoms.tsv")
    volumes = []
    for row in sheet.to_dict("records"):
        hu, labels, spacing = phantom(row)
        lesions = ndimage.label(labels == LESION, np.ones((3, 3, 3)))[1]
        assert lesions == row["lesions"], row["series"]
        liver_ml = np.sum(labels >= LIVER) * np.prod(spacing) / 1000
        assert 700 < liver_ml < 2800, row["series"]
        assert hu.min() >= -1024
        volumes.append(np.sum(labels == LESION) * np.prod(spacing) / 1000)
    sheet = sheet.assign(volume_ml=volumes)
    paired = sheet.groupby(ANATOMY).filter(lambda series: len(series) == 2)
    assert len(paired)
    for _, series in paired.groupby(ANATOMY):
        thin, thick = series.sort_values("slice_mm")["volume_ml"]
        assert thick == pytest.approx(thin, rel=0.1)
