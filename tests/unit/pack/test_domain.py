"""What lies outside of the training data is known as such, each way by itself."""

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import LedoitWolf

from livermet.pack.domain import INSIDE, Distance, Domain, lengths_of
from livermet.phenotype.table import FEATURES

from .. import phenotype_phantoms

ONE, OTHER = "original_glcm_Contrast", "original_firstorder_Mean"


@pytest.fixture
def rows():
    """Two features that go together, in 40 patients of one series each."""
    random = np.random.default_rng(1)
    table = pd.DataFrame(random.normal(size=(40, len(FEATURES))), columns=list(FEATURES))
    table[OTHER] = table[ONE] + random.normal(scale=0.05, size=40)
    table["series"] = [f"s{number}" for number in range(40)]
    return table.assign(patient=table["series"], voxel_mm="(1.0, 1.0, 1.0)")


def scanned(series, thickness=5.0, spacing="0.8; 0.8; 5.0", phase="portal venous"):
    told = {"slice_thickness_mm": thickness, "spacing_mm": spacing, "phase": phase}
    return pd.DataFrame({"series": list(series), **told})


def learnt(rows, **told):
    return Domain.learnt(rows, [ONE, OTHER], scanned(rows["series"], **told))


def reasons(domain, rows, **told):
    return domain.reasons(rows, scanned(rows["series"], **told))


def test_a_training_scan_lies_inside(rows):
    found = reasons(learnt(rows), rows)
    # One in twenty of those left out is beyond the limit; measured by all of them fewer are.
    assert sum(map(bool, found)) <= (1 - INSIDE) * len(rows)


def test_features_that_never_go_together_are_outside_though_each_is_in_its_range(rows):
    strange = rows.iloc[[0]].copy()
    strange[ONE], strange[OTHER] = rows[ONE].max(), rows[OTHER].min()
    ((told,),) = reasons(learnt(rows), strange)
    assert told.startswith("its features lie ")


def test_the_distance_is_mahalanobis_with_the_shrunk_covariance(rows):
    # Written out with scikit-learn's own distance, on standardised logs of sign(x) log(1 + |x|).
    values = np.sign(rows[[ONE, OTHER]]) * np.log1p(rows[[ONE, OTHER]].abs())
    scaled = ((values - values.mean()) / values.std(ddof=0)).to_numpy()
    expected = np.sqrt(LedoitWolf(assume_centered=True).fit(scaled).mahalanobis(scaled))
    found = Distance.learnt(rows, [ONE, OTHER])
    np.testing.assert_allclose(found.of(rows), expected, rtol=1e-9)


def test_the_limit_is_of_patients_whom_the_measure_has_not_seen():
    table = phenotype_phantoms.feature_table(patients=12, test_patients=0)
    found = Distance.learnt(table, [ONE, OTHER])
    left_out = []
    for patient in table["patient"].unique():
        others = Distance.learnt(table[table["patient"] != patient], [ONE, OTHER])
        left_out.append(others.of(table[table["patient"] == patient]).max())
    # 0.95 of 11 steps between 12 patients is 10.45: the next patient is the last.
    assert found.limit == pytest.approx(max(left_out))
    assert found.patients == 12


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"thickness": 7.5, "spacing": "0.8; 0.8; 5.0"}, "its slices are 7.5 mm thick"),
        ({"spacing": "0.8; 0.8; 2.5"}, "its slices lie 2.5 mm apart, those of training 5 to 5 mm"),
        ({"spacing": "1.4; 1.4; 5.0"}, "its pixels are 1.4 mm wide"),
        ({"phase": "arterial"}, "its phase (arterial) is none of training's (portal venous)"),
        ({"phase": None}, "its phase, which is not recorded, is none of training's"),
    ],
)
def test_a_scan_that_was_made_otherwise_is_outside(rows, told, reason):
    ((found,),) = reasons(learnt(rows), rows.iloc[[0]], **told)
    assert found.startswith(reason)


def test_lengths_agree_to_a_hundredth_of_a_millimetre(rows):
    assert reasons(learnt(rows), rows.iloc[[0]], spacing="0.8; 0.8; 5.009") == [[]]


def test_what_is_not_known_of_training_or_of_a_scan_is_not_judged(rows):
    without = learnt(rows, thickness=None, phase=None)
    assert without.phases == {}
    assert "slice_thickness_mm" not in without.lengths
    assert reasons(without, rows.iloc[[0]], thickness=9.0, phase="arterial") == [[]]
    assert learnt(rows).reasons(rows.iloc[[0]], scanned([])) == [[]]


def test_some_training_without_a_phase_lets_others_be_without_one(rows):
    acquired = scanned(rows["series"])
    acquired.loc[0, "phase"] = None
    domain = Domain.learnt(rows, [ONE], acquired)
    assert domain.phases == {"": 1, "portal venous": 39}
    assert reasons(domain, rows.iloc[[0]], phase=None) == [[]]


def test_features_of_another_voxel_are_outside(rows):
    other = rows.iloc[[0]].assign(voxel_mm="(2.0, 2.0, 2.0)")
    ((told,),) = reasons(learnt(rows), other)
    assert told == "its features were measured in voxels of (2.0, 2.0, 2.0) mm, not of " + (
        "(1.0, 1.0, 1.0)"
    )


def test_without_features_there_is_no_distance(rows):
    domain = Domain.learnt(rows, [], scanned(rows["series"]))
    assert domain.distance is None
    assert reasons(domain, rows.iloc[[0]]) == [[]]


def test_a_scan_without_lesions_has_a_distance(rows):
    empty = rows.iloc[[0]].copy()
    empty[list(FEATURES)] = np.nan
    assert np.isfinite(Distance.learnt(rows, [ONE, OTHER]).of(empty)).all()


def test_lengths_are_read_as_ingest_writes_them():
    (row,) = lengths_of(scanned(["a"], spacing="0.7; 0.8; 1.25")).itertuples()
    assert (row.slice_thickness_mm, row.slice_spacing_mm, row.pixel_mm) == (5.0, 1.25, 0.8)


@pytest.mark.parametrize("word", ["portal venous", "portal_venous", "Portal-Venous"])
def test_phases_are_compared_as_words(word):
    (row,) = lengths_of(scanned(["a"]).assign(phase=word)).itertuples()
    assert row.phase == "portal venous"
