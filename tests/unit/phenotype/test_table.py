"""Feature tables in the authors' columns are read whole, checked, and written again."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import livermet
from livermet.contracts import check
from livermet.errors import InputError
from livermet.phenotype.table import (
    FEATURES,
    RADIOMIC_FEATURES,
    as_published_columns,
    contradicted_classes,
    import_table,
    imported_table,
    measured,
    read_feature_table,
)
from livermet.radiomics import features as radiomics
from livermet.tables import write_table

from .. import phenotype_phantoms as made


@pytest.fixture
def raw():
    """A valid table as a file holds it."""
    return as_published_columns(made.feature_table(), "NE")


def read(tmp_path, table, name="NE", complete=True):
    path = tmp_path / "features.csv"
    table.to_csv(path, index=False)
    return read_feature_table(path, name, complete)


def sentences(tmp_path, table, complete=True):
    with pytest.raises(InputError) as error:
        read(tmp_path, table, complete=complete)
    return str(error.value).splitlines()


def test_features_are_those_that_the_radiomics_stage_writes():
    assert tuple(radiomics.FEATURES) == RADIOMIC_FEATURES
    assert len(FEATURES) == 108
    assert FEATURES[0] == "original_shape_Elongation"


def test_reading_gives_back_what_was_written(tmp_path, raw):
    original = made.feature_table()
    again = read(tmp_path, raw)
    pd.testing.assert_frame_equal(again[original.columns], original, check_dtype=False)


def test_the_phenotype_has_the_name_that_the_config_gives_it(tmp_path):
    table = as_published_columns(made.feature_table(), "metastasis")
    assert {"metastasis_Score", "metastasis_Status", "metastasis_Class"} <= set(table)
    assert read(tmp_path, table, "metastasis")["label"].isin([0, 1]).all()
    with pytest.raises(InputError, match="no column 'NE_Score'"):
        read(tmp_path, table, "NE")


def test_names_of_digits_stay_text(tmp_path, raw):
    raw["unique_pt"] = "00" + raw["unique_pt"].str.removeprefix("P")
    assert read(tmp_path, raw)["patient"].iloc[0] == "0000"


@pytest.mark.parametrize("column", ["File", "unique_pt", "Group", "NE_Class"])
def test_missing_column(tmp_path, raw, column):
    (sentence,) = sentences(tmp_path, raw.drop(columns=column))
    assert f"no column '{column}'" in sentence


def test_missing_features_are_counted(tmp_path, raw):
    (sentence,) = sentences(tmp_path, raw.drop(columns=list(FEATURES[:5])))
    assert "lacks 5 of the 108 features" in sentence
    assert FEATURES[0] in sentence


def test_one_class_only(tmp_path, raw):
    raw.loc[raw["Group"] == "train", "NE_Class"] = 1
    assert sentences(tmp_path, raw)[-1].endswith(
        "every training series is positive; a classifier needs both classes."
    )


def test_every_problem_is_listed_at_once(tmp_path, raw):
    raw = raw.astype({FEATURES[3]: object, "NE_Score": object})
    first = raw.index[raw["Group"] == "train"][0]
    raw.loc[first, FEATURES[3]] = "n.d."
    raw.loc[first + 1, FEATURES[4]] = np.inf
    raw.loc[first + 2, "NE_Score"] = np.nan
    raw.loc[first + 3, FEATURES[5]] = np.nan
    raw.loc[first + 5, "File"] = raw.loc[first + 4, "File"]
    raw.loc[first + 6, "Group"] = "validate"
    raw.loc[first + 7, "NE_Class"] = 2
    found = sentences(tmp_path, raw)
    assert len(found) == 7
    for row, words in (
        (0, f"{FEATURES[3]} is not a number"),
        (1, f"{FEATURES[4]} is infinite"),
        (2, "NE_Score is empty"),
        (3, f"{FEATURES[5]} is empty"),
        (5, "stands in the table already"),
        (6, "Group is 'validate'"),
        (7, "NE_Class is 2"),
    ):
        # Row 1 of the file is its header.
        named = [sentence for sentence in found if f"row {first + row + 2}" in sentence]
        assert any(words in sentence for sentence in named), (words, found)


def test_patient_in_training_and_test(tmp_path, raw):
    raw.loc[raw["unique_pt"] == "P01", "Group"] = ["train", *["test"] * 2]
    assert any("patient 'P01' has series in training and" in s for s in sentences(tmp_path, raw))


def test_patient_in_two_folds(tmp_path, raw):
    rows = raw.index[raw["unique_pt"] == "P29"]
    raw.loc[rows, "Fold"] = [0, *[1] * (len(rows) - 1)]
    assert sentences(tmp_path, raw)[0].endswith(
        "patient 'P29' stands in folds 0, 1; a patient has one fold."
    )


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("Num_Lesions", -1.0, "Num_Lesions is -1; count lesions from 0."),
        ("Num_Lesions", 1.5, "Num_Lesions is 1.5; count lesions from 0."),
        ("Burden_ml", -0.1, "Burden_ml is -0.1; write a volume, or leave the column out."),
        (
            "diagnostics_Mask-original_VolumeNum",
            -3.0,
            "diagnostics_Mask-original_VolumeNum is -3; count lesions from 0.",
        ),
    ],
)
def test_a_number_that_is_no_count_or_no_volume(tmp_path, raw, column, value, words):
    raw[column] = raw[column].astype(float)
    raw.loc[3, column] = value
    assert [s.endswith(f"row 5: {words}") for s in sentences(tmp_path, raw)] == [True]


@pytest.mark.parametrize(
    ("fold", "words"),
    [(0.5, "Fold is 0.5; number the folds from 0."), (np.inf, "Fold is infinite")],
)
def test_a_fold_that_is_no_number_of_a_fold(tmp_path, raw, fold, words):
    last = raw.index[-1]
    raw["Fold"] = raw["Fold"].astype(float)
    raw.loc[last, "Fold"] = fold
    assert any(f"row {last + 2}" in s and words in s for s in sentences(tmp_path, raw))


def test_one_fold_for_all(tmp_path, raw):
    raw.loc[raw["Group"] == "train", "Fold"] = 0
    (sentence,) = sentences(tmp_path, raw)
    assert "all training patients stand in one Fold" in sentence


def test_study_of_two_patients(tmp_path, raw):
    raw.loc[raw.index[-1], "unique_scandate"] = raw["unique_scandate"].iloc[-3]
    raw.loc[raw.index[-1], "unique_pt"] = "P99"
    assert any("belongs to patients" in sentence for sentence in sentences(tmp_path, raw))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("NE_Score", 3.25, "NE_Score of study"), ("NE_Class", None, "NE_Class of study")],
)
def test_a_study_has_one_score_and_one_class(tmp_path, raw, column, value, words):
    several = raw.index[raw["unique_scandate"].duplicated()][0]
    raw.loc[several, column] = 1 - raw.loc[several, column] if value is None else value
    (sentence,) = sentences(tmp_path, raw)
    assert words in sentence
    assert f"'{raw.loc[several, 'unique_scandate']}'" in sentence
    assert sentence.endswith("give all series of a study the one of its sample.")


def test_classes_that_the_threshold_contradicts():
    table = made.feature_table()
    at_zero = pd.Series(0.0, index=table.index)
    assert contradicted_classes(table, at_zero, "t.csv") == []
    # Classes cut at 0, and a config that says 0.1: as many as have a score between.
    between = table[table["score"].gt(0.0) & table["score"].le(0.1)]
    (sentence,) = contradicted_classes(table, at_zero + 0.1, "t.csv")
    assert sentence.startswith(f"t.csv: {len(between)} series have another class")
    assert f"series '{between['series'].iloc[0]}' has class 1" in sentence
    # A score at the threshold is negative.
    on_it = table.assign(score=0.0, label=0)
    assert contradicted_classes(on_it, at_zero, "t.csv") == []


def test_without_test_patients(tmp_path, raw):
    (sentence,) = sentences(tmp_path, raw[raw["Group"] == "train"])
    assert "names no test series" in sentence


def test_no_table_at_all(tmp_path):
    (tmp_path / "features.csv").write_text("")
    with pytest.raises(InputError, match="is not a table of comma separated values"):
        read_feature_table(tmp_path / "features.csv", "NE")


def test_a_table_that_is_not_there_or_is_a_folder(tmp_path):
    with pytest.raises(InputError, match="There is no feature table at"):
        read_feature_table(tmp_path / "features.csv", "NE")
    with pytest.raises(InputError, match="cannot be read"):
        read_feature_table(tmp_path, "NE")


def test_a_workflow_reads_tables_without_scikit_learn():
    """Where rules have their own environments, the one of the workflow has none of theirs."""
    reading = "import livermet.phenotype.table, sys; sys.exit('sklearn' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(livermet.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", reading], check=True, env=environment)


def test_scans_without_lesions_are_no_error(tmp_path):
    table = made.without_lesions(made.feature_table(), [3, 4])
    again = read(tmp_path, as_published_columns(table, "NE"))
    assert list(again.index[~measured(again)]) == [3, 4]


def test_only_a_finished_table_must_be_complete(tmp_path, raw):
    raw.loc[3, FEATURES[5]] = np.nan
    assert not measured(read(tmp_path, raw, complete=False))[3]
    raw.loc[3, FEATURES[5]] = np.inf
    assert "is infinite" in sentences(tmp_path, raw, complete=False)[0]


def test_the_line_of_provenance_is_no_row(tmp_path, raw):
    path = tmp_path / "radiomics" / "table" / "features.csv"
    line = "livermet radiomics; mask reference"
    write_table(raw, path, imported_table("NE"), line)
    with_line = read_feature_table(path, "NE")
    write_table(raw, path, imported_table("NE"))
    pd.testing.assert_frame_equal(with_line, read_feature_table(path, "NE"))
    # Rows keep the numbers that a spreadsheet shows: the third series stands in its fifth row.
    raw.loc[2, "Group"] = "tuning"
    path.write_text(f"# {line}\n{raw.to_csv(index=False)}")
    with pytest.raises(InputError, match=r"row 5: Group is 'tuning'"):
        read_feature_table(path, "NE")


def test_import_deals_folds_by_patient_and_takes_the_mesh_volume_as_burden(tmp_path, raw):
    path = tmp_path / "features.csv"
    raw["original_shape_MeshVolume"] = raw["original_shape_MeshVolume"].abs()
    raw.drop(columns=["Fold", "Sample_Type", "Burden_ml"]).to_csv(path, index=False)
    table = import_table(path, "NE", folds=5, seed=1)
    training = table[table["group"] != "test"]
    assert set(training["fold"]) == {0, 1, 2, 3, 4}
    assert training.groupby("patient")["fold"].nunique().eq(1).all()
    assert table["fold"].isna().sum() == (table["group"] == "test").sum()
    published = as_published_columns(table, "NE")
    check(published, imported_table("NE"), "results/study/radiomics/table/features.csv")
    # 1 ml is 1000 mm3.
    volume = table["original_shape_MeshVolume"]
    assert table["burden_ml"].to_numpy() == pytest.approx(volume.to_numpy() / 1000)


def test_import_takes_the_masks_own_voxels_as_burden_where_it_knows_them(tmp_path, raw):
    path = tmp_path / "features.csv"
    told = {
        "diagnostics_Mask-original_VoxelNum": 2000,
        "diagnostics_Mask-original_Spacing": "(0.5, 0.5, 5.0)",
    }
    raw.drop(columns="Burden_ml").assign(**told).to_csv(path, index=False)
    # 2000 voxels of 1.25 mm3.
    assert import_table(path, "NE", folds=5, seed=1)["burden_ml"].unique() == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("voxels", "mesh", "words"),
    # -2000 and 1e300 voxels of 1.25 mm3; without voxels the mesh's -10 mm3.
    [(-2000, 10, "have -2.5 ml"), (1e300, 10, "have 1.25e+297 ml"), (np.nan, -10, "have -0.01 ml")],
)
def test_a_burden_that_is_no_volume(tmp_path, raw, voxels, mesh, words):
    path = tmp_path / "features.csv"
    told = {
        "diagnostics_Mask-original_VoxelNum": [2000.0, voxels] + [2000.0] * (len(raw) - 2),
        "diagnostics_Mask-original_Spacing": "(0.5, 0.5, 5.0)",
        "original_shape_MeshVolume": mesh,
    }
    raw.drop(columns="Burden_ml").assign(**told).to_csv(path, index=False)
    with pytest.raises(InputError) as error:
        import_table(path, "NE", folds=5, seed=1)
    (sentence,) = str(error.value).splitlines()
    assert f"of series '{raw['File'].iloc[1]}'" in sentence
    assert words in sentence


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_a_number_whose_square_is_infinite(tmp_path, raw, value):
    raw["original_firstorder_Energy"] = raw["original_firstorder_Energy"].astype(float)
    raw.loc[3, "original_firstorder_Energy"] = value
    (sentence,) = sentences(tmp_path, raw)
    assert "row 5 (series" in sentence
    assert "original_firstorder_Energy is above 1e+100 in size; measure again" in sentence


def test_import_keeps_the_folds_of_the_table(tmp_path, raw):
    path = tmp_path / "features.csv"
    raw.to_csv(path, index=False)
    assert import_table(path, "NE", folds=3, seed=1)["fold"].max() == 4
