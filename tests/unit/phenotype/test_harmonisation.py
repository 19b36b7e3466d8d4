"""Batches of the harmonisation: what names them, what is refused, and what they explain."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway

from livermet.contracts import check
from livermet.errors import InputError
from livermet.phenotype.combat import BATCH
from livermet.phenotype.harmonisation import (
    BATCH_COUNTS,
    BATCHES,
    VARIANCE,
    assign_batches,
    check_measured,
    compare_features,
    count_batches,
    facts_of_table,
    name_batches,
    share_by_batch,
)
from livermet.phenotype.table import RADIOMIC_FEATURES

from .. import phenotype_phantoms as made
from .test_combat import phantoms

ACQUISITION = pd.DataFrame(
    [
        ("a", "SIEMENS", "SOMATOM Force", 1.5),
        ("b", "Siemens", "SOMATOM  force", 5.0),
        ("c", "GE MEDICAL SYSTEMS", "Revolution CT", 2.5),
        ("d", "GE MEDICAL SYSTEMS", None, None),
    ],
    columns=["series", "manufacturer", "model", "slice_thickness_mm"],
)


def cohort(batches):
    """Twelve patients of one series: 0-2 in fold 0, 3-5 in 1, 6-8 in 2, 9-11 in the test set."""
    rows = [
        (f"s{n}", f"P{n}", "test" if n > 8 else str(n // 3), True, batch)
        for n, batch in enumerate(batches)
    ]
    matching = pd.DataFrame(rows, columns=["series", "patient", "place", "included", BATCH])
    return matching.drop(columns=BATCH), matching.set_index("series")[BATCH]


def test_a_scanner_is_manufacturer_and_model():
    names = name_batches(ACQUISITION, "scanner", 2.5)
    assert list(names.fillna("")) == [
        "SIEMENS SOMATOM FORCE",
        "SIEMENS SOMATOM FORCE",
        "GE MEDICAL SYSTEMS REVOLUTION CT",
        "",
    ]


def test_a_thickness_is_thin_up_to_the_limit():
    names = name_batches(ACQUISITION, "thickness", 2.5)
    thin, thick = "at most 2.5 mm", "over 2.5 mm"
    assert list(names.fillna("")) == [thin, thick, thin, ""]
    # A column without any value, as of volumes alone.
    assert name_batches(ACQUISITION.assign(slice_thickness_mm=None), "thickness", 3).isna().all()


def test_included_series_get_their_batch_and_excluded_ones_none():
    matching, batches = cohort("ABABABABABAB")
    matching.loc[0, "included"] = False
    given = assign_batches(matching, batches.drop("s0"), "scanner", 2)
    assert list(given.columns) == ["series", "patient", "place", BATCH]
    check(given, BATCHES, "phenotype/harmonisation.tsv")
    assert list(given["series"]) == [f"s{n}" for n in range(1, 12)]
    assert list(given[BATCH]) == list("BABABABABAB")


def test_every_series_without_a_known_batch_is_named():
    matching, batches = cohort("ABABABABABAB")
    with pytest.raises(InputError) as caught:
        assign_batches(matching, batches.drop(["s1", "s7"]), "scanner", 2)
    told = str(caught.value).splitlines()
    assert len(told) == 2
    assert told[0].startswith("Series 's1' has no known manufacturer or model (cohort/acquisition")
    assert "phenotype.harmonisation.by to null" in told[1]


def test_a_batch_that_one_folds_training_patients_have_too_few_of():
    # B: two patients of fold 0, one of fold 1, none of fold 2.
    matching, batches = cohort("BBABAAAAAABA")
    with pytest.raises(InputError, match="'B' has too few training patients: 1 where fold 0"):
        assign_batches(matching, batches, "scanner", 2)
    with pytest.raises(InputError, match="P0, P1, P3"):
        assign_batches(matching, batches, "scanner", 2)
    # One more patient of B outside fold 0 is enough: 2 without fold 0, 3 without the others.
    matching, batches = cohort("BBABAABAAABA")
    assert len(assign_batches(matching, batches, "scanner", 2)) == 12


def test_a_test_batch_that_training_lacks_and_a_single_batch():
    matching, batches = cohort("ABABABABACAB")
    with pytest.raises(InputError, match="Batch 'C' has test patients \\(P9\\) and no training"):
        assign_batches(matching, batches, "scanner", 2)
    matching, batches = cohort("A" * 12)
    with pytest.raises(InputError, match="Every series is of the batch 'A'"):
        assign_batches(matching, batches, "scanner", 2)


def test_patients_count_by_their_measured_lesions():
    table = phantoms()
    check_measured(table, 5)
    odd = table.index[(table[BATCH] == "B") & (table["group"] != "test")]
    keep = table.loc[odd, "patient"].unique()[:4]
    empty = [row for row in odd if table.at[row, "patient"] not in keep]
    with pytest.raises(InputError, match="Of the series with measured lesions: Batch 'B' has"):
        check_measured(made.without_lesions(table, empty), 5)


def test_batches_are_counted_by_place():
    table = made.without_lesions(phantoms(), [0])
    counts = count_batches(table)
    check(counts, BATCH_COUNTS, "tables/harmonisation_batches.csv")
    counts = counts.set_index(["place", BATCH])
    assert list(counts.index) == [("train", "A"), ("train", "B"), ("test", "A"), ("test", "B")]
    assert list(counts["patients"]) == [9, 9, 3, 3]
    rows = table[(table["group"] == "test") & (table[BATCH] == "A")]
    first = counts.loc[("test", "A")]
    assert (first["studies"], first["series"]) == (rows["study"].nunique(), len(rows))
    assert first["measured_series"] == len(rows) - 1
    assert first["positive_share"] == rows["label"].mean()


def test_the_share_of_variance_is_that_of_an_analysis_of_variance():
    table = made.without_lesions(phantoms(), [0, 4])
    table["original_glcm_Idm"] = 2.0
    shares = pd.Series(share_by_batch(table), index=RADIOMIC_FEATURES)
    groups = [rows.dropna() for _, rows in table["original_glcm_Contrast"].groupby(table[BATCH])]
    f, degrees = f_oneway(*groups).statistic, sum(map(len, groups)) - 2
    assert shares["original_glcm_Contrast"] == pytest.approx(f / (f + degrees))
    assert np.isnan(shares["original_glcm_Idm"])


def test_batches_explain_little_of_held_out_series():
    compared = compare_features(phantoms(patients=60))
    assert list(compared["feature"]) == list(RADIOMIC_FEATURES)
    check(compared, VARIANCE, "tables/harmonisation.csv")
    medians = compared[["before", "after", "held_out"]].median()
    # The scanners lie four deviations apart; by chance about 1 / 80 is explained.
    assert medians["before"] > 0.5
    assert medians["after"] < 0.02
    assert medians["held_out"] < 0.02


def test_a_finished_table_tells_the_thickness_by_the_scans_own_voxel():
    table = pd.DataFrame(
        {
            "series": ["a", "b", "c"],
            "patient": ["p", "p", "q"],
            "group": ["train", "train", "test"],
            "fold": pd.array([1, 1, None], "Int64"),
            "scan_voxel_mm": ["(0.78, 0.78, 5.0)", "(0.98, 0.98, 1.0)", None],
        }
    )
    acquisition, matching = facts_of_table(table)
    assert acquisition["slice_thickness_mm"].tolist()[:2] == [5, 1]
    names = name_batches(acquisition, "thickness", 2.5)
    assert names.tolist()[:2] == ["over 2.5 mm", "at most 2.5 mm"]
    assert names.isna().tolist() == [False, False, True]
    assert matching["place"].tolist() == ["1", "1", "test"]
    assert matching["included"].all()
