"""What a record says of a plan: each fault by its own sign, and none where nothing has changed."""

import os

import pytest

from livermet.files import write_json
from livermet.provenance import Logic
from livermet.records import (
    BY_SERIES,
    NETWORK,
    Checksums,
    Fault,
    Record,
    Wanted,
    changed_params,
    checksum_of,
    faults,
    is_trained,
    keep_logic,
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
MAKER = record_path("results/run/logs/predict/b1.log")


def finished(params=None, inputs=None, source="archive/ct.nii"):
    """Write a source, a made input, a result and the record of the job between them."""
    for path, text in ((source, "ct"), ("mask.nii", "mask"), ("table.tsv", "table")):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w") as stream:
            stream.write(text)
    inputs = inputs or [(source, None), ("mask.nii", MAKER)]
    wanted = Wanted(LOG, "code", params or {"seed": 1}, inputs, ["table.tsv"])
    read = [[path, checksum_of(path)] for path, _ in inputs]
    made = {"table.tsv": checksum_of("table.tsv")}
    record = Record("code", wanted.params, read, made)
    maker = Record("", {}, [], {"mask.nii": checksum_of("mask.nii")})
    return wanted, {wanted.record: record, MAKER: maker}


def found(wanted, records):
    return {finding.fault: finding.names for finding in faults(wanted, records, Checksums())}


def test_nothing_has_changed():
    assert found(*finished()) == {}


def test_a_record_stands_beside_the_log_of_its_job_and_comes_back():
    assert str(record_path("results/logs/logs/fit/LR.log")) == "results/records/logs/fit/LR.json"
    record = Record("c", {"a": [1, None]}, [["x", "1"]], {"y": "2"})
    write_record(record, record_path(LOG))
    assert read_record("results/run/records/measure/b1.json") == record
    assert read_record("nowhere.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"code": 1}'])
def test_half_a_record_is_no_record(tmp_path, text):
    (tmp_path / "half.json").write_text(text)
    assert read_record("half.json") is None


def test_a_job_without_a_record_or_without_its_files_runs():
    wanted, records = finished()
    assert found(wanted, records | {wanted.record: None}) == {Fault.UNKNOWN: ["table.tsv"]}
    os.remove("table.tsv")
    assert found(wanted, records) == {Fault.MISSING: ["table.tsv"]}


def test_an_edited_result_is_made_again_and_a_touched_one_is_not():
    wanted, records = finished()
    os.utime("table.tsv", (1, 1))
    assert found(wanted, records) == {}
    with open("table.tsv", "w") as stream:
        stream.write("tabel")
    assert found(wanted, records) == {Fault.ALTERED: ["table.tsv"]}


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
    assert found(wanted, records | {MAKER: newer}) == {Fault.INPUTS: ["mask.nii"]}
    assert found(wanted, records | {MAKER: None}) == {Fault.INPUTS: ["mask.nii"]}


def test_an_archive_may_move_but_a_result_that_was_made_may_not():
    _, records = finished()
    os.rename("archive", "moved")
    there = [("moved/ct.nii", None), ("mask.nii", MAKER)]
    assert found(Wanted(LOG, "code", {"seed": 1}, there, ["table.tsv"]), records) == {}
    elsewhere = [("moved/ct.nii", None), ("other.nii", MAKER)]
    assert found(Wanted(LOG, "code", {"seed": 1}, elsewhere, ["table.tsv"]), records) == {
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
    fewer = Wanted(LOG, "code", {"seed": 1, BY_SERIES: {"b": "single"}}, mask, ["table.tsv"])
    assert found(fewer, records) == {}
    other = Wanted(LOG, "code", {"seed": 1, BY_SERIES: {"b": "ensemble"}}, mask, ["table.tsv"])
    assert found(other, records) == {Fault.PARAMS: ["b"]}
    more = both | {BY_SERIES: {"a": "single", "b": "single", "c": "single"}}
    third = Wanted(LOG, "code", more, wanted.inputs, ["table.tsv"])
    assert found(third, records) == {Fault.PARAMS: ["c"]}


def test_params_are_compared_as_json_holds_them():
    assert plain({"a": (1, 2), 3: None}) == {"a": [1, 2], "3": None}
    assert changed_params({"a": 1, "b": 2}, {"a": 1, "c": 2}) == ["b", "c"]


def test_a_network_is_trained_if_its_record_names_what_decides_its_weights():
    network = {NETWORK: {"settings": {"epochs": 4}, "training": ["a"]}}
    assert not is_trained(network, LOG, ["table.tsv"])
    wanted, records = finished(network)
    write_record(records[wanted.record], wanted.record)
    assert is_trained(network, LOG, ["table.tsv"])
    assert not is_trained(network, LOG, ["table.tsv", "lost.pth"])
    longer = {NETWORK: {"settings": {"epochs": 5}, "training": ["a", "b"]}}
    assert not is_trained(longer, LOG, ["table.tsv"])
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
        monkeypatch.setattr("livermet.records.KNOWN_LOGIC", found_out)
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
    from livermet.records import read_hints

    (tmp_path / "hints.json").write_text("{")
    assert read_hints("hints.json") == read_hints("nowhere.json") == {}
    write_json({"a": ["s", "c"]}, tmp_path / "hints.json")
    assert read_hints("hints.json") == {"a": ["s", "c"]}
