"""Tables as the page shows them, from phantoms whose cells can be told by looking."""

import numpy as np
import pandas as pd
import pytest

from livermet.phenotype.baselines import BASELINES
from livermet.report.content import lay_out
from livermet.report.exhibits import EXHIBITS
from livermet.report.page import download, plain_table
from livermet.report.words import MISSING, cell

from .. import report_phantoms as made
from .. import statistics_phantoms as statistics

STATISTICS = sorted(
    one.key
    for one in EXHIBITS.values()
    if one.layout and not one.context and not one.key.startswith("table")
)


def laid_out(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """What the page shows of one table."""
    exhibit = EXHIBITS[name]
    return lay_out(exhibit, {exhibit.stem: table})[0]


@pytest.mark.parametrize("name", STATISTICS)
def test_no_cell_is_undefined(name):
    shown, whole = lay_out(EXHIBITS[name], made.tables())
    laid = plain_table(name, "", "", shown)
    cells = " ".join(cell for row in laid.rows for cell in row).lower().split()
    assert laid.rows
    assert not {"nan", "nan)", "(nan", "none)", "<na>"} & set(cells)
    assert (whole == "") == bool(EXHIBITS[name].part_of)


@pytest.mark.parametrize(
    ("value", "told"),
    [(-1e-17, "0.000"), (1e-17, "0.000"), (-0.0004, "0.000"), (0.0, "0"), (float("nan"), "\u2013")],
)
def test_a_number_next_to_nothing_has_no_sign(value, told):
    assert cell("score", value) == told


def test_table_3_has_its_intervals_in_the_scores_cells():
    table = pd.DataFrame(
        {
            "model": ["unet", "nnunet"],
            "lesion_ppv": [0.5, float("nan")],
            "lesion_ppv_low": [0.25, float("nan")],
            "lesion_ppv_high": [0.75, float("nan")],
        }
    )
    shown, whole = lay_out(EXHIBITS["table3_segmentation"], {"table3_segmentation": table})
    assert shown.to_dict("list") == {
        "model": ["unet", "nnunet"],
        "lesion_ppv": ["0.50 (0.25 to 0.75)", ""],
    }
    assert whole == download(table)


@pytest.mark.parametrize("name", STATISTICS)
def test_a_table_without_rows_is_shown_without_rows(name):
    tables = {key: table[:0] for key, table in made.tables().items()}
    shown, _ = lay_out(EXHIBITS[name], tables)
    assert plain_table(name, "", "", shown).rows == []


@pytest.mark.parametrize("name", STATISTICS)
def test_a_table_without_any_number_is_shown(name):
    tables = {}
    for key, table in made.tables().items():
        floats = table.select_dtypes("float").columns
        tables[key] = table.assign(**{column: np.nan for column in floats})
    shown = plain_table(name, "", "", lay_out(EXHIBITS[name], tables)[0])
    assert all(len(row) == len(shown.columns) for row in shown.rows)


def test_a_step_that_was_not_made_has_its_reason_and_no_numbers():
    rows = laid_out("corrections", statistics.corrections())
    assert rows.loc[0, "correction"] == "published procedure (logistic regression)"
    # Of four test studies the model is wrong of none or, by the other series, of one.
    assert rows.loc[0, "Accuracy"] == "0.87 (0.75 to 1.00)"
    assert rows.loc[0, "Accuracy, width"] == "0.25"
    assert rows.loc[0, "AUC"] == "1.00 (1.00 to 1.00)"
    # Three of five splits rank their two series right.
    assert rows.loc[0, "AUC, cross-validated"] == "0.60"
    assert rows.loc[8, "correction"] == "model chosen by cross-validation (random forest)"
    assert rows.loc[9, "correction"] == "lesions counted by the mask"
    assert "(not made: a finished table is taken as it is)" in rows.loc[10, "correction"]
    # The steps of features change nothing here; in the reverse order the first one takes AUC 1 to
    # the 0.75 of the last step.
    (order,) = (name for name in rows if "reverse order" in name)
    assert list(rows.loc[2:4, order]) == ["", "+0.00 / -0.25", ""]
    told = "(does not apply: concerns segmentation, not classification)"
    assert told in rows.loc[15, "correction"]
    assert list(rows.loc[15, ["AUC", "F1, width", "Accuracy"]]) == ["", MISSING, ""]


def test_a_note_of_a_step_that_was_made_is_kept():
    steps = statistics.corrections()
    steps.loc[1, "reason"] = "12 series left out"
    rows = laid_out("corrections", steps)
    assert rows.loc[1, "correction"] == "patients held out whole (12 series left out)"


def test_baselines_stand_in_the_tables_order_with_both_scores():
    table = statistics.baselines()
    rows = laid_out("baselines", table)
    chosen = rows[rows["protocol"].eq("corrected") & rows["model"].eq("RF")]
    assert list(chosen["set"]) == ["cross-validation"] * 3 + ["test"] * 3
    assert list(chosen["baseline"]) == list(BASELINES) * 2
    tested = chosen[chosen["set"].eq("test")].iloc[0]
    # Of two positive and two negative patients one of the latter is called positive, or both are.
    assert tested["F1"] == "0.80 / 0.67"
    assert tested["F1, difference"] == "0.13 (-0.46 to 0.72)"
    # No model has class weights here.
    assert "weighting" not in rows


def test_intervals_stand_side_by_side_and_leave_the_pooled_auc_of_held_out_series_out():
    table = statistics.intervals()
    shown = laid_out("intervals", table)
    assert list(shown.columns[-3:]) == ["By series", "By study", "By patient"]
    keys = ["protocol", "model", "set", "metric"]
    cells = shown.set_index(keys)["By patient"]
    # One of four patients is called wrong. The draws' standard error is about sqrt(3) / 8, and
    # t(0.975, 3) 3.18: on the log odds 1.10 more or less 3.67, which is 0.07 to 0.99.
    assert cells["corrected", "RF", "test", "accuracy"] == "0.75 (0.06 to 0.99)"
    # Two patients of a class are too few for an AUC's interval.
    assert cells["corrected", "RF", "test", "auc"] == "0.75 (too few)"
    by_series = shown.set_index(keys)["By series"]
    assert by_series["corrected", "RF", "test", "accuracy"] == "0.75 (0.75 to 0.75)"
    held_out = table[table["set"].eq("validation")]["metric"]
    scored = shown[shown["set"].eq("validation")]["metric"]
    assert set(scored) == {"within_fold_auc", "f1", "accuracy"}
    assert {"auc", *scored} < set(held_out)


def test_reproducibility_counts_by_class_and_over_all():
    table = statistics.reproducibility()
    shown = laid_out("reproducibility", table)
    # Shape, firstorder, glcm, gldm, glrlm, glszm, ngtdm, the count of lesions, and all.
    assert list(shown["comparison"]) == (["reconstructions"] * 9 + ["perturbed masks"] * 9) * 2
    assert list(shown["aggregation"]) == ["volume_weighted_mean"] * 18 + ["union"] * 18
    rows = shown[:9].set_index("class")
    table = table[:108]
    assert rows.loc["shape", "Features"] == 14
    assert rows.loc["all", "Features"] == 108
    assert rows.loc["all", "No ICC"] == 1
    assert rows.loc["all", "ICC from 0.75"] == (table["icc"] >= 0.75).sum()
    classes = rows.drop(index="all")
    assert classes["ICC below 0.5"].sum() == rows.loc["all", "ICC below 0.5"]


def test_printed_numbers_are_counted_by_source_and_the_others_listed():
    table = statistics.reproduction()
    rows = laid_out("reproduction", table).set_index("source")
    assert list(rows.loc["table 4"]) == [3, 1, 1, 1, 0]
    assert list(rows.loc["all"]) == [5, 2, 1, 1, 1]
    apart = laid_out("reproduction_differences", table)
    assert list(apart["model"]) == ["XGB"]
    assert apart.iloc[0]["Range over repeats"] == "0.60 to 0.66"
    missing = laid_out("reproduction_not_possible", table).iloc[0]
    assert missing["printed"] == "0.028"
    assert missing["note"].startswith("one series a study gives z 1.4 to 1.5")


def test_masks_stand_side_by_side():
    row = laid_out("masks", statistics.masks()).iloc[0]
    assert row["AUC"] == "0.60 (0.40 to 0.80)"
    assert row["AUC, reference"] == "0.65 (0.45 to 0.85)"
    assert (row["Series"], row["Series, reference"]) == (8, 8)


def test_a_model_that_one_mask_alone_has_scored_leaves_the_other_empty():
    table = statistics.masks()
    other = table["mask"].eq("reference")
    table.loc[other, "model"] = "LR"
    rows = plain_table("masks", "", "", laid_out("masks", table)).rows
    assert len(rows) == 2
    assert all(MISSING in row for row in rows)


def test_harmonisation_is_shown_by_class_of_feature():
    shown, whole = lay_out(EXHIBITS["harmonisation"], made.tables())
    assert shown["class"].tolist() == [
        *("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "all"),
    ]
    # The 107 features of PyRadiomics' original image by class.
    assert shown["Features"].tolist() == [14, 18, 24, 14, 16, 16, 5, 107]
    assert set(shown["As measured"]) == {"0.25"}
    assert set(shown["Harmonised, held out"]) == {"0.02"}
    assert whole == download(made.tables()["harmonisation"])
    assert made.tables()["harmonisation"]["before"].tolist() == [0.25] * 107
