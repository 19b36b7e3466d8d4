"""A frozen classifier on another cohort gives the scores that the run's own code gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from livermet.contracts import check
from livermet.errors import InputError
from livermet.pack.freezing import freeze
from livermet.pack.validation import VALIDATED, score, validate, write
from livermet.phenotype.table import as_published_columns
from livermet.report.validated import told
from livermet.tables import read_table

from .. import pack_phantoms as made
from .. import phenotype_phantoms


@pytest.fixture(scope="module")
def phenotype(run):
    return freeze(run, made.RUN_SETTINGS, made.MODEL)


@pytest.fixture
def cohort(tmp_path):
    """Write 40 new patients of the same signal, whom no fold and no side of a split names."""

    def write_cohort(**changes):
        table = phenotype_phantoms.feature_table(seed=7, patients=40, test_patients=0, signal=2.0)
        table = as_published_columns(table, "NE").drop(columns=["Group", "Fold"])
        path = tmp_path / "cohort.csv"
        table.assign(**changes).to_csv(path, index=False)
        return path

    return write_cohort


@pytest.fixture
def found(phenotype, cohort):
    return validate(cohort(), phenotype, assumed_auc=0.7)


def of_one_series_a_study(labels, probabilities, threshold=0.5):
    names = [f"p{number:02d}" for number in range(len(labels))]
    rows = pd.DataFrame({"series": names, "study": names, "patient": names, "label": labels})
    rows["probability"] = np.asarray(probabilities, float)
    rows["predicted"] = (rows["probability"] > threshold).astype(int)
    told = {"protocol": "corrected", "model": "LR", "weighting": "none", "set": "test"}
    return rows.assign(score=0.0, fold="ensemble", threshold=threshold, **told)


def values_of(table):
    return table.set_index("metric")["value"]


def test_scores_are_scikit_learns_and_those_counted_by_hand():
    labels = [1, 1, 1, 1, 0, 0, 0, 0]
    rows = of_one_series_a_study(labels, [0.9, 0.8, 0.6, 0.4, 0.7, 0.3, 0.2, 0.1])
    found = values_of(score(rows, 0.5, 0.7))
    assert found["auc"] == pytest.approx(roc_auc_score(labels, rows["probability"]))
    assert found["brier"] == pytest.approx(brier_score_loss(labels, rows["probability"]))
    # Four are called positive, three of them rightly; one positive is missed.
    assert found["sensitivity"] == 0.75
    assert found["specificity"] == 0.75
    # Four positives where the probabilities sum to 4.
    assert found["o_e"] == pytest.approx(1)
    assert found["prevalence"] == 0.5
    # (3 right - 1 wrong) of 8, and (4 - 4) of 8 for calling all.
    assert found["net_benefit"] == pytest.approx(0.25)
    assert found["net_benefit_call_all"] == pytest.approx(0)


def test_a_study_counts_once_however_many_series_it_has():
    rows = of_one_series_a_study([1, 0, 0, 0], [0.8, 0.6, 0.2, 0.2])
    # The three negative series are of one study of one patient.
    rows.loc[1:, ["study", "patient"]] = "p01"
    found = values_of(score(rows, 0.5, 0.7))
    assert found["prevalence"] == pytest.approx(0.5)
    assert found["o_e"] == pytest.approx(1 / (0.8 + 1 / 3))
    assert found["net_benefit"] == pytest.approx((1 - 1 / 3) / 2)


def test_too_few_patients_have_no_interval(cohort, phenotype):
    rows = of_one_series_a_study([1, 0] * 9, np.linspace(0.1, 0.9, 18))
    table = score(rows, 0.5, 0.7).set_index("metric")
    # Nine of either class are enough for an AUC's interval and too few for calibration's.
    assert np.isfinite(table.loc["auc", ["low", "high"]].astype(float)).all()
    for name in ("o_e", "calibration_slope", "calibration_intercept", "brier"):
        assert table.loc[name, ["low", "high"]].isna().all()
        assert table.loc[name, "note"].startswith("too few")
    rows = of_one_series_a_study([1, 0] * 10, np.linspace(0.1, 0.9, 20))
    table = score(rows, 0.5, 0.7).set_index("metric")
    assert table.loc["o_e", "low"] < table.loc["o_e", "value"] < table.loc["o_e", "high"]


def test_a_cohort_is_scored_whole_and_written_by_its_contract(found, tmp_path):
    check(found.scores, VALIDATED, "external_validation.tsv")
    assert values_of(found.scores)["auc"] > 0.8
    write(found, tmp_path / "mine.tsv")
    written = read_table(tmp_path / "mine.tsv")
    np.testing.assert_allclose(written["value"], found.scores["value"])


def test_it_says_how_many_patients_are_needed_beside_those_there_are(found):
    table = found.scores.set_index("metric")
    assert (table["patients"] == 40).all()
    assert set(table.index[table["required_patients"].notna()]) == {
        "auc",
        "o_e",
        "calibration_slope",
        "net_benefit",
    }
    (line,) = [line for line in told(found) if line.startswith("AUC")]
    needed = int(table.loc["auc", "required_patients"])
    assert line.endswith(f"Riley's criterion asks for {needed:,} patients; there are 40.")


def test_it_says_whom_it_scored_and_who_lies_outside(found, phenotype, cohort):
    first, *_ = told(found)
    assert first.startswith("Logistic regression, frozen, on 80 series of 60 studies and 40 ")
    assert found.outside < 8
    far = validate(cohort(original_glcm_Contrast=500.0), phenotype, 0.7)
    assert far.outside == 80
    assert told(far)[1].endswith("scored all the same: 80 of 80 series.")


def test_features_in_another_voxel_than_trainings_are_left_out(phenotype, cohort):
    # 50 of 80 series: what most have does not count, but what training had.
    ours, other = "(1.0, 1.0, 1.0)", "(2.0, 2.0, 2.0)"
    voxel = "diagnostics_Image-interpolated_Spacing"
    found = validate(cohort(**{voxel: [other] * 50 + [ours] * 30}), phenotype, 0.7)
    assert (found.series, found.left_out) == (30, 50)
    assert told(found)[1] == (
        "Left out, since measured in another voxel than in training: 50 series."
    )
    with pytest.raises(InputError, match=r"in voxels of \(2\.0, 2\.0, 2\.0\) mm, and the class"):
        validate(cohort(**{voxel: other}), phenotype, 0.7)


def test_a_feature_that_no_lesion_has_is_told_if_the_classifier_looks_at_it(phenotype, cohort):
    seen = phenotype.features[0]
    with pytest.raises(InputError, match=f"has no value of {seen} in any row"):
        validate(cohort(**{seen: np.nan}), phenotype, 0.7)


def test_a_cohort_of_one_class_has_no_auc(phenotype, cohort):
    found = validate(cohort(NE_Class=1, NE_Status="positive"), phenotype, 0.7)
    values = values_of(found.scores)
    assert np.isnan(values["auc"])
    assert found.scores["required_patients"].isna().all()
    notes = found.scores.set_index("metric")["note"]
    assert (
        notes["auc"] == notes["specificity"] == "nothing of a class, or of a call, that it counts"
    )
    assert notes["calibration_slope"].startswith("slope: all series are of one class")
    assert any(line.startswith("AUC: not defined (nothing of a class") for line in told(found))


def test_what_is_wrong_with_a_table_is_listed(phenotype, cohort):
    with pytest.raises(InputError) as error:
        validate(cohort(NE_Class=3, original_ngtdm_Strength="much"), phenotype, 0.7)
    assert "NE_Class is 3" in str(error.value)
    assert "original_ngtdm_Strength is not a number" in str(error.value)
