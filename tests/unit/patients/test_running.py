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
from livermet.patients.preparing import COHORT, SHEET
from livermet.patients.results import prediction_table, series_table
from livermet.patients.running import RESULTS, alone, results_told
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
        assert process.wait(30) == 3
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


def test_a_study_without_a_result_is_named_and_no_list_that_lacks_it(out):
    told = results_told(out)
    assert f"Without a result: {study_of(2)[1]};" in told
    assert "The lists of all studies are written when each has a result." in told
    assert "index.html" not in told
    assert study_of(3)[1] not in told


def test_all_studies_lead_to_their_list(out):
    patient, study = study_of(2)
    table = prediction_table(study, patient, measured(), verdicts("Why."))
    place = out / RESULTS / "studies" / study / "prediction.tsv"
    write_table(table, place, PREDICTIONS)
    place.with_name("series.tsv").write_text("series\nc\n")
    told = results_told(out)
    assert "Without a result" not in told
    assert told.count("3 lesions, 3.5 ml; no validated prediction") == 3
    assert f"All studies: {out / RESULTS / 'index.html'}" in told
    assert "some of these results may be of an earlier run" in results_told(out, failed=True)


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
    assert f"{STUDY}: " in results_told(tmp_path)
    # A third series came, or one was left out, and the study's job failed.
    for names in ([THICK, THIN, f"{STUDY}_1mm_cccccc"], [THIN]):
        write_sheet(tmp_path, names)
        said = results_told(tmp_path)
        assert f"Without a result: {STUDY};" in said
        assert f"{STUDY}: " not in said
    # All of the study was left out, and another one is in the sheet.
    write_sheet(tmp_path, ["other_20240301_5mm_dddddd"], "other")
    assert STUDY not in results_told(tmp_path)
