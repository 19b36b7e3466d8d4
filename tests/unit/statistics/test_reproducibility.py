"""ICCs are pingouin's and those of formulas; who is paired with whom is counted by hand."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.phenotype.corrected import training_rows
from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES
from livermet.report.features import lists
from livermet.statistics.reproducibility import (
    AGREEMENT,
    ONE_WAY,
    PERTURBED,
    RECONSTRUCTIONS,
    REPRODUCIBILITY,
    choose_pairs,
    icc_by_pingouin,
    icc_of_draws,
    measure_reproducibility,
    patient_draws,
    perturbed_ratings,
    reproducibility,
)

from .. import phenotype_phantoms as made

NOT_KNOWN = pd.Series(dtype=float)


def reconstructions(studies=12, test_patients=2, noise=0.3, offset=0.0, seed=0):
    """Two series of each study, a (thick) and b (thin); two studies a patient.

    Features are normal with variance 1 between studies; `noise` is the deviation between series,
    `offset` what the thin one has more.
    """
    random = np.random.default_rng(seed)
    rows = []
    for study in range(studies):
        truth = random.normal(size=len(FEATURES))
        for name in "ab":
            values = truth + random.normal(scale=noise, size=len(FEATURES)) + offset * (name == "b")
            group = "test" if study // 2 < test_patients else "train"
            facts = [f"{study:02}{name}", f"{study:02}", f"p{study // 2:02}", group]
            rows.append([*facts, *values])
    return pd.DataFrame(rows, columns=["series", "study", "patient", "group", *FEATURES])


def thicknesses(table):
    return pd.Series(
        np.where(table["series"].str.endswith("a"), 5.0, 1.0), index=table["series"].to_numpy()
    )


@pytest.mark.parametrize("form", [ONE_WAY, AGREEMENT])
def test_the_icc_of_all_features_at_once_is_pingouins(form):
    random = np.random.default_rng(3)
    # Units from 1e-6 to 1e9, as features have; a difference between raters; skewed values.
    scale = 10.0 ** random.integers(-6, 10, size=20)
    first = random.lognormal(size=(30, 20)) * scale + scale
    second = first + random.normal(scale=0.7, size=(30, 20)) * scale + 0.4 * scale
    ours = icc_of_draws(np.stack([first, second]), np.ones((1, 30), dtype=int), form)[0]
    theirs = [icc_by_pingouin(np.stack([first[:, k], second[:, k]]), form) for k in range(20)]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", [ONE_WAY, AGREEMENT])
def test_the_icc_of_five_ratings_is_pingouins_whole_and_in_draws(form):
    random = np.random.default_rng(5)
    ratings = random.normal(size=(1, 12, 3)) + random.normal(size=(5, 12, 3))
    ratings += random.normal(size=(5, 1, 3))
    counts = np.vstack([np.ones((1, 12), dtype=int), random.integers(0, 3, size=(4, 12))])
    drawn = icc_of_draws(ratings, counts, form)
    for draw, count in enumerate(counts):
        rows = np.repeat(np.arange(12), count)
        theirs = [icc_by_pingouin(ratings[:, rows, k], form) for k in range(3)]
        np.testing.assert_allclose(drawn[draw], theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", [ONE_WAY, AGREEMENT])
def test_a_draw_that_counts_pairs_is_pingouins_icc_of_the_repeated_pairs(form):
    random = np.random.default_rng(4)
    first = random.normal(size=(12, 3))
    second = first + random.normal(size=(12, 3))
    counts = random.integers(0, 3, size=(5, 12))
    drawn = icc_of_draws(np.stack([first, second]), counts, form)
    for draw, count in enumerate(counts):
        rows = np.repeat(np.arange(12), count)
        theirs = [
            icc_by_pingouin(np.stack([first[rows, k], second[rows, k]]), form) for k in range(3)
        ]
        np.testing.assert_allclose(drawn[draw], theirs, rtol=0, atol=1e-10)


def test_iccs_counted_by_hand():
    # Pairs (1, 2), (3, 4), (5, 6): means 1.5, 3.5, 5.5, so that the mean square between is 2 * 4,
    # within 0.5 (one-way): 7.5 / 8.5. The raters differ by 1 throughout: error 0, raters 1.5, so
    # that agreement is 8 / (8 + 2 * 1.5 / 3) = 8 / 9.
    first, second = np.array([[1.0], [3], [5]]), np.array([[2.0], [4], [6]])
    once = np.ones((1, 3), dtype=int)
    assert icc_of_draws(np.stack([first, second]), once, ONE_WAY)[0, 0] == pytest.approx(7.5 / 8.5)
    assert icc_of_draws(np.stack([first, second]), once, AGREEMENT)[0, 0] == pytest.approx(8 / 9)


def test_an_icc_of_three_ratings_counted_by_hand():
    # Means 2 and 5, so that the mean square between is 3 * (1.5^2 + 1.5^2) = 13.5; within (2 + 2)
    # over 2 * 2 degrees of freedom, 1. (13.5 - 1) / (13.5 + 2 * 1).
    ratings = np.array([[[1.0], [4]], [[2], [5]], [[3], [6]]])
    found = icc_of_draws(ratings, np.ones((1, 2), dtype=int), ONE_WAY)
    assert found[0, 0] == pytest.approx(12.5 / 15.5)


def test_equal_values_have_no_icc_and_equal_series_one_of_1():
    first = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 4.0]])
    found = icc_of_draws(np.stack([first, first]), np.array([[1, 1, 1], [3, 0, 0]]), ONE_WAY)
    assert np.isnan(found[:, 0]).all()
    assert found[0, 1] == pytest.approx(1)
    assert np.isnan(found[1, 1])


def test_a_patient_draw_brings_all_pairs_of_the_patient():
    counts = patient_draws(np.array(["p", "q", "p", "r"]), 200, seed=0)
    np.testing.assert_array_equal(counts[:, 0], counts[:, 2])
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(counts, axis=0)) > 5


def test_without_thickness_the_first_two_series_by_name_are_a_pair():
    table = reconstructions(6)
    third = table.iloc[[0]].assign(series="00c")
    alone = table.iloc[[2]]
    rows = pd.concat([third, alone, table.drop(index=[2, 3])], ignore_index=True)
    form, (first, second) = choose_pairs(rows, NOT_KNOWN)
    assert form == ONE_WAY
    assert list(first["series"]) == ["00a", "02a", "03a", "04a", "05a"]
    assert list(second["series"]) == ["00b", "02b", "03b", "04b", "05b"]


def test_with_thickness_the_thinnest_stands_against_the_thickest():
    table = reconstructions(7)
    middle = table.iloc[[0]].assign(series="00c")
    rows = pd.concat([middle, table], ignore_index=True)
    thickness = thicknesses(table)
    thickness["00c"] = 3.0
    # Study 01: equally thick; study 02: one of unknown thickness. Both have no order.
    thickness["01a"] = thickness["01b"]
    thickness = thickness.drop("02a")
    form, (thin, thick) = choose_pairs(rows, thickness)
    assert form == AGREEMENT
    assert list(thin["series"]) == ["00b", "03b", "04b", "05b", "06b"]
    assert list(thick["series"]) == ["00a", "03a", "04a", "05a", "06a"]


def test_thickness_of_few_studies_does_not_make_agreement():
    table = reconstructions(7)
    form, (first, _) = choose_pairs(table, thicknesses(table)[:8])
    assert form == ONE_WAY
    assert len(first) == 7


def test_series_without_measured_lesions_make_no_pair():
    table = reconstructions(8)
    table.loc[3, list(FEATURES)] = np.nan
    _, (first, _) = choose_pairs(table, NOT_KNOWN)
    assert "01" not in first.index
    assert len(first) == 7


def test_every_feature_of_the_training_patients_is_measured():
    table = reconstructions(80, test_patients=10, noise=0.5)
    spoiled = table.copy()
    spoiled.loc[spoiled["group"] == "test", list(FEATURES)] *= 100
    measured, again = (
        measure_reproducibility(rows, NOT_KNOWN, None, 200, seed=1) for rows in (table, spoiled)
    )
    pd.testing.assert_frame_equal(measured, again)
    assert list(measured["feature"]) == list(FEATURES)
    assert set(measured["targets"]) == {60}
    assert set(measured["patients"]) == {30}
    # Variance 1 between studies and 0.25 between series: 0.8.
    assert measured["icc"].median() == pytest.approx(0.8, abs=0.03)
    held = (measured["low"] < 0.8) & (measured["high"] > 0.8)
    assert held.mean() > 0.85


def test_a_systematic_difference_counts_against_agreement():
    table = reconstructions(80, noise=0.1, offset=1.0)
    measured = measure_reproducibility(table, thicknesses(table), None, 50, seed=1)
    assert set(measured["form"]) == {AGREEMENT}
    # Variances 1 between studies, 0.5 between raters (they are 1 apart) and 0.01 of error.
    assert measured["icc"].median() == pytest.approx(1 / 1.51, abs=0.03)


def test_few_pairs_and_features_without_spread_are_empty():
    few = measure_reproducibility(reconstructions(6, test_patients=1), NOT_KNOWN, None, 20, 0)
    assert set(few["targets"]) == {4}
    assert few[["icc", "low", "high"]].isna().all().all()
    table = reconstructions(10, test_patients=1).assign(Num_Lesions=1.0)
    row = (
        measure_reproducibility(table, NOT_KNOWN, None, 20, 0)
        .set_index("feature")
        .loc["Num_Lesions"]
    )
    assert row[["icc", "low", "high"]].isna().all()
    assert row["targets"] == 8


def test_phantom_tables_without_lesions_do_not_break_it():
    table = made.feature_table(patients=14, test_patients=4, folds=2)
    empty = measure_reproducibility(
        made.without_lesions(table, table.index), NOT_KNOWN, None, 20, 0
    )
    assert set(empty["targets"]) == {0}
    assert empty["icc"].isna().all()


def perturbed(table, masks=4, noise=0.5, seed=2):
    """Features of each training series in perturbed masks: its own plus noise of a deviation."""
    random = np.random.default_rng(seed)
    rows = table.loc[table["group"] != "test", ["series", *FEATURES]]
    parts = []
    for number in range(1, masks + 1):
        part = rows.assign(perturbation=number, contour_sd_mm=1.0, correlation_mm=5.0, dice=0.9)
        part[list(FEATURES)] += random.normal(scale=noise, size=(len(rows), len(FEATURES)))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_perturbed_masks_stand_beside_reconstructions():
    table = reconstructions(80, test_patients=10)
    both = measure_reproducibility(table, thicknesses(table), perturbed(table), 200, seed=1)
    alone = measure_reproducibility(table, thicknesses(table), None, 200, seed=1)
    assert list(both["comparison"].unique()) == [RECONSTRUCTIONS, PERTURBED]
    pd.testing.assert_frame_equal(both[: len(alone)], alone)
    masks = both[len(alone) :]
    assert list(masks["feature"]) == list(FEATURES)
    facts = ["form", "targets", "ratings", "patients", "contour_sd_mm", "median_dice"]
    assert masks[facts].drop_duplicates().values.tolist() == [[ONE_WAY, 120, 4, 30, 1.0, 0.9]]
    assert alone[["contour_sd_mm", "correlation_mm", "median_dice"]].isna().all(axis=None)
    # Variance 1 between studies and 0.09 between their series; 0.25 between masks.
    expected = 1.09 / 1.34
    assert masks["icc"].median() == pytest.approx(expected, abs=0.03)
    assert ((masks["low"] < expected) & (masks["high"] > expected)).mean() > 0.85


def test_the_names_of_comparisons_are_those_that_reports_look_for():
    assert (RECONSTRUCTIONS, PERTURBED) == (lists.RECONSTRUCTIONS, lists.PERTURBED)


def test_a_series_counts_for_the_features_that_all_its_masks_have():
    table = reconstructions(12)
    masks = perturbed(table)
    # Of one mask a texture is missing, of another nothing could be measured.
    masks.loc[masks["series"].eq("05a") & masks["perturbation"].eq(3), FEATURES[50]] = np.nan
    gone = masks["series"].eq("07b") & masks["perturbation"].eq(2)
    masks.loc[gone, list(RADIOMIC_FEATURES)] = np.nan
    ratings = perturbed_ratings(training_rows(table), masks)
    assert len(ratings) == 4
    for part in ratings:
        assert part["series"].tolist() == ratings[0]["series"].tolist()
        assert set(part["series"]) == set(masks["series"]) - {"07b"}
    found = reproducibility(ratings, ONE_WAY, 20, seed=0).set_index("feature")
    whole = len(ratings[0])
    assert found.at[FEATURES[50], "targets"] == whole - 1
    assert (found.drop(FEATURES[50])["targets"] == whole).all()
    assert list(found.index) == list(FEATURES)
    # It is the ICC of the same ratings without the series.
    without = [part[part["series"].ne("05a")] for part in ratings]
    alone = reproducibility(without, ONE_WAY, 20, seed=0).set_index("feature")
    counts, numbers = ["targets", "patients"], ["icc", "low", "high"]
    assert found.loc[FEATURES[50], counts].equals(alone.loc[FEATURES[50], counts])
    expected = alone.loc[FEATURES[50], numbers].tolist()
    assert found.loc[FEATURES[50], numbers].tolist() == pytest.approx(expected)
    few = measure_reproducibility(table, NOT_KNOWN, masks[masks["series"] < "06"], 20, seed=0)
    few.insert(0, "aggregation", "union")
    check(few, REPRODUCIBILITY, "tables/reproducibility.csv")
    assert few.loc[few["comparison"].eq(PERTURBED), "icc"].isna().all()


def test_studies_of_small_lesions_stand_for_the_features_that_these_have():
    table = reconstructions(12, test_patients=1)
    small = table["study"].isin(sorted(table["study"].unique())[-6:])
    texture = [name for name in RADIOMIC_FEATURES if "shape" not in name]
    table.loc[small, texture] = np.nan
    found = measure_reproducibility(table, NOT_KNOWN, None, 20, seed=0).set_index("feature")
    studies = table.loc[table["group"] != "test", "study"].nunique()
    assert found.at["original_shape_MeshVolume", "targets"] == studies
    assert found.loc[texture, "targets"].max() == studies - 6
