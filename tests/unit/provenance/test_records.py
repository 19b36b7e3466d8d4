"""What a record says of a plan: each fault by its own sign, and none where nothing has changed."""

import os

import pytest

from livermet.files import write_json
from livermet.provenance.code import Logic
from livermet.provenance.records import (
    BY_SERIES,
    NETWORK,
    Checksums,
    Fault,
    Input,
    Record,
    Wanted,
    changed_params,
    checksum_of,
    faults,
    files_and_series,
    is_trained,
    keep_logic,
    path_in_run,
    plain,
    read_record,
    recall_logic,
    record_path,
    stamp_of,
    why_trained,
    write_record,
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


LOG = "results/run/logs/measure/b1.log"
MASK, TABLE = "results/run/mask.nii", "results/run/table.tsv"
MAKER = record_path("results/run/logs/predict/b1.log")


def finished(params=None, inputs=None, source="archive/ct.nii"):
    """Write a source, a made input, a result and the record of the job between them."""
    for path, text in ((source, "ct"), (MASK, "mask"), (TABLE, "table")):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w") as stream:
            stream.write(text)
    inputs = inputs or [Input(source), Input(MASK, made_by=MAKER)]
    wanted = Wanted(LOG, "code", params or {"seed": 1}, inputs, [TABLE])
    read = [
        [path_in_run(wanted.record, file.path), file.series, checksum_of(file.path)]
        for file in inputs
    ]
    record = Record("code", wanted.params, read, {"table.tsv": checksum_of(TABLE)})
    maker = Record("", {}, [], {"mask.nii": checksum_of(MASK)})
    return wanted, {wanted.record: record, MAKER: maker}


def found(wanted, records):
    return {finding.fault: finding.names for finding in faults(wanted, records, Checksums())}


def test_nothing_has_changed():
    assert found(*finished()) == {}


def test_a_record_stands_beside_the_log_of_its_job_and_comes_back():
    assert str(record_path("results/logs/logs/fit/LR.log")) == "results/logs/records/fit/LR.json"
    record = Record("c", {"a": [1, None]}, [["x", "", "1"]], {"y": "2"})
    write_record(record, record_path(LOG))
    assert read_record("results/run/records/measure/b1.json") == record
    assert read_record("nowhere.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"code": 1}'])
def test_half_a_record_is_no_record(tmp_path, text):
    (tmp_path / "half.json").write_text(text)
    assert read_record("half.json") is None


def test_a_job_without_a_record_or_without_its_files_runs():
    wanted, records = finished()
    assert found(wanted, records | {wanted.record: None}) == {Fault.UNKNOWN: [TABLE]}
    os.remove(TABLE)
    assert found(wanted, records) == {Fault.MISSING: [TABLE]}


def test_an_edited_result_is_made_again_and_a_touched_one_is_not():
    wanted, records = finished()
    os.utime(TABLE, (1, 1))
    assert found(wanted, records) == {}
    with open(TABLE, "w") as stream:
        stream.write("tabel")
    assert found(wanted, records) == {Fault.ALTERED: [TABLE]}


def test_code_params_and_inputs_each_show():
    wanted, records = finished()
    other = Wanted(LOG, "other", {"seed": 2}, wanted.inputs, wanted.outputs)
    assert found(other, records) == {Fault.CODE: ["other"], Fault.PARAMS: ["seed"]}
    with open("archive/ct.nii", "w") as stream:
        stream.write("tc")
    assert found(wanted, records) == {Fault.INPUTS: ["archive/ct.nii"]}


def test_an_input_counts_as_its_maker_recorded_it():
    wanted, records = finished()
    newer = Record("", {}, [], {"mask.nii": "another checksum"})
    assert found(wanted, records | {MAKER: newer}) == {Fault.INPUTS: [MASK]}
    assert found(wanted, records | {MAKER: None}) == {Fault.INPUTS: [MASK]}


def test_an_archive_may_move_but_a_result_that_was_made_may_not():
    _, records = finished()
    os.rename("archive", "moved")
    there = [Input("moved/ct.nii"), Input(MASK, made_by=MAKER)]
    assert found(Wanted(LOG, "code", {"seed": 1}, there, [TABLE]), records) == {}
    elsewhere = [Input("moved/ct.nii"), Input("other.nii", made_by=MAKER)]
    assert found(Wanted(LOG, "code", {"seed": 1}, elsewhere, [TABLE]), records) == {
        Fault.INPUTS: ["other.nii"]
    }


@pytest.mark.parametrize("change", ["more", "fewer", "exchanged"])
def test_the_inputs_of_an_aggregate_are_all_of_them_in_their_order(change):
    wanted, records = finished()
    ct, mask = wanted.inputs
    now = {"more": [ct, mask, ct], "fewer": [ct], "exchanged": [mask, ct]}[change]
    assert Fault.INPUTS in found(Wanted(LOG, "code", {"seed": 1}, now, wanted.outputs), records)


def test_a_withdrawn_series_costs_its_batch_nothing_and_a_new_one_reruns_it():
    both = {"seed": 1, BY_SERIES: {"a": "single", "b": "single"}}
    wanted, records = finished(both)
    mask = wanted.inputs[1:]
    fewer = Wanted(LOG, "code", {"seed": 1, BY_SERIES: {"b": "single"}}, mask, [TABLE])
    assert found(fewer, records) == {}
    other = Wanted(LOG, "code", {"seed": 1, BY_SERIES: {"b": "ensemble"}}, mask, [TABLE])
    assert found(other, records) == {Fault.PARAMS: ["b"]}
    more = both | {BY_SERIES: {"a": "single", "b": "single", "c": "single"}}
    third = Wanted(LOG, "code", more, wanted.inputs, [TABLE])
    assert found(third, records) == {Fault.PARAMS: ["c"]}


def test_params_are_compared_as_json_holds_them():
    assert plain({"a": (1, 2), 3: None}) == {"a": [1, 2], "3": None}
    assert changed_params({"a": 1, "b": 2}, {"a": 1, "c": 2}) == ["b", "c"]


def test_a_network_is_trained_if_its_record_names_what_decides_its_weights():
    network = {NETWORK: {"settings": {"epochs": 4}, "training": ["a"]}}
    assert not is_trained(network, LOG, [TABLE])
    wanted, records = finished(network)
    write_record(records[wanted.record], wanted.record)
    assert is_trained(network, LOG, [TABLE])
    assert not is_trained(network, LOG, [TABLE, "lost.pth"])
    longer = {NETWORK: {"settings": {"epochs": 5}, "training": ["a", "b"]}}
    assert not is_trained(longer, LOG, [TABLE])
    record = records[wanted.record]
    assert why_trained(record, longer, []) == (
        'settings.epochs was 4, is 5; training was ["a"], is ["a", "b"]'
    )
    # Another training set has its files elsewhere: that they are not there yet tells nothing more.
    assert why_trained(record, longer, ["x.pth"]) == why_trained(record, longer, [])
    assert why_trained(record, network, ["x.pth"]) == "files are missing: x.pth"
    assert why_trained(record, network, []) == ""
    assert why_trained(None, network, []) == "no record says how they were made"


def test_what_is_found_out_about_code_is_added_to_what_is_kept(monkeypatch):
    first, second = Logic("a", "b", ["c"]), Logic("d", "e", [])
    for found_out in ({"first": first}, {"second": second}, recalled := {}):
        monkeypatch.setattr("livermet.provenance.records.KNOWN_LOGIC", found_out)
        keep_logic()
    recall_logic()
    assert recalled == {"first": first, "second": second}


def test_a_folder_is_its_files_names_and_contents():
    os.makedirs("dicom/sub")
    for name in ("1.dcm", "sub/2.dcm", ".snakemake_timestamp"):
        with open(f"dicom/{name}", "w") as stream:
            stream.write(name)
    before, stamp = checksum_of("dicom"), stamp_of("dicom")
    with open("dicom/.snakemake_timestamp", "w") as stream:
        stream.write("later")
    os.rename("dicom", "elsewhere")
    assert checksum_of("elsewhere") == before
    with open("elsewhere/sub/2.dcm", "w") as stream:
        stream.write("sub/3.dcm")
    assert checksum_of("elsewhere") != before
    assert stamp_of("elsewhere") != stamp


def test_a_file_overwritten_under_its_old_time_and_size_is_read_again(tmp_path):
    (tmp_path / "slice").write_text("old")
    facts = os.stat("slice")
    sums = Checksums()
    old = sums.of("slice")
    later = Checksums()
    later.learn(sums.read)
    (tmp_path / "slice").write_text("new")
    os.utime("slice", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert later.of("slice") != old


def test_a_file_whose_times_are_known_is_not_read():
    with open("large", "w") as stream:
        stream.write("content")
    sums = Checksums()
    sums.learn({"large": [stamp_of("large"), "known"]})
    assert sums.of("large") == "known"
    assert sums.of("nowhere") is None
    assert sums.read == {}


def test_hints_that_cannot_be_read_are_none(tmp_path):
    from livermet.provenance.records import read_hints

    (tmp_path / "hints.json").write_text("{")
    assert read_hints("hints.json") == read_hints("nowhere.json") == {}
    write_json({"a": ["s", "c"]}, tmp_path / "hints.json")
    assert read_hints("hints.json") == {"a": ["s", "c"]}


REFERENCES = {"a": {"references": True}, "b": {"references": True}}


def batch_of_references(of_a: str, of_b: str, by_series=REFERENCES):
    """Write two references and the record of the batch that read them as those of a and of b."""
    for path, text in (("one.nii", "1"), ("two.nii", "2")):
        with open(path, "w") as stream:
            stream.write(text)
    files = files_and_series([("references", [of_a, of_b][: len(by_series)])], by_series)
    return [Input(path, series) for path, series in files]


def test_references_that_two_series_of_a_batch_have_exchanged_are_read_again():
    """In the sheet or in the archive: the files are the same, and each is of another series."""
    params = {BY_SERIES: REFERENCES}
    wanted, records = finished(params, batch_of_references("one.nii", "two.nii"))
    assert found(wanted, records) == {}
    exchanged = batch_of_references("two.nii", "one.nii")
    assert found(Wanted(LOG, "code", params, exchanged, [TABLE]), records) == {
        Fault.INPUTS: ["two.nii", "one.nii"]
    }
    os.rename("one.nii", "kept.nii")
    os.rename("two.nii", "one.nii")
    os.rename("kept.nii", "two.nii")
    assert found(wanted, records) == {Fault.INPUTS: ["one.nii", "two.nii"]}


def test_a_reference_that_a_withdrawn_series_leaves_to_another_is_read_again():
    _, records = finished({BY_SERIES: REFERENCES}, batch_of_references("one.nii", "two.nii"))
    b = {"b": {"references": True}}
    left = [Input("two.nii", "b")]
    assert found(Wanted(LOG, "code", {BY_SERIES: b}, left, [TABLE]), records) == {}
    taken = [Input("one.nii", "b")]
    assert found(Wanted(LOG, "code", {BY_SERIES: b}, taken, [TABLE]), records) == {
        Fault.INPUTS: ["one.nii"]
    }


def test_only_named_flags_give_a_file_its_series():
    by_series = {"a": {"references": True, "kind": "single"}, "b": {"references": False}}
    inputs = [("cts", ["1", "2"]), ("references", ["3"]), ("plan", "4")]
    assert files_and_series(inputs, by_series) == [("1", ""), ("2", ""), ("3", "a"), ("4", "")]
    assert files_and_series(inputs[:1], {"a": [0], "b": [1]}) == [("1", ""), ("2", "")]
    with pytest.raises(ValueError, match="shorter"):
        files_and_series([("references", ["3", "5"])], by_series)


def test_a_run_may_be_renamed():
    """Paths in records begin at the run's folder; a run may even be called as its folders are."""
    record = record_path("results/records/logs/fit.log")
    assert path_in_run(record, "results/records/series/a/ct.nii.gz") == "series/a/ct.nii.gz"
    assert path_in_run(record, "results/recordings/series/a/ct.nii.gz") == ""
    wanted, records = finished()
    os.rename("results/run", "results/renamed")
    log, maker = (str(path).replace("run", "renamed") for path in (LOG, MAKER))
    inputs = [wanted.inputs[0], Input("results/renamed/mask.nii", made_by=maker)]
    renamed = Wanted(log, "code", {"seed": 1}, inputs, ["results/renamed/table.tsv"])
    kept = {renamed.record: records[wanted.record], maker: records[MAKER]}
    assert found(renamed, kept) == {}
