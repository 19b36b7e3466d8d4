"""A classifier of the authors' training patients, frozen, on their test patients as a cohort."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from livermet.files import write_json
from livermet.pack.folder import open_pack
from livermet.pack.making import pack_run
from livermet.pack.validation import validate
from livermet.phenotype import corrected
from livermet.phenotype.baselines import fit_baselines
from livermet.phenotype.choice import CHOICE, choose
from livermet.phenotype.deals import score_deals
from livermet.phenotype.fits import write_fits
from livermet.phenotype.metrics import bootstrap_metrics
from livermet.phenotype.table import as_published_columns, import_table
from livermet.tables import write_table

SETTINGS = corrected.Settings("score", 10, 0)
RUN = {
    "detection": {},
    "phenotype": {"assumed_auc": 0.7, "name": "NE", "table": True},
    "radiomics": {},
    "segmentation": {"models": []},
    "training_sets": {},
}


@pytest.fixture(scope="module")
def table(shared_data):
    path = shared_data("paper") / "Final_ResampledClassificationData.csv"
    return import_table(path, "NE", folds=5, seed=0)


@pytest.fixture(scope="module")
def models(table):
    rows = corrected.prepared(table)
    selection = corrected.select(rows, SETTINGS.target, SETTINGS.seed)
    return corrected.fit(rows, selection, "LR", ["none"], SETTINGS)


@pytest.fixture(scope="module")
def packed(table, models, tmp_path_factory):
    """Pack the classifier of a run that has what is packed of it, and no more."""
    run = tmp_path_factory.mktemp("run")
    write_json({"run": "real", "settings": RUN}, run / "provenance" / "settings.json")
    (run / "radiomics" / "table").mkdir(parents=True)
    as_published_columns(table, "NE").to_csv(run / "radiomics/table/features.csv", index=False)
    folder = run / "phenotype" / "table" / "corrected"
    files = ("predictions.tsv", "cross_validation.tsv", "models.joblib")
    write_fits([models], *(folder / "LR" / file for file in files))
    training = corrected.training_rows(corrected.prepared(table))

    def fit(dealt):
        return [*corrected.fit_untuned(dealt, ["LR"], SETTINGS), *fit_baselines(dealt, 0)]

    write_table(choose(score_deals(training, fit, 5, 2, 0)), folder / "choice.tsv", CHOICE)
    (run / "cards").mkdir()
    (run / "cards" / "phenotype.md").write_text("# Card\n")
    pack_run(run, "table", run / "model")
    return open_pack(run / "model").phenotype


def test_it_gives_what_the_run_says_of_its_test_patients(table, models, packed, tmp_path):
    path = tmp_path / "cohort.csv"
    testing = table[table["group"] == "test"]
    cohort = as_published_columns(testing, "NE").drop(columns=["Group", "Fold"])
    cohort.to_csv(path, index=False)
    scores = validate(path, packed, 0.7).scores.set_index("metric")
    tested = corrected.score_test(corrected.prepared(table), models.models["none"], "LR", "none")
    # The draws have another seed; the mean over a thousand of them hardly knows.
    expected = bootstrap_metrics(models.cross_validation_table(), tested, 1000, 1)
    expected = expected.set_index("metric")
    for name in ("auc", "sensitivity", "specificity", "accuracy"):
        assert scores.loc[name, "value"] == pytest.approx(expected.loc[name, "mean"], abs=0.01)
    weights = 1 / tested.groupby("study")["series"].transform("count")
    assert scores.loc["brier", "value"] == pytest.approx(
        brier_score_loss(tested["label"], tested["probability"], sample_weight=weights)
    )
    # 14 patients, five of whom have a negative series: no interval of calibration is honest.
    assert (scores["patients"] == 14).all()
    assert scores.loc["calibration_slope", ["low", "high"]].isna().all()
    assert scores.loc["auc", "required_patients"] > 500


def test_features_of_two_training_patients_mixed_lie_outside(table, packed):
    rows = corrected.training_rows(corrected.prepared(table)).reset_index(drop=True)
    inside = packed.domain.reasons(rows, rows[["series"]])
    assert np.mean([not found for found in inside]) > 0.95
    mixed = rows.iloc[[0]].copy()
    for feature in packed.features:
        mixed[feature] = rows[feature].max() if rows[feature].median() > 0 else rows[feature].min()
    ((told,),) = packed.domain.reasons(mixed, mixed[["series"]])
    assert told.startswith("its features lie ")
