"""What keeps two from one folder, what Ctrl-C leaves time for, and what a run says at its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from livermet.errors import InputError
from livermet.ledger.tables import BATCHES
from livermet.patients.ended import RESULTS, Ended, results_told, unfinished
from livermet.patients.preparing import COHORT, LEDGER, SHEET
from livermet.patients.results import prediction_table, series_table
from livermet.patients.running import STOPPED, alone
from livermet.patients.tables import NEW_SERIES, PREDICTIONS
from livermet.sheets import SERIES_COLUMNS, SERIES_SHEET
from livermet.tables import write_table

from ..patient_phantoms import PATIENT_NAME, STUDY, THICK, THIN, measured, verdicts

# A run that takes a second to stop its jobs, and the command that waits for it. Both hear Ctrl-C
# as in a terminal, also where a shell has started the tests in the background.
RUN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
pathlib.Path(sys.argv[1], "begun").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    pathlib.Path(sys.argv[1], "stopped").touch()
    sys.exit(3)
"""
WAITS = """
import signal, subprocess, sys
from livermet.patients.running import _ended
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(_ended(subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])))
"""


def test_ctrl_c_leaves_a_run_the_time_to_stop_its_jobs(tmp_path):
    command = [sys.executable, "-c", WAITS, RUN, str(tmp_path)]
    with subprocess.Popen(command, start_new_session=True) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            time.sleep(0.05)
        # A terminal tells all processes of its group.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == STOPPED
    assert (tmp_path / "stopped").exists()


def test_a_place_that_cannot_be_a_folder_is_told(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="is no folder; name another one"), alone(out):
            pass
    out = tmp_path / "link"
    out.symlink_to("/proc/nowhere")
    with pytest.raises(InputError, match="name another"), alone(out):
        pass


def study_of(number: int) -> tuple[str, str]:
    return f"p{number}", f"p{number}_20240301"


@pytest.fixture
def out(tmp_path) -> Path:
    """Three patients, of whom the first two have a result; a fourth was left out later."""
    rows = pd.DataFrame("", index=range(3), columns=SERIES_COLUMNS)
    rows = rows.assign(series=["a", "b", "c"], patient=[study_of(n)[0] for n in range(3)], age=None)
    rows = rows.assign(study_date="2024-03-01", cohort="patients", image="a")
    write_table(rows, tmp_path / SHEET, SERIES_SHEET)
    for number in (0, 1, 3):
        patient, study = study_of(number)
        table = prediction_table(study, patient, measured(), verdicts("Why."))
        place = tmp_path / RESULTS / "studies" / study / "prediction.tsv"
        write_table(table, place, PREDICTIONS)
        place.with_name("series.tsv").write_text(f"series\n{'abcd'[number]}\n")
    return tmp_path


def ended(out: Path, since: float = 0.0, **changes) -> str:
    return results_told(out, Ended(lacking=unfinished(out, since), **changes))


def write_job(out: Path, name: str, has_record: bool) -> Path:
    """Write what a job leaves: its log, and its record where it ended well."""
    run = out / "results" / "predict"
    log, record = run / "logs" / f"{name}.log", run / "records" / f"{name}.json"
    for path in (log, record):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if not has_record:
        record.unlink()
    return log


@pytest.mark.parametrize("name", ["ingest_series/a", "measure_detection/m/b0001", "judge_study/p0"])
def test_an_earlier_page_is_no_result_where_a_job_of_its_study_failed(out, name):
    name = name.replace("p0", study_of(0)[1])
    write_table(
        pd.DataFrame({"series": list("abc"), "batch": ["b0001", "b0002", "b0003"]}),
        out / LEDGER / "batches.tsv",
        BATCHES,
    )
    (out / LEDGER / "splits.tsv").write_text("patient\tcohort\tplace\n")
    write_job(out, "ingest_series/b", has_record=True)
    log = write_job(out, name, has_record=False)
    # Of a series that has left, and of an earlier run.
    write_job(out, "ingest_series/d", has_record=False)
    os.utime(write_job(out, "view_series/b0002", has_record=False), (1e9, 1e9))
    assert unfinished(out, since=1e9 + 1) == {study_of(0)[1]: [log], study_of(2)[1]: []}
    told = ended(out, since=1e9 + 1)
    assert f"Not finished: {study_of(0)[1]}; {log} says why" in told
    assert f"{study_of(0)[1]}: " not in told


def test_a_study_without_a_result_is_named_and_no_list_that_lacks_it(out):
    told = ended(out)
    assert f"Not finished: {study_of(2)[1]}\n" in told
    assert "The lists of all studies are written when each is finished." in told
    assert "index.html" not in told
    assert study_of(3)[1] not in told
    told = ended(out, status=1, others_listed=True)
    assert f"All others: {out / RESULTS / 'index.html'}" in told


def test_all_studies_lead_to_their_list(out):
    patient, study = study_of(2)
    table = prediction_table(study, patient, measured(), verdicts("Why."))
    place = out / RESULTS / "studies" / study / "prediction.tsv"
    write_table(table, place, PREDICTIONS)
    place.with_name("series.tsv").write_text("series\nc\n")
    told = ended(out)
    assert "Not finished" not in told
    assert told.count("3 lesions, 3.5 ml; no validated prediction") == 3
    assert f"All studies: {out / RESULTS / 'index.html'}" in told
    assert "some of these results may be of an earlier run" in ended(out, status=1)


def write_sheet(out, series, patient=PATIENT_NAME):
    row = dict.fromkeys(SERIES_SHEET.names, "") | {"patient": patient, "cohort": COHORT}
    row |= {"study_date": "2024-03-01", "lesions_read": "present"}
    rows = [row | {"series": name, "image": f"{name}/dicom"} for name in series]
    pd.DataFrame(rows, columns=SERIES_SHEET.names).to_csv(out / SHEET, sep="\t", index=False)


def test_a_page_of_other_series_than_the_sheets_is_no_result(tmp_path):
    folder = tmp_path / RESULTS / "studies" / STUDY
    folder.mkdir(parents=True)
    found = measured()
    predicted = prediction_table(STUDY, PATIENT_NAME, found, verdicts())
    write_table(predicted, folder / "prediction.tsv", PREDICTIONS)
    write_table(series_table(STUDY, found, verdicts()), folder / "series.tsv", NEW_SERIES)
    write_sheet(tmp_path, [THICK, THIN])
    assert f"{STUDY}: " in ended(tmp_path)
    # A third series came, or one was left out, and the study's job failed.
    for names in ([THICK, THIN, f"{STUDY}_1mm_cccccc"], [THIN]):
        write_sheet(tmp_path, names)
        said = ended(tmp_path)
        assert f"Not finished: {STUDY}\n" in said
        assert f"{STUDY}: " not in said
    # All of the study was left out, and another one is in the sheet.
    write_sheet(tmp_path, ["other_20240301_5mm_dddddd"], "other")
    assert STUDY not in ended(tmp_path)
