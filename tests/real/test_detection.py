import pytest

from livermet.detection import measure_scan
from livermet.images import read_image


# The LiTS organisers' Dice of the tumour label over the whole scan; Bilic et al. 2023.
@pytest.mark.parametrize(("case", "official"), [("case0", 0.589466), ("case1", 0.490221)])
def test_dice_is_that_of_the_lits_organisers(shared_data, case, official):
    folder = shared_data("lits_scoring")
    scores, lesions = measure_scan(
        read_image(folder / f"{case}_submission.nii.gz"),
        read_image(folder / f"{case}_reference.nii.gz"),
    )
    assert round(scores.lesion_dice, 6) == official
    assert scores.liver_dice > 0.9
    by_side = lesions.groupby("side")["volume_ml"].sum()
    assert scores.reference_burden_ml == pytest.approx(by_side["reference"])
    assert scores.predicted_burden_ml == pytest.approx(by_side["prediction"])
    assert 0 < scores.detected_lesions <= scores.reference_lesions
