"""Where the classifiers go wrong: the numbers behind figure 5."""

from typing import NamedTuple

import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve

from livermet.contracts import FLAG, NUMBER, SERIES, SHARE, TEXT, Column, Contract
from livermet.phenotype.bootstrap import Predictions, metrics_of_draws, patient_draws
from livermet.phenotype.chosen import Choice
from livermet.phenotype.columns import MODEL, PROTOCOL, WEIGHTING
from livermet.phenotype.intervals import interval_of_share, supports
from livermet.vocabulary import Calls, Weighting

SCORE_MEASURES = {"series": "size"} | {name: name for name in ("mean", "median", "min", "max")}
# The parts of the table: whether the series whose scores it has were right, and two counts.
SCORES = {"score_right": True, "score_wrong": False}
AGREED, TYPED = "agreement", "sample_type"
# What is told of a sample type: counts, and scores with their intervals by patient.
COUNTS_OF_TYPE = ("series", "right", "patients", "positive_patients", "negative_patients")
SCORES_OF_TYPE = ("accuracy", "auc")
ENDS = tuple(f"{score}_{end}" for score in SCORES_OF_TYPE for end in ("low", "high"))
FAILURES = Contract(
    files=("tables/failures.csv",),
    row="a number of figure 5, of the model chosen for each protocol",
    columns=(
        PROTOCOL,
        MODEL,
        WEIGHTING,
        Column(
            "part",
            TEXT,
            "what is told: the molecular scores of the series called right and of those called "
            "wrong, how the series of a study agree, or the series of a sample type",
            words=(*SCORES, AGREED, TYPED),
        ),
        Column("group", TEXT, "way of agreeing, or sample type; 'all' for scores"),
        Column(
            "measure",
            TEXT,
            "what is counted or computed over the group",
            words=(*SCORE_MEASURES, "studies", *COUNTS_OF_TYPE[1:], *SCORES_OF_TYPE, *ENDS),
        ),
        Column(
            "value",
            NUMBER,
            "the number itself; _low and _high are ends of a 95% interval by patient",
            missing="score of no series, AUC of series of one class, or an interval of too few "
            "patients",
        ),
    ),
    key=("protocol", "part", "group", "measure"),
)
SCORED = Contract(
    files=("phenotype/*/failures/scores.tsv",),
    row="a test series, as the model chosen for the protocol called it",
    columns=(
        PROTOCOL,
        SERIES,
        Column("score", NUMBER, "molecular score"),
        Column("right", FLAG, "whether the called class is the true one"),
    ),
    key=("protocol", "series"),
)
ROC = (
    Column(
        "false_positive_rate",
        SHARE,
        "1 - specificity of the point",
        missing="the model has no curve, since the test series are of one class",
    ),
    Column("sensitivity", SHARE, "sensitivity of the point", missing="as false_positive_rate"),
)
POINT = [column.name for column in ROC]
CURVES = Contract(
    files=("phenotype/*/failures/curves.tsv",),
    row="a point of a model's ROC curve over the test series",
    columns=(PROTOCOL, MODEL, *ROC),
)


class Drawn(NamedTuple):
    """How many draws of patients an interval rests on, and their seed."""

    draws: int
    seed: int


def failure_panels(
    predictions: pd.DataFrame, chosen: dict[str, Choice], sample_types: pd.Series, drawn: Drawn
) -> dict[str, dict]:
    """Gather what figure 5 shows (`failure_panel`) of the model chosen for each protocol."""
    tested = predictions_on_test(predictions)
    return {
        protocol: failure_panel(
            tested[tested["protocol"].eq(protocol)], choice, sample_types, drawn
        )
        for protocol, choice in chosen.items()
    }


def tabulate_failures(panels: dict[str, dict]) -> pd.DataFrame:
    """Write the numbers behind figure 5 one a row: `FAILURES`.

    part 'score_right' and 'score_wrong': the molecular scores of the series that were called right
    and wrong (group 'all'; series, mean, median, min, max); 'agreement': the studies of each way
    in which series agree (group one of `Calls`); 'sample_type': COUNTS_OF_TYPE, and accuracy and
    auc with their intervals, of each sample type (group), over its series.
    """
    rows = [
        [protocol, panel["model"], panel["weighting"], *facts]
        for protocol, panel in panels.items()
        for facts in _facts(panel)
    ]
    return pd.DataFrame(rows, columns=FAILURES.names)


def tabulate_scores(panels: dict[str, dict]) -> pd.DataFrame:
    """Write each test series' molecular score and whether it was called right: `SCORED`."""
    rows = [panel["predictions"].assign(protocol=name) for name, panel in panels.items()]
    return pd.concat(rows)[SCORED.names]


def tabulate_curves(panels: dict[str, dict]) -> pd.DataFrame:
    """Write the points of the ROC curves by protocol and model: `CURVES`.

    A model without a curve has one row without a point.
    """
    rows = [
        (points if len(points) else points.reindex([0])).assign(protocol=protocol, model=model)
        for protocol, panel in panels.items()
        for model, points in panel["curves"].items()
    ]
    return pd.concat(rows)[CURVES.names]


def panels_of_tables(
    table: pd.DataFrame, scores: pd.DataFrame, curves: pd.DataFrame
) -> dict[str, dict]:
    """Gather what figure 5 shows from the tables: failures, scores and curves."""
    return {
        protocol: {
            "model": rows["model"].iloc[0],
            "predictions": scores[scores["protocol"].eq(protocol)],
            "agreement": _wide(rows[rows["part"].eq(AGREED)])["studies"].astype(int),
            "sample_types": _types(rows[rows["part"].eq(TYPED)]),
            "curves": {
                model: points.dropna(subset=POINT)
                for model, points in curves[curves["protocol"].eq(protocol)].groupby(
                    "model", sort=False
                )
            },
        }
        for protocol, rows in table.groupby("protocol", sort=False)
    }


def _types(rows: pd.DataFrame) -> pd.DataFrame:
    names = [*COUNTS_OF_TYPE, *SCORES_OF_TYPE, *ENDS]
    table = _wide(rows).reindex(columns=names).astype(dict.fromkeys(COUNTS_OF_TYPE, int))
    return table.rename_axis(TYPED).reset_index()


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Set the numbers of each group side by side, in the table's order."""
    wide = rows.pivot(index="group", columns="measure", values="value")
    return wide.reindex(rows["group"].unique()).rename_axis(columns=None)


def _facts(panel: dict) -> list[list]:
    predictions = panel["predictions"]
    facts = []
    for part, right in SCORES.items():
        scores = predictions.loc[predictions["right"].eq(right), "score"]
        facts += [[part, "all", name, scores.agg(how)] for name, how in SCORE_MEASURES.items()]
    facts += [[AGREED, way, "studies", count] for way, count in panel["agreement"].items()]
    for row in panel["sample_types"].to_dict("records"):
        kind = row.pop(TYPED)
        facts += [[TYPED, kind, measure, value] for measure, value in row.items()]
    return facts


def failure_panel(
    tested: pd.DataFrame, choice: Choice, sample_types: pd.Series, drawn: Drawn
) -> dict:
    """Gather what figure 5 shows of one protocol from its test predictions (`predictions_on_test`).

    Gives model and weighting of the choice; its predictions; agreement (`series_agreement`);
    sample_types (`by_sample_type`); curves, the `roc_points` of every model without class weights
    and of the chosen one, but for the rule 'always positive', whose curve is the diagonal.
    """
    chosen = tested["model"].eq(choice.model) & tested["weighting"].eq(choice.weighting)
    ranking = (chosen | tested["weighting"].eq(Weighting.NONE)) & tested["model"].ne(
        "always_positive"
    )
    predictions = tested[chosen]
    return {
        "model": choice.model,
        "weighting": choice.weighting,
        "predictions": predictions,
        "agreement": series_agreement(predictions),
        "sample_types": by_sample_type(predictions, sample_types, drawn),
        "curves": {
            name: roc_points(rows) for name, rows in tested[ranking].groupby("model", sort=False)
        },
    }


def predictions_on_test(predictions: pd.DataFrame) -> pd.DataFrame:
    """Take the ensembles' predictions of the test series.

    Adds `right`: whether the predicted class is the label.
    """
    chosen = predictions[
        predictions["set"].eq("test") & predictions["fold"].astype(str).eq("ensemble")
    ]
    return chosen.assign(right=chosen["predicted"].astype(int).eq(chosen["label"].astype(int)))


def series_agreement(predictions: pd.DataFrame) -> pd.Series:
    """Count studies by whether the predictions of their series are right and agree."""
    studies = predictions.groupby("study")["right"].agg(["size", "sum"])
    counts = {calls.value: 0 for calls in Calls}
    for size, right in studies.itertuples(index=False):
        if size == 1:
            counts[Calls.ONE_RIGHT if right else Calls.ONE_WRONG] += 1
        elif right in (0, size):
            counts[Calls.ALL_RIGHT if right else Calls.ALL_WRONG] += 1
        else:
            counts[Calls.DISAGREE] += 1
    return pd.Series(counts)


def by_sample_type(
    predictions: pd.DataFrame, sample_types: pd.Series, drawn: Drawn
) -> pd.DataFrame:
    """Score series by sample type: sample_type, COUNTS_OF_TYPE, SCORES_OF_TYPE and their ENDS.

    Accuracy and AUC (NaN for one class) are over the series, as the article's are; their intervals
    are by patient, a patient's series together, and NaN where patients are too few. Series without
    a sample type are left out. `sample_types` maps a series to biopsy, cfdna or ''.
    """
    typed = predictions.assign(sample_type=predictions["series"].map(sample_types))
    typed = typed[typed["sample_type"].notna() & typed["sample_type"].ne("")]
    rows = [{TYPED: name, **_of_type(rows, drawn)} for name, rows in typed.groupby("sample_type")]
    return pd.DataFrame(rows, columns=[TYPED, *COUNTS_OF_TYPE, *SCORES_OF_TYPE, *ENDS])


def _of_type(rows: pd.DataFrame, drawn: Drawn) -> dict[str, float]:
    rows = rows.sort_values("series")
    labels = rows["label"].astype(int)
    patients = rows["patient"].to_numpy()
    values = {"accuracy": float(rows["right"].mean()), "auc": _auc(rows)}
    # A draw takes all series of a patient: each is a study of its own here.
    counts = patient_draws(patients, rows["series"].to_numpy(), drawn.draws, drawn.seed)
    facts = Predictions(
        labels.to_numpy(), rows["predicted"].to_numpy(int), rows["probability"].to_numpy(float)
    )
    scored, support = metrics_of_draws(counts, facts), supports(facts, patients)
    found: dict[str, float] = {"series": len(rows), "right": int(rows["right"].sum())}
    found["patients"] = rows["patient"].nunique()
    for name, label in (("positive_patients", 1), ("negative_patients", 0)):
        found[name] = rows.loc[labels.eq(label), "patient"].nunique()
    for score, value in values.items():
        low, high = interval_of_share(value, scored[score], support[score])
        found |= {score: value, f"{score}_low": low, f"{score}_high": high}
    return found


def _auc(predictions: pd.DataFrame) -> float:
    labels = predictions["label"].astype(int)
    if labels.nunique() < 2:
        return float("nan")
    return float(roc_auc_score(labels, predictions["probability"]))


def roc_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the ROC curve over test series, one point a row: false_positive_rate, sensitivity.

    Empty where the test series have one class only.
    """
    if predictions["label"].nunique() < 2:
        return pd.DataFrame(columns=POINT)
    false_positive_rate, sensitivity, _ = roc_curve(
        predictions["label"].astype(int), predictions["probability"]
    )
    return pd.DataFrame(dict(zip(POINT, (false_positive_rate, sensitivity), strict=True)))
