"""Whether a study's results are, byte for byte, those that a run from nothing makes of it.

Where a series was withdrawn, its own files stay, and so do its rows in the tables of its batch,
which no table of the cohort takes; only these, and what records say of them, may differ.
"""

import json
import re
from pathlib import Path

from small_study import Study

from livermet.ledger.tables import read_ledger
from livermet.provenance.findings import OWN_FILES

NO_RESULTS = ("logs", "benchmarks", "journal")


def differences(study: Study, fresh: Study) -> list[str]:
    """Name the files of a fresh run of the same inputs that a study's results differ in."""
    gone = study.withdrawn()
    found, expected = result_files(study.results), result_files(fresh.results)
    more = {name for name in found - expected if not any(series in name for series in gone)}
    batches = read_ledger(study.inputs / "ledger").batches
    kept = set(batches.loc[batches["series"].isin(gone), "batch"])
    return sorted((expected - found) | more) + [
        name
        for name in sorted(expected & found)
        if _comparable(study.results / name, gone, kept)
        != _comparable(fresh.results / name, gone, kept)
    ]


def result_files(results: Path) -> set[str]:
    """Name every result of a run, records too; what tells of its time and place is none."""
    paths = (path.relative_to(results) for path in results.rglob("*") if path.is_file())
    names = {str(path) for path in paths if path.parts[0] not in NO_RESULTS}
    return names - OWN_FILES


def tables_with(study: Study, names: set[str]) -> list[str]:
    """Name the tables and pages of the cohort in which a series of these stands.

    The viewer's page of a series is its own file, which stays.
    """
    return [
        name
        for name in sorted(result_files(study.results))
        if name.endswith((".tsv", ".csv", ".html"))
        and "/batches/" not in name
        and Path(name).stem not in names
        and any(series in (study.results / name).read_text() for series in names)
    ]


def _comparable(path: Path, gone: set[str], kept: set[str]) -> bytes:
    """Return a file's content without what a withdrawn series has left in its batch."""
    of_batch = any(re.search(rf"\b{batch}\b", path.name) for batch in kept)
    if of_batch and path.suffix == ".tsv":
        lines = path.read_text().splitlines()
        return "\n".join(line for line in lines if line.split("\t")[0] not in gone).encode()
    if of_batch and path.parent.name == "quality":
        pictures = json.loads(path.read_text())
        return json.dumps(
            {name: pictures[name] for name in sorted(pictures.keys() - gone)}
        ).encode()
    if path.suffix == ".json" and "records" in path.parts:
        record = json.loads(path.read_text())
        return json.dumps(_without(record, gone, kept, of_batch)).encode()
    return path.read_bytes()


def _without(record: dict, gone: set[str], kept: set[str], of_batch: bool) -> dict:
    tables = [f"{folder}/{batch}." for folder in ("batches", "quality") for batch in kept]
    if of_batch:
        by_series = record["params"]["by_series"]
        record["params"]["by_series"] = {k: v for k, v in by_series.items() if k not in gone}
        # Raw data have no path in a record, but their series.
        left_out = [*gone, *tables]
    else:
        left_out = tables
    record["inputs"] = [
        (path, series, checksum)
        for path, series, checksum in record["inputs"]
        if series not in gone and not any(name in path for name in left_out)
    ]
    record["outputs"] = {
        path: checksum
        for path, checksum in record["outputs"].items()
        if not any(name in path for name in left_out)
    }
    return record
