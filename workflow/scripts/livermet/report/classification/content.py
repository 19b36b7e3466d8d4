"""Classification on the page: scores, baselines, intervals and calibration."""

from collections.abc import Mapping

import pandas as pd

from livermet.cohort.facts import FeatureCounts, classes_of_test_studies, lacking_by_protocol
from livermet.phenotype.chosen import Choice
from livermet.report import words
from livermet.report.classification.tables import SCORES
from livermet.report.layout import (
    MAIN_METRICS,
    WITHIN_FOLDS,
    across,
    any_text,
    by_metric,
    estimates,
    model_keys,
    numbers,
    spreads,
)
from livermet.report.run import Headline, Run, Tables, rows_with
from livermet.vocabulary import Protocol, Weighting

BASELINES = ("always_positive", "volume", "lesion_count")
UNITS = {"series": "By series", "study": "By study", "patient": "By patient"}
PARTS_OF_FIGURE_5 = {
    "score_right": "series called right",
    "score_wrong": "series called wrong",
    "agreement": "studies",
    "sample_type": "samples",
}
MEASURES_OF_FIGURE_5 = {"mean": "mean score", "auc": "AUC", "right": "series called right"}
# The score by which a model is set against each baseline: the trivial rule ranks nothing.
COMPARED = {"always_positive": "f1", "volume": "auc", "lesion_count": "auc"}
SETS = {"cross-validation": "in cross-validation", "test": "on the test studies"}


def wide_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a long table of scores into one row a model, cells '0.71 (0.59 to 0.82)'.

    The column of weightings is left out where all are 'none'.
    """
    cells = table.assign(cell=estimates(table, "mean", "low", "high"))
    return across(cells, model_keys(table), "metric", {name: name for name in SCORES})


def baselines(table: pd.DataFrame) -> pd.DataFrame:
    """Show, a row a model, set and baseline, both scores and their difference."""
    cells = table.assign(
        both=numbers(table["mean"]) + " / " + numbers(table["baseline_mean"]),
        difference=estimates(table, "difference", "low", "high"),
    )
    keys = [*model_keys(table), "set", "baseline"]
    return by_metric(cells, keys, {"both": "", "difference": ", difference"})


def intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Show the models' main scores, a column for each unit that was drawn.

    On held-out series the AUC is the one within folds.
    """
    pooled = table["set"].eq("validation") & table["metric"].eq("auc")
    main = table["metric"].isin([WITHIN_FOLDS, *MAIN_METRICS])
    rows = table[main & ~pooled & ~table["model"].isin(BASELINES)]
    cells = rows.assign(cell=estimates(rows, "mean", "low", "high"))
    return across(cells, [*model_keys(rows), "set", "metric"], "unit", UNITS)


def repeated_cross_validation(table: pd.DataFrame) -> pd.DataFrame:
    """Show each score's mean over repeats, its interval by patient, and its range over repeats.

    The AUC is the one within folds.
    """
    rows = table[table["metric"].isin([WITHIN_FOLDS, "f1", "accuracy"])]
    cells = rows.assign(
        cell=estimates(rows, "mean", "low", "high"),
        repeats_range=spreads(rows, "repeat_low", "repeat_high"),
    )
    keys = ["model", "repeats", "patients", "studies", "series"]
    shown = by_metric(cells, keys, {"cell": "", "repeats_range": ", repeats"})
    return shown[["model", *shown.columns.drop(keys), *keys[1:]]]


def permutation(table: pd.DataFrame) -> pd.DataFrame:
    """Show the observed AUC beside those under permuted labels."""
    shown = table[["model"]].copy()
    shown["Cross-validated AUC"] = numbers(table["observed"])
    shown["With permuted labels"] = estimates(table, "null_mean", "null_low", "null_high")
    return shown.join(table[["permutations", "p"]])


def calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Show slope, intercept and Brier score with their intervals, and why one is missing."""
    shown = table[[*model_keys(table), "set", "series"]].copy()
    for name in ("slope", "intercept", "brier"):
        title = {"brier": "Brier score"}.get(name, name.capitalize())
        shown[title] = estimates(table, name, f"{name}_low", f"{name}_high")
    shown["Brier score of the share"] = numbers(table["brier_prevalence"])
    return shown.join(table["reason"]) if any_text(table["reason"]) else shown


def failures(table: pd.DataFrame) -> pd.DataFrame:
    """Show the numbers behind figure 5, a column a protocol, without the scores' extremes."""
    rows = table[~table["measure"].isin(["median", "min", "max"])]
    counted = rows["measure"].isin(["series", "studies", "right"])
    groups = rows["group"].map(lambda name: words.value("sample_type", name))
    cells = rows.assign(
        Of=rows["part"].map(PARTS_OF_FIGURE_5) + groups.radd(": ").replace(": all", ""),
        Measure=rows["measure"].replace(MEASURES_OF_FIGURE_5),
        cell=numbers(rows["value"]).where(~counted, rows["value"].map("{:.0f}".format)),
    )
    models = rows.drop_duplicates("protocol").set_index("protocol")["model"]
    columns = {name: f"{name}: {words.model(model)}" for name, model in models.items()}
    return across(cells, ["Of", "Measure"], "protocol", columns)


def score(table: pd.DataFrame, protocol: str, choice: Choice, metric: str) -> pd.Series | None:
    """Find one score of a model in a long table; None where it is missing."""
    rows = table[
        table["protocol"].eq(protocol)
        & table["model"].eq(choice.model)
        & table["metric"].eq(metric)
        & table["weighting"].eq(choice.weighting)
    ]
    rows = rows[rows["mean"].notna()]
    return None if rows.empty else rows.iloc[0]


def classification_headlines(
    table: pd.DataFrame, chosen: dict[str, Choice], name: str
) -> list[Headline]:
    """Return the chosen model's test AUC of the last protocol: the corrected one where it ran."""
    for protocol in reversed(chosen):
        auc = score(table, protocol, chosen[protocol], "auc")
        if auc is not None:
            label = (
                f"test AUC for {name} ({words.spread(auc['low'], auc['high'])}), "
                f"{protocol} protocol"
            )
            return [Headline(words.number(auc["mean"]), label)]
    return []


def classification_sentences(
    test: pd.DataFrame,
    chosen: dict[str, Choice],
    positive_studies: int,
    studies: int,
    name: str,
) -> list[str]:
    """Say for each protocol how the model that cross-validation chose did, beside the trivial rule.

    `positive_studies` of `studies` test studies are positive; the rule 'always positive' has that
    share as its accuracy p, and F1 2p / (1 + p).
    """
    sentences = []
    for protocol, model in chosen.items():
        auc = score(test, protocol, model, "auc")
        choice = (
            f"cross-validation gives no AUC, so that {words.choice(model)}, the first model, "
            "stands for it"
            if pd.isna(model.auc)
            else f"cross-validation chose {words.choice(model)} (mean AUC over folds "
            f"{words.number(model.auc)})"
        )
        if auc is None:
            sentences.append(
                f"{protocol.capitalize()} protocol: {choice}; the test set gives no AUC."
            )
            continue
        chance = (
            ", an interval that includes 0.5, so chance is not excluded"
            if auc["low"] <= 0.5 <= auc["high"]
            else ""
        )
        sentences.append(
            f"{protocol.capitalize()} protocol: {choice}; on the test studies it ranks {name} with "
            f"AUC {words.estimate(auc['mean'], auc['low'], auc['high'])}{chance}."
        )
    if studies:
        share = positive_studies / studies
        sentences.append(
            f"The rule 'always positive' would have accuracy {words.number(share)} and F1 "
            f"{words.number(2 * share / (1 + share))} on these {studies} test studies, of which "
            f"{positive_studies} are positive: a classifier has to beat that."
        )
    return sentences


def baseline_sentences(tables: Tables, chosen: Mapping[str, Choice]) -> list[str]:
    """Say for each baseline whether the corrected protocol's model beats it, by its interval."""
    if "baselines" not in tables or Protocol.CORRECTED not in chosen:
        return []
    model, table = chosen[Protocol.CORRECTED], tables["baselines"]
    rows = table[
        table["protocol"].eq(Protocol.CORRECTED)
        & table["model"].eq(model.model)
        & table["weighting"].eq(model.weighting)
        & table["metric"].eq(table["baseline"].map(COMPARED))
        & table["difference"].notna()
    ]
    sentences = []
    for part, where in SETS.items():
        here = rows[rows["set"].eq(part)]
        if len(here):
            told = "; ".join(_against(row) for row in here.itertuples())
            sentences.append(
                f"Does {words.choice(model)} beat the baselines {where} (difference, interval by "
                f"patient)? {told}."
            )
    return sentences


def _against(row) -> str:
    """Write "'always positive' F1 -0.01 (-0.11 to 0.09), not shown"."""
    verdict = "yes" if row.low > 0 else "it is worse" if row.high < 0 else "not shown"
    return (
        f"'{words.model(row.baseline)}' {words.value('metric', row.metric)} "
        f"{words.estimate(row.difference, row.low, row.high)}, {verdict}"
    )


def optimism_sentences(tables: Tables, chosen: Mapping[str, Choice]) -> list[str]:
    """Set the published protocol's cross-validated AUC beside the corrected one's."""
    if not set(Protocol) <= chosen.keys():
        return []
    published, corrected = chosen[Protocol.PUBLISHED], chosen[Protocol.CORRECTED]
    if pd.isna(published.auc):
        return []
    validated = tables["tableS2_cross_validation"]
    same = validated[
        validated["protocol"].eq(Protocol.CORRECTED)
        & validated["model"].eq(published.model)
        & validated["weighting"].eq(Weighting.NONE)
        & validated["metric"].eq("auc")
    ]["mean"].dropna()
    ends = [] if same.empty else [f"{words.number(same.iloc[0])} for the same classifier"]
    if published.model != corrected.model and pd.notna(corrected.auc):
        ends.append(f"{words.number(corrected.auc)} for {words.choice(corrected)}, which is chosen")
    if not ends:
        return []
    return [
        f"Optimism: the published protocol's own cross-validation gives {words.choice(published)} "
        f"an AUC of {words.number(published.auc)}; where patients are held out whole and features "
        f"are selected inside the folds it is {words.listed(ends)}."
    ]


def permutation_sentences(tables: Tables) -> list[str]:
    """Return the permutation test's p for each classifier that it was made for."""
    return [
        f"Permutation test of the whole procedure with {words.model(row.model)}: "
        f"{row.permutations:.0f} times the labels were exchanged between patients, which gives a "
        f"cross-validated AUC of {words.estimate(row.null_mean, row.null_low, row.null_high)}; "
        f"the true labels give {words.number(row.observed)}, {words.p_text(row.p)}."
        for row in rows_with(tables, "permutation", "p").itertuples()
    ]


def validation_headlines(tables: Tables, chosen: Mapping[str, Choice]) -> list[Headline]:
    """Pick what stands beside the test AUC: the cross-validated one, and the permutation's p."""
    headlines = []
    corrected = chosen.get(Protocol.CORRECTED)
    if corrected and pd.notna(corrected.auc):
        label = f"cross-validated AUC, corrected protocol: {words.choice(corrected)}"
        headlines.append(Headline(words.number(corrected.auc), label))
    permuted = rows_with(tables, "permutation", "p")
    if len(permuted):
        row = permuted.iloc[0]
        label = f"p of the permutation test, {words.model(row['model'])}"
        headlines.append(Headline(words.p_text(row["p"]).removeprefix("p").lstrip(" ="), label))
    return headlines


def headlines(run: Run) -> list[Headline]:
    """Return the test AUC, the cross-validated one, and the permutation test's p."""
    table, name = run.tables["table4_classification"], run.settings["name"]
    return [
        *classification_headlines(table, run.chosen, name),
        *validation_headlines(run.tables, run.chosen),
    ]


def sentences(run: Run) -> list[str]:
    """Say how the chosen models do, beside trivial rules and under permuted labels."""
    tables, chosen = run.tables, run.chosen
    studies = classes_of_test_studies(run.results.facts)
    table, name = tables["table4_classification"], run.settings["name"]
    return [
        *classification_sentences(table, chosen, *studies, name),
        *baseline_sentences(tables, chosen),
        *optimism_sentences(tables, chosen),
        *permutation_sentences(tables),
    ]


def introduction(run: Run) -> list[str]:
    """Say how many classified series lack features, and what the run's protocols do with them."""
    alike = lacking_by_protocol(run.results.facts, run.settings)
    return [
        f"{protocols[0].capitalize()} protocol: " * (len(alike) > 1) + _lacking(counts, protocols)
        for counts, protocols in alike.items()
    ]


def _lacking(counts: FeatureCounts, protocols: list[str]) -> str:
    if not counts.unmeasured:
        return f"All {counts.series} classified series that have a mask have every feature."
    treatments = {
        "published": "the published protocol drops such series",
        "corrected": "the corrected protocol keeps them, fills features of extent with 0 and "
        "other missing ones with the median of the training series, and marks them as filled",
    }
    treated = "; ".join(treatments[name] for name in protocols)
    return (
        f"{counts.unmeasured} of {counts.series} classified series lack some or all features: in "
        f"{counts.lesion_free} the mask holds no lesion, in "
        f"{counts.unmeasured - counts.lesion_free} its lesions could not be measured in full. "
        f"{words.capital(treated)}."
    )
