"""The ledger: places that never move, strata that fill the folds, batches that never reopen."""

import shutil
import subprocess
import time

import pandas as pd
import pytest

from livermet.contracts import check
from livermet.errors import ContractError, InputError
from livermet.ledger.tables import (
    Ledger,
    Rules,
    assign,
    empty_ledger,
    lacking,
    read_ledger,
    unusable_sets,
    write_ledger,
)
from livermet.provenance.leakage import (
    AUDIT,
    STALE,
    audit_roles,
    classification_splits,
    classification_training,
    leaks,
    stale_cases,
)
from livermet.tables import write_table

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
    ledger = Ledger(splits, pd.DataFrame(columns=["series", "batch"]))
    with pytest.raises(ContractError, match="two rows are of patient a"):
        write_ledger(ledger, tmp_path / "refused")
    # No seal either, which would vouch for lines that are in no table.
    assert list(tmp_path.rglob("*")) == []
    splits.to_csv(tmp_path / "splits.tsv", sep="\t", index=False)
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
    check(clean, AUDIT, "provenance/leakage_audit.tsv")
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
        audit = audit_roles(splits, "classification", "corrected", fold, trained)
        assert leaks(audit) == []
        check(audit, AUDIT, "provenance/leakage_audit.tsv")


def test_changed_and_withdrawn_cases_are_listed():
    recorded = {"s": {"ct": "1", "reference": "2"}, "t": {"ct": "3"}}
    table = stale_cases(recorded, {"s": {"ct": "1", "reference": "9"}})
    assert table.to_dict("records") == [
        {"series": "s", "file": "reference", "state": "changed"},
        {"series": "t", "file": "ct", "state": "withdrawn"},
    ]
    of_model = table.assign(model="unet", fold=0)[STALE.names]
    check(of_model, STALE, "provenance/stale_models.tsv")


def test_a_folder_without_a_ledger_is_an_empty_one(tmp_path):
    ledger = read_ledger(tmp_path)
    assert ledger.splits.empty
    assert ledger.batches.empty
    assert ledger.training_sets == {}


TABLES = ["splits.tsv", "batches.tsv", "training_sets/both.tsv", "training_sets/lits.tsv"]


def git(folder, *words):
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def commit(folder):
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=ledger")


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a written ledger: 14 places in lines 2-15, below a study's folder."""
    folder = tmp_path / "study" / "ledger"
    write_ledger(assign(empty_ledger(), sheet(), strata(), RULES), folder)
    return folder


@pytest.fixture
def committed(folder):
    commit(folder.parent)
    return folder


def rewrite(path, change):
    """Change the lines of a file; the header is line 1, and so `lines[1]`."""
    lines = [None, *path.read_text().splitlines()]
    path.write_text("".join(f"{line}\n" for line in change(lines) if line is not None))


def without(*numbers):
    return lambda lines: [line for n, line in enumerate(lines) if n not in numbers]


def exchanged(a, b):
    def change(lines):
        lines[a], lines[b] = lines[b], lines[a]
        return lines

    return change


def with_line(number, text):
    return lambda lines: [*lines[:number], text, *lines[number:]]


def replaced(number, text):
    return lambda lines: [*lines[:number], text, *lines[number + 1 :]]


def refused(folder, **options):
    with pytest.raises(InputError) as caught:
        read_ledger(folder, **options)
    return str(caught.value)


ALTERED = {
    "a line edited": (replaced(5, "M99\tmSCLC\t0"), "(changed: line 5)"),
    "a space at a line's end": (
        lambda lines: replaced(5, lines[5] + " ")(lines),
        "changed: line 5",
    ),
    # Of two neighbours that change places, one can count as in place.
    "two neighbours exchanged": (exchanged(5, 6), "(out of place: line 5)"),
    "two lines exchanged": (exchanged(4, 9), "(out of place: lines 4, 9)"),
    "the first line moved to the end": (lambda a: [*a[:2], *a[3:], a[2]], "out of place: line 15"),
    "shortened in the middle": (without(6, 7, 10), "(missing: lines 6-7, 10)"),
    "a line added in the middle": (with_line(4, "M99\tmSCLC\t0"), "by make assign: line 4)"),
    "a line added at the end": (with_line(16, "M99\tmSCLC\t0"), "by make assign: line 16)"),
    "a line copied": (lambda lines: [*lines, lines[3]], "(not written by make assign: line 16)"),
    "all at once": (
        lambda lines: [*replaced(3, "M99\tmSCLC\t0")(without(8)(lines)), "M98\tmSCLC\t0"],
        "(changed: line 3; missing: line 8; not written by make assign: line 15)",
    ),
}


@pytest.mark.parametrize(("change", "told"), ALTERED.values(), ids=ALTERED)
def test_another_hand_in_the_ledger_is_refused_and_its_lines_are_named(folder, change, told):
    rewrite(folder / "splits.tsv", change)
    for unfinished in (False, True):
        text = refused(folder, unfinished=unfinished)
        assert text.startswith(f"{folder / 'splits.tsv'} is not as make assign wrote it")
        assert told in text
        assert f"git checkout -- {folder / 'splits.tsv'}" in text


def test_a_job_does_not_verify(folder):
    rewrite(folder / "splits.tsv", without(5))
    assert len(read_ledger(folder, verify=False).splits) == 13


def test_every_altered_file_is_told_at_once(folder):
    rewrite(folder / "splits.tsv", without(3))
    rewrite(folder / "training_sets" / "lits.tsv", replaced(2, "l9\tL9"))
    (folder / "training_sets" / "mine.tsv").write_text("series\tpatient\nl1\tL1\nl2\tL2\n")
    (folder / "batches.tsv").unlink()
    told = refused(folder).splitlines()
    assert [line.split(".tsv ", 1)[1].split(":")[0] for line in told] == [
        "is not as make assign wrote it (missing",
        "is missing, with all of the lines that seal.tsv knows (missing",
        "is not as make assign wrote it (changed",
        "is not as make assign wrote it (not written by make assign",
    ]
    assert "mine.tsv" in told[3]
    assert "lines 2-3)" in told[3]


def test_a_table_shortened_at_its_end_is_refused_and_can_be_assigned_again(folder):
    before = (folder / "batches.tsv").read_text()
    rewrite(folder / "batches.tsv", without(14, 15))
    text = refused(folder)
    assert "batches.tsv ends before the lines that seal.tsv knows (missing: lines 14-15)" in text
    assert "Run make assign again" in text
    ledger = assign(read_ledger(folder, unfinished=True), sheet(), strata(), RULES)
    # The two series that lack a batch may not come into the batches that they had.
    with pytest.raises(InputError, match=r"batches\.tsv would not begin as seal\.tsv says"):
        write_ledger(ledger, folder)
    assert (folder / "batches.tsv").read_text() != before


def test_other_line_endings_and_empty_lines_are_no_alteration(committed):
    for path in committed.rglob("*.tsv"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    again = read_ledger(committed)
    write_ledger(assign(again, sheet(lits=6), strata(), RULES), committed)
    assert "L5" in read_ledger(committed).places


def test_the_seal_grows_at_its_end(folder):
    first = (folder / "seal.tsv").read_text()
    ledger = assign(read_ledger(folder), sheet(lits=6), strata(), RULES)
    write_ledger(ledger, folder)
    second = (folder / "seal.tsv").read_text()
    assert second.startswith(first)
    assert [row.split("\t")[:2] for row in second[len(first) :].splitlines()] == [
        ["splits.tsv", "16"],
        ["batches.tsv", "16"],
    ]
    # sha256sum of 'l0\tb0001' without a line's end.
    assert "batches.tsv\t2\td9520941eb0bb671" in first
    write_ledger(ledger, folder)
    assert (folder / "seal.tsv").read_text() == second


def test_what_does_not_begin_with_the_sealed_lines_is_not_written(folder):
    ledger = read_ledger(folder)
    before = {path: path.read_text() for path in folder.rglob("*.tsv")}
    ledger.splits = ledger.splits.drop(index=3)
    del ledger.training_sets["lits"]
    with pytest.raises(InputError) as caught:
        write_ledger(ledger, folder)
    assert "splits.tsv would not begin as seal.tsv says (missing: line 5)" in str(caught.value)
    assert "lits.tsv would not begin as seal.tsv says (missing: lines 2-5)" in str(caught.value)
    assert {path: path.read_text() for path in folder.rglob("*.tsv")} == before


@pytest.mark.parametrize("known", [{}, {"lits": 5}])
@pytest.mark.parametrize("written", range(5))
def test_an_interrupted_writing_is_told_and_finished(tmp_path, monkeypatch, written, known):
    """Killed after the seal and any number of the four tables, with or without a ledger before."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    # Places and batches are added to an older ledger, and the set 'both'; 'lits' stays as it is.
    older = Rules(**vars(RULES) | {"training_sets": {"lits": ["LiTS"]}})
    for folder in (whole, broken) if known else ():
        write_ledger(assign(empty_ledger(), sheet(**known), strata(), older), folder)
    more = sheet(lits=8, msclc=9)
    rules = Rules(**vars(RULES) | {"training_sets": {"lits": ["LiTS"], "both": ["LiTS"]}})

    def finish(folder):
        ledger = assign(read_ledger(folder, unfinished=True), more, strata(), rules)
        write_ledger(ledger, folder)

    finish(whole)
    left = iter(range(written))

    def killed(table, path, contract):
        if next(left, None) is None:
            raise KeyboardInterrupt
        write_table(table, path, contract)

    with monkeypatch.context() as patch:
        patch.setattr("livermet.ledger.tables.write_table", killed)
        if written == 4:
            finish(broken)
        else:
            with pytest.raises(KeyboardInterrupt):
                finish(broken)
    # A killed writer may leave a part of a file as well.
    (broken / "training_sets").mkdir(exist_ok=True)
    (broken / "training_sets" / ".77.both.tsv").write_text("series\tpat")
    if written < 4:
        assert "Run make assign again with the same sheets" in refused(broken)
    rewritten = {path.relative_to(whole) for path in whole.rglob("*.tsv")}
    finish(broken)
    for name in rewritten:
        assert (broken / name).read_text() == (whole / name).read_text()
    assert set(read_ledger(broken).training_sets) == {"lits", "both"}


def test_a_line_added_by_hand_after_an_interruption_is_refused(folder):
    rewrite(folder / "splits.tsv", lambda lines: [*without(14, 15)(lines), "M99\tmSCLC\t0"])
    assert "(changed: line 14; missing: line 15)" in refused(folder, unfinished=True)


SEALS = {
    "a hash edited": replaced(3, "splits.tsv\t3\t0123456789abcdef"),
    "a row taken out": without(4),
    "two rows exchanged": exchanged(4, 9),
    "no header": without(1),
    "empty": lambda lines: [],
}


@pytest.mark.parametrize("change", SEALS.values(), ids=SEALS)
def test_an_altered_seal_is_refused_without_git(folder, change):
    rewrite(folder / "seal.tsv", change)
    refused(folder)
    with pytest.raises(InputError):
        write_ledger(read_ledger(folder, verify=False), folder)


@pytest.mark.parametrize("change", SEALS.values(), ids=SEALS)
def test_an_altered_seal_is_refused_as_such_with_git(committed, change):
    rewrite(committed / "seal.tsv", change)
    (sentence,) = refused(committed).splitlines()
    assert sentence.startswith(f"{committed / 'seal.tsv'} ")
    assert f"git checkout -- {committed / 'seal.tsv'}" in sentence


def reseal(folder):
    (folder / "seal.tsv").unlink(missing_ok=True)
    write_ledger(read_ledger(folder, verify=False), folder)


def test_a_table_and_its_seal_altered_alike_are_refused_where_git_has_them(committed):
    read_ledger(committed)
    rewrite(committed / "splits.tsv", exchanged(4, 9))
    reseal(committed)
    seal, splits = refused(committed).splitlines()
    assert "seal.tsv has been rewritten since its last commit" in seal
    assert "rows of splits.tsv (out of place: lines 4, 9)" in seal
    assert "splits.tsv is not as make assign wrote it (out of place: lines 4, 9)" in splits
    # What is committed is believed; its review is the place to notice it.
    commit(committed.parent)
    read_ledger(committed)


def test_a_ledger_that_grew_since_its_commit_is_accepted(committed):
    write_ledger(assign(read_ledger(committed), sheet(lits=7), strata(), RULES), committed)
    assert len(read_ledger(committed).splits) == 16


def test_a_deleted_seal_is_missed_where_git_has_it(committed):
    (committed / "seal.tsv").unlink()
    rewrite(committed / "splits.tsv", without(7))
    seal, splits = refused(committed, unfinished=True).splitlines()
    assert seal.startswith(f"{committed / 'seal.tsv'} is missing.")
    assert "splits.tsv is not as make assign wrote it (missing: line 7)" in splits


def test_a_deleted_ledger_is_missed_where_git_has_it(committed):
    shutil.rmtree(committed)
    told = refused(committed, unfinished=True).splitlines()
    assert len(told) == 5
    assert told[0].startswith(f"{committed / 'seal.tsv'} is missing.")


def test_without_a_seal_the_tables_begin_as_git_has_them(folder):
    """A ledger of an earlier livermet, which wrote no seal."""
    (folder / "seal.tsv").unlink()
    commit(folder.parent)
    splits = folder / "splits.tsv"
    as_committed = splits.read_text()
    for change, told in (
        (replaced(5, "M99\tmSCLC\t0"), "changed: line 5"),
        (exchanged(4, 9), "out of place: lines 4, 9"),
        (without(7), "missing: line 7"),
        (without(14, 15), "missing: lines 14-15"),
        (with_line(4, "M99\tmSCLC\t0"), "not written by make assign: line 4"),
    ):
        rewrite(splits, change)
        assert f"splits.tsv is not as make assign wrote it ({told})" in refused(folder)
        # A seal made afterwards is held against the commit too.
        reseal(folder)
        assert f"rows of splits.tsv ({told})" in refused(folder)
        (folder / "seal.tsv").unlink()
        splits.write_text(as_committed)
    # Lines behind the committed ones may be those of make assign: nobody can tell.
    rewrite(splits, lambda lines: [*lines, "L98\tLiTS\t1"])
    write_ledger(assign(read_ledger(folder), sheet(), strata(), RULES), folder)
    rewrite(splits, lambda lines: [*lines, "L99\tLiTS\t0"])
    assert "(not written by make assign: line 17)" in refused(folder)


def test_without_seal_and_git_nothing_can_be_known(folder):
    (folder / "seal.tsv").unlink()
    rewrite(folder / "splits.tsv", exchanged(4, 9))
    assert len(read_ledger(folder).splits) == 14


@pytest.mark.parametrize("obstacle", ["no git program", "no commit", "not tracked"])
def test_the_seal_alone_decides_where_git_has_nothing(folder, monkeypatch, obstacle):
    if obstacle == "no git program":
        monkeypatch.setenv("PATH", "")
    else:
        git(folder.parent, "init", "--quiet")
    if obstacle == "not tracked":
        git(folder.parent, "commit", "--quiet", "--allow-empty", "--message=first")
    read_ledger(folder)
    rewrite(folder / "splits.tsv", without(7))
    assert "missing: line 7" in refused(folder)


def test_a_long_ledger_is_verified_in_time(tmp_path):
    """10,000 lines in each of three tables, as they are and with one of them sorted anew."""
    rows = [(f"s{n}", f"p{n}", "LiTS", "ref") for n in range(10_000)]
    series = pd.DataFrame(rows, columns=["series", "patient", "cohort", "reference"])
    splits = pd.DataFrame(
        {
            "patient": series["patient"],
            "cohort": "LiTS",
            "place": [str(n % 5) for n in range(10_000)],
        }
    )
    batches = pd.DataFrame({"series": series["series"], "batch": "b0001"})
    sets = {"lits": dict(zip(series["series"], series["patient"], strict=True))}
    write_ledger(Ledger(splits, batches, sets), tmp_path)
    commit(tmp_path)
    start = time.perf_counter()
    read_ledger(tmp_path)
    # 0.3 s where it was measured, of which git takes 0.02; a busy machine takes longer.
    assert time.perf_counter() - start < 2
    splits.sort_values("place", kind="stable").to_csv(
        tmp_path / "splits.tsv", sep="\t", index=False
    )
    start = time.perf_counter()
    text = refused(tmp_path)
    assert time.perf_counter() - start < 2
    assert "out of place: lines" in text
