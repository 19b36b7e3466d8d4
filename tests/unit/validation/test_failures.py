"""The numbers behind figure 5, counted by hand on nine test series of five studies."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.metrics import roc_auc_score

from livermet.contracts import check
from livermet.phenotype.chosen import Choice
from livermet.tables import read_table, write_table
from livermet.validation.failures import (
    CURVES,
    FAILURES,
    SCORED,
    Drawn,
    by_sample_type,
    failure_panels,
    panels_of_tables,
    tabulate_curves,
    tabulate_failures,
    tabulate_scores,
)

from .. import report_phantoms as report

# series: study, label, score, probability, sample type; called positive above 0.5
SERIES = {
    "a1": ("a", 1, 0.4, 0.9, "biopsy"),
    "a2": ("a", 1, 0.4, 0.8, "biopsy"),
    "b1": ("b", 0, -0.2, 0.7, "cfdna"),
    "b2": ("b", 0, -0.2, 0.6, "cfdna"),
    "c1": ("c", 1, 0.1, 0.6, "cfdna"),
    "c2": ("c", 1, 0.1, 0.4, "cfdna"),
    "c3": ("c", 1, 0.1, 0.3, "cfdna"),
    "d1": ("d", 0, -0.3, 0.2, ""),
    "e1": ("e", 0, -0.1, 0.9, "biopsy"),
}
LR = Choice("LR", "none", 0.6)
DRAWN = Drawn(200, 1)
COLUMNS_OF_SERIES = ["study", "label", "score", "probability", "sample_type"]


@pytest.fixture
def series():
    table = pd.DataFrame.from_dict(SERIES, orient="index", columns=COLUMNS_OF_SERIES)
    return table.rename_axis("series").reset_index()


def predictions(series, protocol, model, **facts):
    scored = series.drop(columns="sample_type").assign(protocol=protocol, model=model)
    # Study e is of the patient of study a.
    scored["patient"] = scored["study"].replace("e", "a")
    scored["predicted"] = (scored["probability"] > 0.5).astype(int)
    return scored.assign(**{"weighting": "none", "set": "test", "fold": "ensemble"} | facts)


def panels_of(series, *tables, chosen):
    types = series.set_index("series")["sample_type"]
    return failure_panels(pd.concat(tables), chosen, types, DRAWN)


def values(table, part):
    rows = table[table["part"] == part]
    return rows.set_index(["group", "measure"])["value"].to_dict()


def test_numbers_behind_figure_5_by_hand(series):
    wrong_way_round = series.assign(probability=1 - series["probability"])
    panels = panels_of(
        series,
        predictions(series, "published", "LR"),
        # None of these belongs to what the figure shows.
        predictions(wrong_way_round, "published", "RF"),
        predictions(wrong_way_round, "published", "LR", weighting="balanced"),
        predictions(wrong_way_round, "published", "LR", set="validation", fold="0"),
        predictions(wrong_way_round, "corrected", "LR"),
        chosen={"published": LR},
    )
    table = tabulate_failures(panels)
    check(table, FAILURES, "tables/failures.csv")
    assert set(table[["protocol", "model", "weighting"]].itertuples(index=False, name=None)) == {
        ("published", "LR", "none")
    }
    # Right: a1, a2, c1, d1. Wrong: b1, b2, c2, c3, e1.
    assert values(table, "score_right") == pytest.approx(
        {
            ("all", "series"): 4,
            ("all", "mean"): 0.15,
            ("all", "median"): 0.25,
            ("all", "min"): -0.3,
            ("all", "max"): 0.4,
        }
    )
    assert values(table, "score_wrong") == pytest.approx(
        {
            ("all", "series"): 5,
            ("all", "mean"): -0.06,
            ("all", "median"): -0.1,
            ("all", "min"): -0.2,
            ("all", "max"): 0.1,
        }
    )
    assert values(table, "agreement") == {
        ("all right", "studies"): 1,
        ("all wrong", "studies"): 1,
        ("series disagree", "studies"): 1,
        ("one series, right", "studies"): 1,
        ("one series, wrong", "studies"): 1,
    }
    # biopsy: of two pairs a1 ties with e1 and a2 ranks below it. cfdna: of six pairs one ties.
    # One patient has all biopsies, of both classes; no interval rests on one or two patients.
    none = {f"{score}_{end}": np.nan for score in ("accuracy", "auc") for end in ("low", "high")}
    biopsy = {"series": 3, "right": 2, "accuracy": 2 / 3, "auc": 0.5 / 2}
    cfdna = {"series": 5, "right": 1, "accuracy": 1 / 5, "auc": 0.5 / 6}
    patients = ["patients", "positive_patients", "negative_patients"]
    biopsy |= dict(zip(patients, (1, 1, 1), strict=True)) | none
    cfdna |= dict(zip(patients, (2, 1, 1), strict=True)) | none
    expected = {("biopsy", name): value for name, value in biopsy.items()}
    expected |= {("cfdna", name): value for name, value in cfdna.items()}
    assert values(table, "sample_type") == pytest.approx(expected, nan_ok=True)


def test_scores_by_sample_type_have_intervals_over_draws_of_patients():
    """The standard error by another way: the spread of scikit-learn's AUC over drawn rows."""
    generator = np.random.default_rng(5)
    rows = pd.DataFrame({"patient": [f"p{number // 2}" for number in range(24)]})
    rows["series"] = [f"s{number:02}" for number in range(24)]
    rows["label"] = [int(number // 2 % 2) for number in range(24)]
    rows["probability"] = (0.25 * rows["label"] + generator.uniform(0.2, 0.7, 24)).round(3)
    rows["predicted"] = rows["probability"].gt(0.5).astype(int)
    rows["right"] = rows["predicted"].eq(rows["label"])
    types = pd.Series("biopsy", index=rows["series"])
    (found,) = by_sample_type(rows, types, Drawn(4000, 1)).to_dict("records")
    assert (found["patients"], found["positive_patients"], found["negative_patients"]) == (12, 6, 6)
    drawn = []
    for _ in range(1500):
        first = 2 * generator.integers(0, 12, 12)
        taken = rows.iloc[np.concatenate([first, first + 1])]
        if taken["label"].nunique() == 2:
            score = roc_auc_score(taken["label"], taken["probability"])
            drawn.append((score, taken["right"].mean()))
    for name, values_drawn in zip(("auc", "accuracy"), np.transpose(drawn), strict=True):
        value = found[name]
        half = stats.t.ppf(0.975, 11) * np.std(values_drawn, ddof=1) / (value * (1 - value))
        ends = special.expit(special.logit(value) + np.array([-half, half]))
        assert [found[f"{name}_low"], found[f"{name}_high"]] == pytest.approx(list(ends), abs=0.02)


def test_a_weighted_model_is_shown_where_it_was_chosen(series):
    never_called = series.assign(probability=0.1)
    panels = panels_of(
        series,
        predictions(series, "corrected", "LR", weighting="balanced"),
        predictions(never_called, "corrected", "volume"),
        chosen={"corrected": Choice("LR", "balanced", 0.6)},
    )
    table = tabulate_failures(panels)
    assert set(table["weighting"]) == {"balanced"}
    assert values(table, "score_right")["all", "series"] == 4
    assert list(panels["corrected"]["curves"]) == ["LR", "volume"]


def test_always_positive_has_no_curve(series):
    constant = series.assign(probability=1.0)
    panels = panels_of(
        series,
        predictions(series, "corrected", "LR"),
        predictions(constant, "corrected", "always_positive"),
        predictions(series, "corrected", "volume"),
        chosen={"corrected": LR},
    )
    assert list(panels["corrected"]["curves"]) == ["LR", "volume"]


def test_a_model_that_is_never_wrong(series):
    perfect = series.assign(probability=series["label"] * 0.9)
    panels = panels_of(series, predictions(perfect, "published", "LR"), chosen={"published": LR})
    wrong = values(tabulate_failures(panels), "score_wrong")
    assert wrong.pop(("all", "series")) == 0
    assert np.isnan(list(wrong.values())).all()
    check(tabulate_failures(panels), FAILURES, "tables/failures.csv")


def test_test_series_of_one_class_have_no_curve_and_no_auc(series):
    positive = series[series["label"].eq(1)]
    panels = panels_of(series, predictions(positive, "published", "LR"), chosen={"published": LR})
    check(tabulate_failures(panels), FAILURES, "tables/failures.csv")
    curves = tabulate_curves(panels)
    check(curves, CURVES, "phenotype/reference/failures/curves.tsv")
    assert curves[["false_positive_rate", "sensitivity"]].isna().all().all()
    assert curves["model"].tolist() == ["LR"]


def test_the_figure_reads_from_the_tables_what_they_were_made_of(tmp_path):
    panels = report.panels()
    # Of a class alone no curve can be drawn.
    panels["corrected"]["curves"]["volume"] = panels["corrected"]["curves"]["volume"][:0]
    tables = []
    for write, contract, name in (
        (tabulate_failures, FAILURES, "tables/failures.csv"),
        (tabulate_scores, SCORED, "phenotype/reference/failures/scores.tsv"),
        (tabulate_curves, CURVES, "phenotype/reference/failures/curves.tsv"),
    ):
        write_table(write(panels), tmp_path / name, contract)
        tables.append(read_table(tmp_path / name))
    again = panels_of_tables(*tables)
    assert list(again) == list(panels)
    for protocol, panel in panels.items():
        found = again[protocol]
        assert found["model"] == panel["model"]
        assert found["agreement"].to_dict() == panel["agreement"].to_dict()
        columns = ["sample_type", "series", "right"]
        assert found["sample_types"][columns].equals(panel["sample_types"][columns])
        for name in ("score", "right"):
            assert found["predictions"][name].tolist() == panel["predictions"][name].tolist()
        assert list(found["curves"]) == list(panel["curves"])
        for model, points in panel["curves"].items():
            assert np.allclose(
                found["curves"][model][points.columns].astype(float), points.astype(float)
            )
