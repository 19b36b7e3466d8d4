"""The ledger: places that never move, strata that fill the folds, batches that never reopen."""

import pandas as pd
import pytest

from livermet.errors import InputError
from livermet.leakage import (
    audit_roles,
    classification_splits,
    classification_training,
    leaks,
    stale_cases,
)
from livermet.ledger import (
    Ledger,
    Rules,
    assign,
    empty_ledger,
    lacking,
    read_ledger,
    unusable_sets,
    write_ledger,
)

RULES = Rules(
    folds=2,
    test={"LiTS": 1, "mSCLC": 3},
    batch_size=4,
    training_sets={"lits": ["LiTS"], "both": ["LiTS", "mSCLC"]},
    stratified_cohort="mSCLC",
    seed=7,
)


def sheet(lits=5, msclc=9):
    """One series a patient; the mSCLC patients of even number have no reference."""
    rows = [(f"l{n}", f"L{n}", "LiTS", "ref") for n in range(lits)]
    rows += [(f"m{n}", f"M{n}", "mSCLC", "ref" if n % 2 else "") for n in range(msclc)]
    return pd.DataFrame(rows, columns=["series", "patient", "cohort", "reference"])


def strata(count=9):
    """One patient in three has a negative study."""
    return pd.Series({f"M{n}": "only_positive" if n % 3 else "any_negative" for n in range(count)})


def counts(ledger, cohort):
    places = ledger.splits.loc[ledger.splits["cohort"] == cohort, "place"]
    return places.value_counts().to_dict()


def test_every_patient_has_one_place_and_test_sizes_are_kept():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    assert sorted(ledger.splits["patient"]) == sorted(sheet()["patient"])
    assert counts(ledger, "LiTS") == {"test": 1, "0": 2, "1": 2}
    assert counts(ledger, "mSCLC") == {"test": 3, "0": 3, "1": 3}


def test_strata_are_spread_in_proportion():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    # Of 3 any_negative and 6 only_positive patients 3 are tested: 1 and 2; 2 and 4 fill 2 folds.
    table = ledger.splits[ledger.splits["cohort"] == "mSCLC"]
    by_place = table.groupby([table["patient"].map(strata()), "place"]).size()
    assert by_place["any_negative"].to_dict() == {"test": 1, "0": 1, "1": 1}
    assert by_place["only_positive"].to_dict() == {"test": 2, "0": 2, "1": 2}


def test_new_patients_move_no_line():
    first = assign(empty_ledger(), sheet(), strata(), RULES)
    second = assign(first, sheet(lits=7, msclc=12), strata(12), RULES)
    pd.testing.assert_frame_equal(second.splits.head(len(first.splits)), first.splits)
    pd.testing.assert_frame_equal(second.batches.head(len(first.batches)), first.batches)
    assert second.training_sets == first.training_sets
    # The test sets were full: the newcomers are in the folds, and in batches of their own.
    added = second.splits.tail(5)
    assert set(added["place"]) <= {"0", "1"}
    assert not set(second.batches.tail(5)["batch"]) & set(first.batches["batch"])


def test_assigning_twice_changes_nothing():
    first = assign(empty_ledger(), sheet(), strata(), RULES)
    again = assign(first, sheet(), strata(), RULES)
    pd.testing.assert_frame_equal(again.splits, first.splits)
    pd.testing.assert_frame_equal(again.batches, first.batches)


def test_test_patients_by_an_explicit_list():
    rules = Rules(**vars(RULES) | {"test": {"LiTS": 1, "mSCLC": ["M1", "M2"]}})
    ledger = assign(empty_ledger(), sheet(), strata(), rules)
    tested = ledger.splits[ledger.splits["place"] == "test"]
    assert set(tested.loc[tested["cohort"] == "mSCLC", "patient"]) == {"M1", "M2"}


def test_a_fold_patient_cannot_become_a_test_patient():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    in_fold = next(p for p, place in ledger.places.items() if place == "0" and p[0] == "M")
    rules = Rules(**vars(RULES) | {"test": {"LiTS": 1, "mSCLC": [in_fold]}})
    with pytest.raises(InputError, match=f"patient '{in_fold}', whom the ledger has in a fold"):
        assign(ledger, sheet(), strata(), rules)


def test_too_few_patients_of_a_stratum_for_the_folds():
    with pytest.raises(InputError, match="2 training patients of stratum 'any_negative'"):
        assign(empty_ledger(), sheet(), strata(), Rules(**vars(RULES) | {"folds": 3}))


def test_training_sets_hold_training_patients_with_a_reference():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    assert len(ledger.training_sets["lits"]) == 4
    for series, patient in ledger.training_sets["both"].items():
        assert patient == series.upper()
        assert ledger.places[series.upper()] != "test"
        assert series[0] == "l" or int(series[1:]) % 2 == 1


def test_batches_hold_every_series_once_and_no_more_than_their_size():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    assert sorted(ledger.batches["series"]) == sorted(sheet()["series"])
    assert ledger.batches["batch"].value_counts().max() <= 4


def test_written_and_read_again(tmp_path):
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    write_ledger(ledger, tmp_path)
    again = read_ledger(tmp_path)
    pd.testing.assert_frame_equal(again.splits, ledger.splits)
    pd.testing.assert_frame_equal(again.batches, ledger.batches)
    assert again.training_sets == ledger.training_sets


def test_what_the_ledger_lacks_is_named():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    assert lacking(sheet(msclc=10), ledger, ["lits", "new"]) == [
        "The ledger lacks the patient M9: run make assign.",
        "The ledger lacks the series m9: run make assign.",
        "The ledger lacks the training set new: run make assign.",
    ]
    more = sheet(msclc=16)
    more["patient"] = more["patient"].where(more["cohort"] == "LiTS", "M1")
    (sentence,) = lacking(more, ledger, [])
    assert sentence.startswith("The ledger lacks the series m10, m11, m12, m13, m14 and 2 more:")


def test_a_patient_keeps_the_cohort():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    moved = sheet()
    moved.loc[moved["patient"] == "L1", "cohort"] = "mSCLC"
    (sentence,) = lacking(moved, ledger, [])
    assert "Patient 'L1' is in cohort mSCLC by the sheet of series and in LiTS by" in sentence
    with pytest.raises(InputError, match="Patient 'L1' is in cohort mSCLC"):
        assign(ledger, moved, strata(), RULES)


def test_an_empty_training_set_is_not_written():
    without = sheet().assign(reference="")
    with pytest.raises(InputError, match="Training set 'lits' would be empty"):
        assign(empty_ledger(), without, strata(), RULES)


def test_a_training_set_needs_the_folds_of_the_config():
    ledger = assign(empty_ledger(), sheet(), strata(), RULES)
    assert unusable_sets(ledger, ["both"], folds=2) == []
    in_fold_1 = [p for p in ledger.training_sets["both"].values() if ledger.places[p] == "1"]
    told = unusable_sets(ledger, ["both"], folds=1)
    assert len(told) == len(in_fold_1) > 0
    assert "whose place in the ledger is 1 and not one of the 1 folds" in told[0]


def test_two_places_of_a_patient_are_refused(tmp_path):
    splits = pd.DataFrame(
        [("a", "LiTS", "0"), ("a", "LiTS", "test")], columns=["patient", "cohort", "place"]
    )
    write_ledger(Ledger(splits, pd.DataFrame(columns=["series", "batch"])), tmp_path)
    with pytest.raises(InputError, match="patient 'a' two places"):
        read_ledger(tmp_path)


def test_the_audit_names_a_patient_on_both_sides():
    splits = pd.DataFrame(
        [("a", "LiTS", "0"), ("b", "LiTS", "1"), ("c", "LiTS", "test"), ("d", "LiTS", "1")],
        columns=["patient", "cohort", "place"],
    )
    clean = audit_roles(splits, "segmentation", "nnunet", "0", {"b"})
    assert list(clean["role"]) == ["held_out", "train", "test", "unseen"]
    assert leaks(clean) == []
    in_fold = leaks(audit_roles(splits, "segmentation", "nnunet", "0", {"a", "b"}))
    assert len(in_fold) == 1
    assert "Patient 'a'" in in_fold[0]
    in_test = leaks(audit_roles(splits, "segmentation", "unet", "", {"c"}))
    assert len(in_test) == 1
    assert "Patient 'c'" in in_test[0]


def test_a_feature_table_whose_training_rows_are_in_two_groups():
    """The authors' table has 'val' rows, which train the final models as 'train' rows do."""
    features = pd.DataFrame(
        [("a", "val", "0"), ("a", "train", "0"), ("b", "train", "1"), ("c", "test", None)],
        columns=["unique_pt", "Group", "Fold"],
    )
    training = classification_training(features)
    assert training == {"0": ["b"], "1": ["a"]}
    splits = classification_splits(features)
    assert dict(zip(splits["patient"], splits["place"], strict=True)) == {
        "a": "0",
        "b": "1",
        "c": "test",
    }
    for fold, trained in training.items():
        assert leaks(audit_roles(splits, "classification", "corrected", fold, trained)) == []


def test_changed_and_withdrawn_cases_are_listed():
    recorded = {"s": {"ct": "1", "reference": "2"}, "t": {"ct": "3"}}
    table = stale_cases(recorded, {"s": {"ct": "1", "reference": "9"}})
    assert table.to_dict("records") == [
        {"series": "s", "file": "reference", "state": "changed"},
        {"series": "t", "file": "ct", "state": "withdrawn"},
    ]


def test_a_folder_without_a_ledger_is_an_empty_one(tmp_path):
    ledger = read_ledger(tmp_path)
    assert ledger.splits.empty
    assert ledger.batches.empty
    assert ledger.training_sets == {}
