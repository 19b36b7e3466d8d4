"""Bad input ends the plan with one sentence, before any job, and never with a traceback."""

import os

import numpy as np
import pandas as pd
import pytest
from study import Study, feature_table, make_study, write_files

from livermet.errors import InputError
from livermet.ledger.tables import read_ledger, write_ledger
from livermet.phenotype.table import FEATURES


def refusal(study) -> str:
    result = study.plan()
    assert result.returncode != 0
    text = result.stdout + result.stderr
    assert "Traceback" not in text
    return text


def change(study, column, row, value):
    table = study.series()
    table.loc[row, column] = value
    study.write_series(table)


def test_a_machine_without_the_data_is_told_what_is_missing_and_where_it_goes(tmp_path):
    empty = Study(tmp_path)
    empty.configure(run="study")
    text = refusal(empty)
    assert "There is no sheet at config/study/series.tsv" in text
    assert "lesions_read" in text
    assert "There is no sheet at config/study/molecular.tsv" in text
    assert "belong below data/" in text


def test_a_missing_column(study):
    study.write_series(study.series().drop(columns="phase"))
    assert "lacks the column 'phase'" in refusal(study)


def test_everything_wrong_with_a_sheet_is_listed_at_once(study):
    change(study, "cohort", 0, "Lits")
    change(study, "series", 2, "lits_1")
    text = refusal(study)
    assert "row 2: cohort 'Lits' is unknown; it takes LiTS, mSCLC" in text
    assert "row 4: series 'lits_1' stands in the sheet already" in text


def test_a_path_that_does_not_exist(study):
    change(study, "image", 3, "lits_3/scan.nii.gz")
    text = refusal(study)
    assert "row 5: series 'lits_3': the column 'image' names what is not there" in text
    assert "scan.nii.gz" not in text


def test_a_bad_row_stops_no_check_of_the_others(study):
    change(study, "study_date", 0, "1.2.2020")
    change(study, "image", 1, "lits_1")
    change(study, "image", 3, "lits_3/scan.zip")
    samples = pd.read_csv(study.folder / "molecular.tsv", sep="\t")
    samples["patient"] = samples["patient"].replace("M3", "m-3")
    study.write_molecular(samples)
    text = refusal(study)
    assert "row 2: study_date '1.2.2020' is not a date" in text
    assert "row 3: series 'lits_1': the column 'image' names a folder of volumes" in text
    assert "row 5: series 'lits_3': the column 'image' names what is not there" in text
    assert "molecular.tsv, row 5: patient 'm-3' has no series" in text


def test_paths_of_any_form_enter_and_are_not_printed(study):
    root = study.folder / "data"
    (root / "{4F2A}").mkdir()
    (root / "lits_3" / "ct.nii.gz").rename(root / "{4F2A}" / "ct.nii.gz")
    change(study, "image", 3, "{4F2A}/ct.nii.gz")
    latin = os.fsencode(root) + b"/M\xfcller Hans"
    os.rename(os.fsencode(root / "lits_4"), latin)
    change(study, "image", 4, "Müller Hans/ct.nii.gz")
    change(study, "reference", 4, "Müller Hans/reference.nii.gz")
    plan = study.plan()
    text = plan.stdout + plan.stderr
    assert plan.returncode == 0, text
    assert not [word for word in ("4F2A", "Hans", str(root)) if word in text]
    links = study.folder / ".snakemake" / "livermet" / "sources" / "study"
    assert (links / "lits_3" / "image.nii.gz").is_file()
    assert os.fsencode(os.readlink(links / "lits_4" / "image.nii.gz")) == latin + b"/ct.nii.gz"


def test_what_was_read_otherwise_is_listed_once(study):
    change(study, "age", 0, "83y")
    plan = study.plan()
    assert plan.returncode == 0
    assert (plan.stdout + plan.stderr).count("row 2: age has a unit or a comma") == 1


def test_a_patient_in_two_cohorts(study):
    change(study, "cohort", 0, "mSCLC")
    change(study, "patient", 0, "L1")
    assert "patient 'L1' stands in cohorts LiTS and mSCLC" in refusal(study)


def test_a_score_that_is_not_a_number(study):
    study.write_molecular(
        pd.DataFrame(
            [("M1", "2020-01-10", "biopsy", "high")],
            columns=["patient", "sample_date", "sample_type", "score"],
        )
    )
    assert "row 2: score 'high' is not a number" in refusal(study)


def test_a_patient_that_the_ledger_lacks(study):
    table = study.series()
    own_files = {"image": "lits_99/ct.nii.gz", "reference": "lits_99/reference.nii.gz"}
    newcomer = table.iloc[[0]].assign(series="lits_99", patient="L99", **own_files)
    study.write_series(pd.concat([table, newcomer]))
    write_files(study, own_files)
    text = refusal(study)
    assert "The ledger lacks the patient L99: run make assign." in text
    assert "The ledger lacks the series lits_99: run make assign." in text


def test_an_unknown_config_key(study):
    study.configure(segmentaton={})
    assert "Config key 'segmentaton' is not known" in refusal(study)


def test_a_final_model_that_is_not_trained(study):
    study.configure(segmentation={"models": ["unet"]})
    assert "'segmentation.final_model' is 'nnunet_finetuned', which" in refusal(study)


def test_an_aggregation_of_lesions_whose_features_are_not_computed(study):
    study.configure(radiomics={"per_lesion": False})
    text = refusal(study)
    assert (
        "'phenotype.aggregation' is 'volume_weighted_mean', which is made of the features" in text
    )
    assert "radiomics.per_lesion is false; set it to true, or the aggregation to union." in text


def test_a_cohort_with_one_class(study):
    table = pd.read_csv(study.folder / "molecular.tsv", sep="\t")
    study.write_molecular(table.assign(score=0.2))
    assert "No included training series of the target cohort is negative" in refusal(study)


def test_references_without_a_liver_train_nothing(study):
    study.configure(reference_labels={"liver": None, "lesion": 1})
    assert "its reference holds lesions only" in refusal(study)


def test_a_test_patient_written_into_a_training_set(study):
    folder = study.folder / "ledger"
    ledger = read_ledger(folder)
    splits = ledger.splits
    tested = splits[(splits["place"] == "test") & (splits["cohort"] == "LiTS")]["patient"].iloc[0]
    # Sealed as well, so that the rule of this test is what speaks.
    ledger.training_sets["lits"][tested.replace("L", "lits_")] = tested
    write_ledger(ledger, folder)
    assert f"of patient '{tested}', whose place in the ledger is test and not" in refusal(study)


def test_a_ledger_that_was_edited_by_hand(study):
    path = study.folder / "ledger" / "splits.tsv"
    path.write_text(path.read_text() + "L99\tLiTS\t0\n")
    text = refusal(study)
    assert "splits.tsv is not as make assign wrote it (not written by make assign: line 34)" in text


def test_too_few_patients_of_a_stratum_for_the_folds(tmp_path):
    study = make_study(tmp_path, msclc=12)
    with pytest.raises(InputError, match="too few for 5 folds"):
        study.assign()


def test_references_of_one_class_cannot_be_compared_with_predicted_masks(study):
    samples = pd.read_csv(study.folder / "molecular.tsv", sep="\t")
    odd = samples["patient"].str.removeprefix("M").astype(int) % 2 == 1
    # Every second patient has a reference; of these none is negative any more.
    study.write_molecular(samples.assign(score=samples["score"].where(~odd, 0.2)))
    study.configure(phenotype={"compare_with_reference": True})
    text = refusal(study)
    assert "Of the series with a reference alone (phenotype.compare_with_reference): No" in text
    assert "training series of the target cohort is negative" in text


def test_volumes_without_a_header_cannot_be_harmonised(study):
    study.configure(phenotype={"harmonisation": {"by": "thickness"}})
    table = study.series()
    rows = table.index[table["patient"] == "M3"]
    table.loc[rows, "image"] = ["msclc_3_thin/ct.nii.gz", "msclc_3_thick/ct.nii.gz"]
    study.write_series(table)
    for row in table.loc[rows].to_dict("records"):
        write_files(study, row)
    text = refusal(study)
    for name in ("msclc_3_thin", "msclc_3_thick"):
        assert f"Series '{name}': its image is a volume without a DICOM header, so that" in text
    # The volumes of the source cohort are not classified.
    assert "lits_0" not in text


def test_a_finished_table_cannot_be_harmonised(study):
    study.begin_with(feature_table())
    table = study.config["phenotype"]["table"]
    study.configure(phenotype={"table": table, "harmonisation": {"by": "scanner"}})
    assert "set phenotype.harmonisation.by to null, or begin with scans" in refusal(study)


def test_a_feature_table_that_is_not_there(study):
    study.configure(phenotype={"table": "features.csv"})
    assert "There is no feature table at features.csv; put it there" in refusal(study)


def test_a_feature_table_without_columns(study):
    study.begin_with(feature_table().drop(columns=["Group", FEATURES[7]]))
    text = refusal(study)
    assert "features.csv has no column 'Group'" in text
    assert f"lacks 1 of the 108 features: {FEATURES[7]}" in text


def test_everything_wrong_with_a_feature_table_is_listed_at_once(study):
    table = feature_table()
    table.loc[4, FEATURES[0]] = np.nan
    table.loc[5, FEATURES[1]] = np.inf
    table.loc[7, "File"] = "s6"
    table.loc[8, "unique_pt"] = "p0"
    table.loc[4:, "NE_Class"] = 1
    study.begin_with(table)
    text = refusal(study)
    for sentence in (
        f"row 6 (series 's4'): {FEATURES[0]} is empty",
        f"row 7 (series 's5'): {FEATURES[1]} is infinite",
        "row 9: series 's6' stands in the table already",
        "patient 'p0' has series in training and in the test set",
        "every training series is positive",
    ):
        assert sentence in text
    # Nothing but Snakemake's greeting stands before the first of them.
    assert "rror" not in text[: text.index("row 6")]
