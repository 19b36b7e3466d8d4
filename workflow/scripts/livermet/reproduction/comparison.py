"""The article's printed numbers beside those of the run.

A number has five keys: source (table 4, figure 5a, ...), model, weighting, metric, statistic (mean,
low, high, median, or value where there is one number only). Agreement is one of `Agreement`.
`range_low` and `range_high` are over the repeats of a computation that has no single answer:
XGBoost with two threads, logistic regression under several kernels of the linear algebra library.
`deterministic` is XGBoost's answer with the updater that does not race.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype import published
from livermet.phenotype.burden import ALL
from livermet.phenotype.classifiers import positive_weight
from livermet.phenotype.fits import PUBLISHED, Fit
from livermet.phenotype.metrics import bootstrap_metrics, summarise_folds
from livermet.phenotype.table import LESION_COUNT
from livermet.validation.failures import predictions_on_test, series_agreement
from livermet.vocabulary import Agreement, Weighting

SPREAD = ["mean", "low", "high"]
REPEAT, DETERMINISTIC = "repeat", "deterministic"
CLOSE_WITHIN = 0.01
ROUNDING = 1e-9
# The article's figure 5 shows this model.
FIGURE_5 = ("LR", Weighting.NONE)

NUMBERS = (
    Column("source", TEXT, "table, figure or place of the article that prints the number"),
    Column("model", TEXT, "model whose number it is", missing="a number of no model"),
    Column(
        "weighting", TEXT, "class weights of the classifier", missing="a number of no classifier"
    ),
    Column("metric", TEXT, "what the number measures"),
    Column(
        "statistic",
        TEXT,
        "which number of several it is; 'value' where there is one alone",
        words=(*SPREAD, "median", "value"),
    ),
)
KEYS = [column.name for column in NUMBERS]
REPEATS = Contract(
    files=("phenotype/*/published/xgboost_repeats.tsv", "phenotype/*/published/kernels/*.tsv"),
    row="a number of the article, computed once more",
    columns=(
        *NUMBERS,
        Column("value", NUMBER, "the number", missing="not defined"),
        Column(
            "kind",
            TEXT,
            "whether another repeat may differ",
            words=(REPEAT, DETERMINISTIC),
        ),
        Column("answer", TEXT, "number of the repeat, name of the kernel or of XGBoost's updater"),
    ),
    key=(*KEYS, "kind", "answer"),
)
REPRODUCTION = Contract(
    files=("tables/reproduction.csv",),
    row="a number that the article prints",
    columns=(
        *NUMBERS,
        Column("printed", NUMBER, "the number in print"),
        Column("ours", NUMBER, "the number of this run", missing="the run cannot compute it"),
        Column("difference", NUMBER, "ours less printed", missing="as ours"),
        Column(
            "agreement",
            TEXT,
            "whether ours rounds to the printed number, of which two decimals count at least",
            words=tuple(Agreement),
        ),
        Column(
            "range_low",
            NUMBER,
            "lowest of several repeats, of a computation without a single answer",
            missing="not repeated",
        ),
        Column("range_high", NUMBER, "highest of these repeats", missing="not repeated"),
        Column(
            "deterministic",
            NUMBER,
            "number of XGBoost's updater that gives the same answer every time",
            missing="other models",
        ),
        Column("note", TEXT, "why the numbers differ, or what ours is", missing="nothing to add"),
    ),
    key=tuple(KEYS),
)
WEIGHT_SEARCH = Contract(
    files=("tables/weight_search.csv",),
    row="a classifier and the metric that its class weight is the best for",
    columns=(
        Column("model", TEXT, "name of the classifier"),
        Column(
            "optimised_for", TEXT, "metric whose best weight was searched for", words=("auc", "f1")
        ),
        Column("printed_weight", NUMBER, "weight of the positive class in print", low=0),
        Column("found_weight", NUMBER, "weight that the search finds", low=0),
        Column("found_auc", SHARE, "AUC with the found weight, on the tuning split"),
        Column("found_f1", SHARE, "F1 with the found weight, on the tuning split"),
        Column("printed_auc", SHARE, "AUC with the printed weight, on the tuning split"),
        Column("printed_f1", SHARE, "F1 with the printed weight, on the tuning split"),
        Column("tuning_series", COUNT, "series of the tuning split"),
        Column("tuning_patients", COUNT, "patients of the tuning split"),
    ),
    key=("model", "optimised_for"),
)

NO_IMAGES = "needs the images and masks; the table has features alone"
NO_SAMPLE_TYPE = "the table does not say which scans have a biopsy and which cfDNA"
NOT_REPRODUCIBLE = {
    ("abstract", ""): (
        "plain scores over all 50 test series: F1 0.878 to 0.881 under two kernels, AUC 0.697 to "
        "0.730 under five, never both at once; table 4 draws one series a study"
    ),
    ("figure 3a", "ranksum"): (
        "one series a study gives z 1.4 to 1.5 (the first, the last or the largest), all series 2.0"
    ),
    ("figure 3b-c", ""): NO_SAMPLE_TYPE,
    ("figure 5c", ""): NO_SAMPLE_TYPE,
    ("table 2", "segmentation"): NO_IMAGES,
    ("table 3", ""): NO_IMAGES,
}


def printed_numbers(printed: dict) -> pd.DataFrame:
    """List the printed numbers (config/published_values.yaml): KEYS and printed.

    A class weight is listed only where it follows from the data: 'balanced'.
    """
    return _numbers(_printed(printed), "printed")


def _printed(printed: dict) -> Iterator[list]:
    yield from _named("abstract", "", printed["abstract"])
    yield from _named("table 1", "", printed["table_1"])
    yield from _named("exclusions", "", {"series left": _series_left(printed["exclusions"])})
    for task, places in printed["table_2"].items():
        for place, counts in places.items():
            yield from _named("table 2", f"{task} {place} ", counts)
    for model, cohorts in printed["table_3"].items():
        for cohort, scores in cohorts.items():
            yield from _named("table 3", f"{cohort} ", scores, model)
    for model, scores in printed["table_4"].items():
        yield from _named("table 4", "", scores, model, Weighting.NONE)
    for source in ("table S2", "table S3"):
        for model, weightings in printed[source.replace(" ", "_").lower()].items():
            for weighting, scores in weightings.items():
                chosen = {
                    metric: value
                    for metric, value in scores.items()
                    if metric != "weight" or weighting == Weighting.BALANCED
                }
                yield from _named(source, "", chosen, model, weighting)
    for subset, tests in printed["figure_3"].items():
        yield from _named(
            *(("figure 3a", "") if subset == ALL else ("figure 3b-c", f"{subset} ")), tests
        )
    selected, top = printed["figure_4"]["selected"], printed["figure_4"]["top_five"]
    counts = _feature_counts(len(selected), len(selected), len(top))
    yield from _named("figure 4", "", counts)
    for name in ("score_right", "score_wrong"):
        yield from _named("figure 5a", "", {name: printed["figure_5"][name]}, *FIGURE_5)
    yield from _named("figure 5b", "", printed["figure_5"]["agreement"], *FIGURE_5)
    for sample_type, scores in printed["figure_5"]["sample_type"].items():
        yield from _named("figure 5c", f"{sample_type} ", scores, *FIGURE_5)


def _named(
    source: str, prefix: str, values: dict, model: str = "", weighting: str = ""
) -> Iterator[list]:
    """Return a row (KEYS and a number) for each number of {metric: number, list or mapping}."""
    for metric, value in values.items():
        if isinstance(value, list):
            value = dict(zip(SPREAD, value, strict=True))
        statistics = value if isinstance(value, dict) else {"value": value}
        for statistic, number in statistics.items():
            yield [source, model, weighting, f"{prefix}{metric}", statistic, number]


def _series_left(exclusions: dict) -> int:
    return exclusions["series"] - sum(exclusions["removed"])


def _feature_counts(selected: int, shared: int, in_order: int) -> dict:
    return {
        "features selected": selected,
        "of the printed features, selected": shared,
        "of the printed top five, in their place": in_order,
    }


def scores_of_models(
    metrics: pd.DataFrame, validated: pd.DataFrame, predictions: pd.DataFrame
) -> pd.DataFrame:
    """List the numbers of tables 4, S2 and S3 and of figures 5a and 5b: KEYS and value.

    `metrics`, `validated` and `predictions` are the published protocol's test metrics, scores over
    the folds and predictions. Figure 5 has rows only where its model has test predictions.
    """
    unweighted = metrics["weighting"] == Weighting.NONE
    long = [
        _long(metrics.assign(source=np.where(unweighted, "table 4", "table S3"))),
        _long(validated.assign(source="table S2")),
        _numbers(_figure_5(predictions), "value"),
    ]
    return pd.concat(long, ignore_index=True)


def scores_of_fit(fit: Fit, draws: int) -> pd.DataFrame:
    """List the numbers of one fit under the published protocol as `scores_of_models` does."""
    folds, predictions = fit.cross_validation_table(), fit.prediction_table()
    # No seed has a part in the published protocol's draws.
    metrics = bootstrap_metrics(folds, predictions, draws, seed=0)
    return scores_of_models(
        metrics, summarise_folds(folds, predictions, draws, seed=0), predictions
    )


def _long(scores: pd.DataFrame) -> pd.DataFrame:
    scores = scores[scores["protocol"] == PUBLISHED]
    keys = [key for key in KEYS if key != "statistic"]
    return scores.melt(keys, SPREAD, var_name="statistic")[[*KEYS, "value"]]


def _figure_5(predictions: pd.DataFrame) -> Iterator[list]:
    model, weighting = FIGURE_5
    chosen = (predictions["model"] == model) & (predictions["weighting"] == weighting)
    tested = predictions_on_test(predictions[chosen & (predictions["protocol"] == PUBLISHED)])
    if tested.empty:
        return
    for name, right in (("score_right", True), ("score_wrong", False)):
        scores = tested.loc[tested["right"] == right, "score"]
        spread = {"mean": scores.mean(), "median": scores.median()}
        spread |= {"low": scores.min(), "high": scores.max()}
        yield from _named("figure 5a", "", {name: spread}, *FIGURE_5)
    yield from _named("figure 5b", "", dict(series_agreement(tested)), *FIGURE_5)


def facts_of_table(
    table: pd.DataFrame, selection: pd.DataFrame, burden: pd.DataFrame, printed: dict
) -> pd.DataFrame:
    """List the numbers of tables 1 and 2 and of figures 3a and 4: KEYS and value.

    `table` is the feature table, `selection` the published protocol's, `burden` the tests of
    tumour burden; figure 4 is compared with the printed features.
    """
    return _numbers(_facts(table, selection, burden, printed), "value")


def _facts(table, selection, burden, printed) -> Iterator[list]:
    rows = published.analysed(table)
    lesions = rows["mask_lesions"].fillna(rows[LESION_COUNT])
    yield from _named("table 1", "", {"lesions": {"low": lesions.min(), "high": lesions.max()}})
    yield from _named("exclusions", "", {"series left": len(rows)})
    tested = rows["group"] == "test"
    for place, group in (("train", rows[~tested]), ("test", rows[tested])):
        counts = {"patients": group["patient"].nunique(), "studies": group["study"].nunique()}
        counts["series"] = len(group)
        yield from _named("table 2", f"classification {place} ", counts)
    weight = positive_weight(Weighting.BALANCED, rows.loc[~tested, "label"].to_numpy())
    yield from _named("table S2", "", {"weight": weight}, "XGB", Weighting.BALANCED)
    tests = burden.set_index("subset").loc[ALL]
    names = ("spearman_rho", "spearman_p", "ranksum_statistic", "ranksum_p")
    yield from _named("figure 3a", "", {name: tests[name] for name in names})
    features = selection.dropna(subset="feature").set_index("feature")["coefficient"].abs()
    top = list(features.sort_values(ascending=False, kind="stable").index)
    shared = len(set(top) & set(printed["figure_4"]["selected"]))
    pairs = zip(top, printed["figure_4"]["top_five"], strict=False)
    in_order = sum(ours == theirs for ours, theirs in pairs)
    yield from _named("figure 4", "", _feature_counts(len(top), shared, in_order))


def _numbers(rows: Iterator[list], name: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*KEYS, name]).astype({name: float})


def compare(printed: dict, ours: pd.DataFrame, repeats: pd.DataFrame) -> pd.DataFrame:
    """Set every printed number beside ours, in the article's order: `REPRODUCTION`.

    `ours` has KEYS and value, `repeats` is `REPEATS`.
    """
    table = printed_numbers(printed).merge(ours, "left", KEYS).rename(columns={"value": "ours"})
    again = repeats[repeats["kind"] == REPEAT].groupby(KEYS)["value"]
    spread = again.agg(range_low="min", range_high="max", repeats="size").reset_index()
    alone = repeats[repeats["kind"] == DETERMINISTIC].groupby(KEYS)["value"].first()
    table = table.merge(spread, "left", KEYS)
    table = table.merge(alone.rename(DETERMINISTIC).reset_index(), "left", KEYS)
    table["difference"] = table["ours"] - table["printed"]
    table["agreement"] = [agreement(row) for row in table.itertuples()]
    table["note"] = [note(row) for row in table.itertuples()]
    return table[REPRODUCTION.names]


def agreement(row) -> str:
    """Say how a row's number agrees with the printed one.

    'two decimals' asks for all decimals that are printed, two at least, and for equal counts. A
    half may have been rounded either way.
    """
    if _impossible(row):
        return Agreement.IMPOSSIBLE
    apart = abs(row.ours - row.printed)
    if apart <= 0.5 * 10.0 ** -_decimals(row.printed) + ROUNDING:
        return Agreement.EXACT
    return Agreement.CLOSE if apart <= CLOSE_WITHIN + ROUNDING else Agreement.APART


def _decimals(printed: float) -> int:
    return max(2, len(f"{printed:.10f}".rstrip("0").partition(".")[2]))


def _impossible(row) -> str | None:
    reasons = (
        reason
        for (source, metric), reason in NOT_REPRODUCIBLE.items()
        if row.source == source and row.metric.startswith(metric)
    )
    return next(reasons, None)


def note(row) -> str:
    """Say what a reader has to know of a row: why it differs, or what the number is."""
    return "; ".join(_notes(row))


def _notes(row) -> Iterator[str]:
    impossible = _impossible(row)
    if impossible:
        yield impossible
    if row.source == "table S2" and row.statistic in ("low", "high"):
        yield "least or greatest of five splits, no interval"
    if row.agreement == Agreement.APART and (row.model, row.weighting) == ("LR", "auc"):
        yield "the printed weight lowers sensitivity; the printed scores are of a weight above 1"
    elif row.agreement != Agreement.EXACT and pd.notna(row.range_low):
        yield _range_note(row)
    elif row.agreement != Agreement.EXACT and row.model == "RF":
        yield "differs between versions of scikit-learn"
    if row.metric == "lesions":
        yield f"counted in the mask; the feature {LESION_COUNT} is one higher in every row"
    if row.source == "exclusions":
        yield "what the printed exclusions leave; the table has two series fewer"
    if row.metric == "spearman_p":
        yield "the volume in the mask's own voxels; studies as if they were independent"


def _range_note(row) -> str:
    half = 0.5 * 10.0 ** -_decimals(row.printed) + ROUNDING
    inside = row.range_low - half <= row.printed <= row.range_high + half
    place = f"printed {'inside' if inside else 'outside'} the range of {row.repeats:.0f}"
    if row.model == "XGB":
        return f"{place} repeats of the racing updater"
    return f"{place} kernels; on unscaled features the solver stops short of its optimum"


def repeat_xgboost(
    table: pd.DataFrame,
    selection: pd.DataFrame,
    weightings: list[str],
    draws: int,
    repeats: int,
    threads: int,
) -> Iterator[pd.DataFrame]:
    """Return XGBoost's numbers of each repeat with some threads, and of the updater without a race.

    Each table is `REPEATS`; answer is the repeat's number, or the updater.
    """
    racing: list[tuple[str, str, dict]] = [
        (REPEAT, str(number + 1), {"n_jobs": threads}) for number in range(repeats)
    ]
    settled = (DETERMINISTIC, "coord_descent", {"n_jobs": 1, "updater": "coord_descent"})
    for kind, answer, boosting in [*racing, settled]:
        # Trees belong to the forest alone.
        fit = published.fit(table, selection, "XGB", weightings, trees=1, boosting=boosting)
        yield scores_of_fit(fit, draws).assign(kind=kind, answer=answer)


def repeat_logistic_regression(
    table: pd.DataFrame, selection: pd.DataFrame, weightings: list[str], draws: int
) -> pd.DataFrame:
    """Return the logistic regression's numbers under this process's kernel of linear algebra.

    The table is `REPEATS`; answer names the kernel.
    """
    fit = published.fit(table, selection, "LR", weightings, trees=1)
    return scores_of_fit(fit, draws).assign(kind=REPEAT, answer=kernel())


def kernel() -> str:
    """Name the kernel that NumPy's linear algebra library computes with, as the library does."""
    libraries = threadpool_info()
    kernels = [facts.get("architecture") for facts in libraries if facts["user_api"] == "blas"]
    return next(filter(None, kernels), "unknown")


def compare_weights(found: dict[str, pd.DataFrame], table: pd.DataFrame) -> pd.DataFrame:
    """Set the printed class weights beside the best of a search: `WEIGHT_SEARCH`.

    `found` holds each classifier's search (weight, auc, f1).
    """
    tuning = published.tuning_rows(table)
    rows = []
    for (classifier, metric), printed in published.PRINTED_WEIGHTS.items():
        search = found[classifier]
        best = published.best_weight(search, metric)
        row: dict[str, str | float] = {"model": classifier, "optimised_for": metric}
        row |= {"printed_weight": printed, "found_weight": best}
        for name, weight in (("found", best), ("printed", printed)):
            scores = search[np.isclose(search["weight"], weight)].iloc[0]
            row |= {f"{name}_auc": scores["auc"], f"{name}_f1": scores["f1"]}
        rows.append(row)
    return pd.DataFrame(rows).assign(
        tuning_series=len(tuning), tuning_patients=tuning["patient"].nunique()
    )
