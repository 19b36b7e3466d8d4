"""What `livermet predict` says at its end: results of the series that the sheet has, and no others.

The study of patient_phantoms has two series.
"""

import pandas as pd

from livermet.patients.preparing import COHORT, SHEET
from livermet.patients.results import prediction_table, series_table
from livermet.patients.running import RESULTS, results_told
from livermet.patients.tables import NEW_SERIES, PREDICTIONS
from livermet.sheets import SERIES_SHEET
from livermet.tables import write_table

from ..patient_phantoms import PATIENT_NAME, STUDY, THICK, THIN, measured, verdicts


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
