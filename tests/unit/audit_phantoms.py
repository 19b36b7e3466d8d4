"""A run of two series from scan to table 4, each file a line of text, with the records of its jobs.

Its jobs have the names of real rules, and read and write what these do.
"""

import time
from pathlib import Path
from typing import Any

from livermet.files import write_json
from livermet.provenance.journal import write_journal
from livermet.provenance.records import (
    BY_SERIES,
    NETWORK,
    Checksums,
    Record,
    hints_path,
    path_in_run,
    write_record,
)

RUN = Path("results/demo")
ARCHIVE = Path("archive")
SERIES = ("m1_thin", "m2_thin")
TABLE_4 = "tables/table4_classification.csv"
PREDICTION = "predictions/unet/single/m1_thin.nii.gz"
BATCH = {series: {"cts": True} for series in SERIES}
CLASSIFIERS = ("LR", "XGB")


def write(path: str | Path, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def run_job(
    name: str,
    inputs: list[str],
    outputs: dict[str, str],
    params: dict[str, Any] | None = None,
    raw: tuple[tuple[str, str], ...] = (),
) -> None:
    """Write a job's files, journal and record in the working folder.

    Inputs and outputs are named from the run's folder on; `raw` are files of the archive and whose
    they are.
    """
    record = RUN / "records" / f"{name}.json"
    sums = Checksums()
    read = [[path, "", sums.of(str(RUN / path))] for path in inputs]
    read += [["", series, sums.of(str(ARCHIVE / path))] for path, series in raw]
    for path, text in outputs.items():
        write(RUN / path, text)
    paths = [str(RUN / path) for path in outputs]
    written = {path_in_run(record, path): sums.of(path) for path in paths}
    write_json(sums.read, hints_path(record))
    write_journal(name.partition("/")[0], time.time(), record)
    write_record(Record("c0de", params or {}, read, written), record)


def cts() -> list[str]:
    return [f"series/{series}/ct.nii.gz" for series in SERIES]


def ingest(series: str, ct: str) -> None:
    write(ARCHIVE / f"{series}.nii.gz", ct)
    outputs = {f"series/{series}/ct.nii.gz": ct, f"series/{series}/acquisition.json": "{}"}
    run_job(f"ingest_series/{series}", [], outputs, {}, ((f"{series}.nii.gz", ""),))


def predict() -> None:
    outputs = {f"predictions/unet/single/{series}.nii.gz": f"mask {series}" for series in SERIES}
    run_job("predict_monai/unet_b1", [*cts(), "monai/unet/model.pt"], outputs, {BY_SERIES: BATCH})


def make_run(settings: bool = True) -> None:
    """Make the whole run in the working folder."""
    for series in SERIES:
        ingest(series, f"ct {series}")
    network = {NETWORK: {"training": [SERIES[1]]}}
    run_job("train_monai/unet", cts()[1:], {"monai/unet/model.pt": "weights"}, network)
    predict()
    masks = [f"predictions/unet/single/{series}.nii.gz" for series in SERIES]
    batch = "series\tvolume\n" + "".join(f"{series}\t1\n" for series in SERIES)
    made = {"radiomics/unet/batches/b1.scans.tsv": batch}
    run_job("extract_radiomics/unet/b1", [*cts(), *masks], made, {BY_SERIES: BATCH})
    features = {"radiomics/unet/features.csv": "File,volume\nm1_thin,1\nm2_thin,1\n"}
    run_job("collect_radiomics/unet", list(made), features)
    facts = "series\tpatient\nm1_thin\tm1\nm2_thin\tm2\n"
    run_job("gather_facts", list(features), {"cohort/facts.tsv": facts})
    folder = "phenotype/unet/published"
    for one in CLASSIFIERS:
        predicted = {f"{folder}/{one}/predictions.tsv": f"{one}\nm1_thin\n"}
        run_job(f"fit_published/unet/{one}", list(features), predicted)
    predictions = [f"{folder}/{one}/predictions.tsv" for one in CLASSIFIERS]
    table = "protocol,model,metric,mean\npublished,LR,auc,0.75\npublished,XGB,auc,0.5\n"
    run_job("tabulate_classification", predictions, {TABLE_4: table})
    run_job("write_report", [TABLE_4, "cohort/facts.tsv"], {"report.html": "<p>0.75</p>"})
    if settings:
        tell_settings(["report.html"])


def tell_settings(targets: list[str]) -> None:
    """Write what the run was told to do, and what it makes for readers."""
    told = {"run": "demo", "settings": {"seed": 1}, "series": list(SERIES), "targets": targets}
    path = "provenance/settings.json"
    run_job("write_settings", [], {})
    write_json(told, RUN / path)
    record = RUN / "records" / "write_settings.json"
    sums = {path: Checksums().of(str(RUN / path))}
    write_record(Record("c0de", {}, [], sums), record)
