"""The demo's sheets: what the seed gives, with the counts they promise, and fit to split."""

import pandas as pd
import pytest

from livermet.cohort.matching import match_samples, patient_strata, study_names
from livermet.contracts import check
from livermet.demo.cohort import SEED, SHEETS, SIZES, demo_cohort, main
from livermet.ledger.tables import Ledger, Rules, assign, read_ledger
from livermet.sheets import read_molecular, read_phantoms, read_series

FOLDERS = {"demo": "config/demo", "test": "tests/demo/cohort"}


@pytest.fixture(params=FOLDERS)
def size(request):
    return request.param


@pytest.fixture
def sheets(size, root):
    folder = root / FOLDERS[size]
    return (
        read_series(folder / "series.tsv", ["LiTS", "mSCLC"]),
        read_molecular(folder / "molecular.tsv"),
        read_phantoms(folder / "phantoms.tsv"),
    )


@pytest.fixture
def matched(sheets):
    series, molecular, _ = sheets
    return match_samples(series[series["cohort"] == "mSCLC"], molecular, 92, 0.0)


def test_committed_sheets_are_what_the_seed_gives(size, root, tmp_path):
    main(["--out", str(tmp_path), "--size", size])
    for name in SHEETS:
        made = (tmp_path / f"{name}.tsv").read_bytes()
        assert made == (root / FOLDERS[size] / f"{name}.tsv").read_bytes(), name
        assert b"nan" not in made


def test_another_seed_gives_other_phantoms():
    one, other = (demo_cohort(SIZES["test"], seed).phantoms for seed in (SEED, SEED + 1))
    assert not set(one["study_seed"]) & set(other["study_seed"])


# LiTS patients; mSCLC patients, studies, series, lesion-free studies, series with references.
# demo: 28 = 7 + 3 + 2 + 1 + 11 + 2 + 1 + 1 patients, of whom 3 + 2 + 1 have a second study, and
# 6 studies have a second series. test: 16 = 6 + 1 + 1 + 7 + 1, of whom 2 have a second study.
COUNTS = {"demo": (24, 28, 34, 40, 3, 30), "test": (8, 16, 18, 19, 1, 15)}


def test_counts(size, sheets):
    series = sheets[0]
    source, target = (series[series["cohort"] == name] for name in ("LiTS", "mSCLC"))
    studies = study_names(target)
    free = studies[target["lesions_read"] == "absent"]
    referenced = (target["reference"] != "").sum()
    counts = (
        len(source),
        target["patient"].nunique(),
        studies.nunique(),
        len(target),
        free.nunique(),
        referenced,
    )
    assert counts == COUNTS[size]
    assert source["patient"].is_unique
    assert (source["reference"] != "").all()


def test_phantoms_agree_with_series(sheets):
    series, _, phantoms = sheets
    assert list(series.index) == list(phantoms.index)
    assert ((phantoms["lesions"] > 0) == (series["lesions_read"] == "present")).all()
    assert ((phantoms["kind"] == "dicom") == (series["cohort"] == "mSCLC")).all()
    assert (phantoms["slice_mm"] > phantoms["pixel_mm"]).all()


def test_series_of_a_study_are_one_anatomy_and_studies_of_a_patient_are_not(sheets):
    series, _, phantoms = sheets
    table = phantoms.assign(study=study_names(series), patient=series["patient"])
    anatomy = table.drop(columns=["series", "noise_seed", "slices", "slice_mm", "noise_hu"])
    assert (anatomy.groupby("study").nunique(dropna=False) == 1).all(axis=None)
    assert (table["slices"] * table["slice_mm"]).groupby(table["study"]).nunique().eq(1).all()
    assert table["noise_seed"].is_unique
    by_patient = table.groupby("patient")
    assert (by_patient["patient_seed"].nunique() == 1).all()
    assert (by_patient["study_seed"].nunique() == by_patient["study"].nunique()).all()


# demo: the late and the never sampled patient; three lesion-free series.
# test: one never sampled patient; one lesion-free series.
EXCLUDED = {
    "demo": {"no_sample": 1, "outside_window": 1, "lesions_absent": 3},
    "test": {"no_sample": 1, "lesions_absent": 1},
}


def test_every_exclusion_removes_something(size, matched):
    reasons = matched.loc[~matched["included"], "excluded_by"].value_counts()
    assert reasons.to_dict() == EXCLUDED[size]


# demo: 7 + 3 + 2 * 2 + 1 + 11 - 7 of 29 studies; test: 1 + 1 + 7 of 16.
POSITIVE = {"demo": (19, 29), "test": (9, 16)}


def test_class_balance(size, matched):
    studies = matched[matched["included"]].drop_duplicates("study")
    assert (studies["class"].sum(), len(studies)) == POSITIVE[size]
    assert studies["score"].astype(float).between(-0.45, 0.6).all()


def test_all_sample_types_occur(matched):
    assert set(matched.loc[matched["included"], "sample_type"]) == {"biopsy", "cfdna"}


TEST_PATIENTS = {"demo": {"LiTS": 4, "mSCLC": 8}, "test": {"LiTS": 2, "mSCLC": 4}}


@pytest.mark.parametrize("seed", [SEED, 1, 2])
def test_every_fold_and_the_test_set_hold_both_classes(size, sheets, matched, seed, tmp_path):
    series = sheets[0]
    rules = Rules(5, TEST_PATIENTS[size], 8, {"lits": ["LiTS"]}, "mSCLC", seed)
    ledger: Ledger = assign(read_ledger(tmp_path), series, patient_strata(matched), rules)
    place = matched["patient"].map(ledger.places)
    included = matched[matched["included"]]
    both = included.groupby(place[matched["included"]])["class"].nunique()
    assert both.to_dict() == dict.fromkeys(["0", "1", "2", "3", "4", "test"], 2)
    referenced = series[(series["reference"] != "") & (series["cohort"] == "mSCLC")]
    assert (referenced["patient"].map(ledger.places) == "test").any()


@pytest.mark.parametrize("seed", range(1, 6))
def test_counts_hold_for_every_seed(seed):
    sheets = demo_cohort(SIZES["demo"], seed)
    target = sheets.series[sheets.series["cohort"] == "mSCLC"]
    assert (target["patient"].nunique(), len(target)) == (28, 40)
    assert pd.to_numeric(sheets.molecular["score"]).notna().all()
    for name, sheet in sheets._asdict().items():
        check(sheet, SHEETS[name], f"{name}.tsv")
