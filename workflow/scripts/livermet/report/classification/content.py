"""Classification on the page: scores, baselines, intervals and calibration."""

from collections.abc import Iterable

import pandas as pd

from livermet.cohort.facts import (
    CLASSES,
    FeatureCounts,
    classes_of_test_studies,
    lacking_by_protocol,
)
from livermet.phenotype.chosen import CHANCE, RIVALS, Choice
from livermet.phenotype.columns import VOLUME
from livermet.report import words
from livermet.report.classification.tables import SCORES, of_corrected
from livermet.report.layout import (
    MAIN_METRICS,
    MODEL,
    TOO_FEW,
    WITHIN_FOLDS,
    across,
    any_text,
    by_metric,
    estimates,
    numbers,
    spreads,
)
from livermet.report.run import Headline, Run
from livermet.vocabulary import FEWEST_PATIENTS, Protocol, Weighting

UNITS = {"series": "By series", "study": "By study", "patient": "By patient"}
PARTS_OF_FIGURE_5 = {
    "score_right": "series called right",
    "score_wrong": "series called wrong",
    "agreement": "studies",
    "sample_type": "samples",
}
MEASURES_OF_FIGURE_5 = {"mean": "mean score", "auc": "AUC", "right": "series called right"}
MEASURES_OF_FIGURE_5 |= {"patients": "patients", "positive_patients": "patients, positive"}
MEASURES_OF_FIGURE_5 |= {"negative_patients": "patients, negative"}
# The score by which a model is set against each baseline: the trivial rule ranks nothing.
COMPARED = {"always_positive": "f1", "volume": "auc", "lesion_count": "auc"}
# What stands for the interval of a difference that has none.
NO_INTERVAL = "no interval"
SIGNIFICANT = 0.05
CHANCE_AUC = 0.5
REGRESSIONS = {"lasso": "LASSO", "mean": "mean score"}
OF_RIVAL = {CHANCE: "chance", VOLUME: "volume alone"}
SETS = {"cross-validation": "in cross-validation", "test": "on the test studies"}


def wide_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a long table of scores into one row a model, cells '0.71 (0.59 to 0.82)'.

    Where there is no interval, since patients are too few, the cell says so.

    The column of weightings is left out where all are 'none'.
    """
    cells = table.assign(cell=estimates(table, "mean", "low", "high", TOO_FEW))
    weighted = table["weighting"].ne(Weighting.NONE).any()
    keys = [*MODEL, "weighting"] if weighted else MODEL
    return across(cells, keys, "metric", {name: name for name in SCORES})


def baselines(table: pd.DataFrame) -> pd.DataFrame:
    """Show, a row a model, set and baseline, both scores, their difference and Holm's p."""
    cells = table.assign(
        both=numbers(table["mean"]) + " / " + numbers(table["baseline_mean"]),
        difference=estimates(table, "difference", "low", "high", NO_INTERVAL),
        corrected=table["p_holm"].map(lambda p: "" if pd.isna(p) else words.p_text(p)),
    )
    keys = [*MODEL, "set", "baseline"]
    shown = by_metric(cells, keys, {"both": "", "difference": ", difference"})
    decides = cells[cells["p_holm"].notna()][[*keys, "corrected"]]
    named = decides.rename(columns={"corrected": "p, corrected (Holm)"})
    return shown.merge(named, on=keys, how="left").fillna({"p, corrected (Holm)": ""})


def intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Show the models' main scores, a column for each unit that was drawn.

    On held-out series the AUC is the one within folds.
    """
    pooled = table["set"].eq("validation") & table["metric"].eq("auc")
    main = table["metric"].isin([WITHIN_FOLDS, *MAIN_METRICS])
    rows = table[main & ~pooled & ~table["model"].isin(COMPARED)]
    cells = rows.assign(cell=estimates(rows, "mean", "low", "high", TOO_FEW))
    return across(cells, [*MODEL, "set", "metric"], "unit", UNITS)


def repeated_cross_validation(table: pd.DataFrame) -> pd.DataFrame:
    """Show each score's mean over repeats with the lowest and the highest repeat.

    The AUC is the one within folds.
    """
    rows = table[table["metric"].isin([WITHIN_FOLDS, "f1", "accuracy"])]
    cells = rows.assign(
        cell=numbers(rows["mean"]), repeats_range=spreads(rows, "repeat_low", "repeat_high")
    )
    keys = ["model", "repeats", "patients", "studies", "series"]
    shown = by_metric(cells, keys, {"cell": "", "repeats_range": ", repeats"})
    return shown[["model", *shown.columns.drop(keys), *keys[1:]]]


def permutation(table: pd.DataFrame) -> pd.DataFrame:
    """Show the observed AUC beside those under permuted labels."""
    shown = table[["model"]].copy()
    shown["Cross-validated AUC"] = numbers(table["observed"])
    shown["With permuted labels"] = estimates(table, "null_mean", "null_low", "null_high")
    return shown.join(table[["permutations", "deals", "p", "p_of_choice"]])


def model_choice(table: pd.DataFrame) -> pd.DataFrame:
    """Show each model's mean AUC over deals, the range of these, whom it beats, which is chosen."""
    shown = table[["model"]].copy()
    shown["AUC within folds"] = numbers(table["auc"])
    shown["Lowest to highest deal"] = spreads(table, "auc_lowest", "auc_highest")
    marks = {True: "yes", False: "no"}
    for name, title in (("chance", "Above chance"), ("volume", "Above volume alone")):
        shown[title] = table[f"beats_{name}"].map(marks)
    return shown.join(table["deals"]).assign(Chosen=table["chosen"].map({True: "yes", False: ""}))


def subgroups(table: pd.DataFrame) -> pd.DataFrame:
    """Show counts of each subgroup, and its AUC or why it has none."""
    shown = table[["set", "characteristic", "group", "series", "studies", "patients"]].copy()
    shown["group"] = shown["group"].map(lambda name: words.value("sample_type", name))
    classes = table[["positive_patients", "negative_patients"]].astype(str)
    shown["Patients, positive / negative"] = classes.agg(" / ".join, axis=1)
    shown["Called right"] = table["right"]
    scored = pd.Series(estimates(table, "auc", "low", "high", TOO_FEW), index=table.index)
    return shown.assign(AUC=scored.where(table["auc"].notna(), table["reason"]))


def score_regression(table: pd.DataFrame) -> pd.DataFrame:
    """Show errors by distance from the threshold, and the AUC of predicted scores."""
    shown = pd.DataFrame({"model": table["model"].map(lambda one: REGRESSIONS.get(one, one))})
    shown = shown.join(table[["target", "distance"]])
    shown["From threshold"] = spreads(table, "distance_low", "distance_high")
    shown = shown.join(table[["studies", "patients"]])
    shown["Mean absolute error"] = numbers(table["absolute_error"])
    shown["On the wrong side"] = table["wrong_side"].map(words.share)
    return shown.assign(AUC=numbers(table["auc"]))


def calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Show slope, intercept and Brier score with their intervals, and why one is missing."""
    shown = table[[*MODEL, "set", "series"]].copy()
    for name in ("slope", "intercept", "brier"):
        title = {"brier": "Brier score"}.get(name, name.capitalize())
        shown[title] = estimates(table, name, f"{name}_low", f"{name}_high")
    shown["Brier score of the share"] = numbers(table["brier_prevalence"])
    return shown.join(table["reason"]) if any_text(table["reason"]) else shown


def failures(table: pd.DataFrame) -> pd.DataFrame:
    """Show the numbers behind figure 5, a column a protocol, without the scores' extremes.

    Scores by sample type have their interval by patient, or say that patients are too few.
    """
    keys = ["protocol", "part", "group", "measure"]
    values = table.set_index(keys)["value"]
    ends = table["measure"].str.endswith(("_low", "_high"))
    rows = table[~table["measure"].isin(["median", "min", "max"]) & ~ends]
    counted = ~rows["measure"].isin(["mean", "accuracy", "auc"])
    groups = rows["group"].map(lambda name: words.value("sample_type", name))
    cells = rows.assign(
        Of=rows["part"].map(PARTS_OF_FIGURE_5) + groups.radd(": ").replace(": all", ""),
        Measure=rows["measure"].replace(MEASURES_OF_FIGURE_5),
        cell=[_of_figure_5(values, key) for key in rows[keys].itertuples(index=False, name=None)],
    )
    cells["cell"] = cells["cell"].where(~counted, rows["value"].map("{:.0f}".format))
    models = rows.drop_duplicates("protocol").set_index("protocol")["model"]
    columns = {name: f"{name}: {words.model(model)}" for name, model in models.items()}
    return across(cells, ["Of", "Measure"], "protocol", columns)


def _of_figure_5(values: pd.Series, key: tuple[str, str, str, str]) -> str:
    *of, measure = key
    low, high = ((*of, f"{measure}_{end}") for end in ("low", "high"))
    if low not in values:
        return words.number(values[key])
    return words.estimate(values[key], values[low], values[high], lacking=TOO_FEW)


def chosen_auc(run: Run, protocol: str) -> pd.Series | None:
    """Find the test AUC of a protocol's chosen model; None where the test set gives none."""
    table = run.tables["table4_classification"]
    rows = table[
        table["protocol"].eq(protocol)
        & table["model"].eq(run.chosen[protocol].model)
        & table["metric"].eq("auc")
        & table["mean"].notna()
    ]
    return None if rows.empty else rows.iloc[0]


def patients_by_class(run: Run, place: str) -> tuple[int, int]:
    """Count the patients of a place with a positive study, and those with a negative one."""
    facts = run.tables["facts"]
    rows = facts[facts["included"] & facts["place"].eq(place)]
    positive, negative = (
        rows.loc[rows["label"].eq(label), "patient"].nunique() for label in CLASSES
    )
    return positive, negative


def told_by_class(positive: int, negative: int) -> str:
    """Write counts of patients by the class of their studies: a patient can have both."""
    patients = words.counted(positive, "patient")
    return f"{patients} with a positive study, {negative:,} with a negative one"


def few_to_test(run: Run, place: str = "test") -> str:
    """Warn of too few patients of a class to tell a score of a place's patients; '' if enough."""
    counts = patients_by_class(run, place)
    if min(counts) >= FEWEST_PATIENTS:
        return ""
    where = "to test" if place == "test" else "to train"
    return f"{TOO_FEW} {where}: {told_by_class(*counts)}"


def headlines(run: Run) -> list[Headline]:
    """Return the test AUC, the cross-validated one, and the permutation test's p.

    The test AUC is that of the last protocol which has one: the corrected one where it ran. Where
    a class has fewer than ten patients each number carries a warning.
    """
    headlines = []
    for protocol in run.chosen:
        auc = chosen_auc(run, protocol)
        if auc is not None:
            known = pd.notna(auc["low"])
            interval = words.spread(auc["low"], auc["high"]) if known else NO_INTERVAL
            label = f"test AUC for {run.settings['name']} ({interval}), {protocol} protocol"
            headlines = [Headline(words.number(auc["mean"]), label, few_to_test(run))]
    corrected = run.chosen.get(Protocol.CORRECTED)
    warning = few_to_test(run, "train") if corrected else ""
    if corrected and pd.notna(corrected.auc):
        lacking = " or ".join(unbeaten(corrected))
        beats = f", which does not beat {lacking}" if lacking else ""
        label = f"cross-validated AUC, corrected protocol: {words.model(corrected.model)}{beats}"
        headlines.append(Headline(words.number(corrected.auc), label, warning))
    tested = permuted(run)
    if tested is not None:
        label = (
            f"p of the permutation test, corrected for the choice: {words.model(tested['model'])}"
        )
        p = words.p_text(tested["p_of_choice"]).removeprefix("p").lstrip(" =")
        headlines.append(Headline(p, label, warning))
    return headlines


def sentences(run: Run) -> list[str]:
    """Say how the chosen models do, beside trivial rules and under permuted labels."""
    return [
        *(protocol_sentence(run, protocol) for protocol in run.chosen),
        *outcome_sentences(run),
        *trivial_sentences(run),
        *baseline_sentences(run),
        *optimism_sentences(run),
        *permutation_sentences(run),
    ]


def protocol_sentence(run: Run, protocol: str) -> str:
    """Say how the model that cross-validation chose for a protocol does on the test studies."""
    choice, auc = choice_words(run.chosen[protocol]), chosen_auc(run, protocol)
    if auc is None:
        return f"{protocol.capitalize()} protocol: {choice}; the test set gives no AUC."
    return (
        f"{protocol.capitalize()} protocol: {choice}; on the test studies it ranks "
        f"{run.settings['name']} with AUC "
        f"{words.estimate(auc['mean'], auc['low'], auc['high'])}{chance_not_excluded(auc)}"
        f"{too_narrow(protocol, auc)}."
    )


def too_narrow(protocol: str, auc: pd.Series) -> str:
    """Say behind a test AUC of the published protocol what its interval leaves out."""
    if protocol != Protocol.PUBLISHED or pd.isna(auc["low"]):
        return ""
    return ", an interval far too narrow, since it ignores how patients differ"


def chance_not_excluded(auc: pd.Series) -> str:
    """Say behind a test AUC that chance is not excluded; '' where its interval lies elsewhere."""
    if pd.isna(auc["low"]):
        return ", of too few patients for an interval, so chance is not excluded"
    if auc["low"] <= CHANCE_AUC <= auc["high"]:
        return ", an interval that includes 0.5, so chance is not excluded"
    return ""


def choice_words(chosen: Choice) -> str:
    """Say which model cross-validation chose; where it gives no AUC, which one stands for it."""
    name = words.model(chosen.model)
    if pd.isna(chosen.auc):
        return f"cross-validation gives no AUC, so that {name}, the first model, stands for it"
    over = f"{chosen.deals} deals of the folds" if chosen.deals else "folds"
    return f"cross-validation chose {name} (mean AUC over {over} {words.number(chosen.auc)})"


def outcome_sentences(run: Run) -> list[str]:
    """Say whether the model that the corrected protocol chose beats chance and volume alone.

    It has the highest AUC of all, so that where it does not, no model does.
    """
    chosen = run.chosen.get(Protocol.CORRECTED)
    if chosen is None or not chosen.deals or pd.isna(chosen.auc):
        return []
    beside = "" if pd.isna(chosen.volume) else f", volume alone {words.number(chosen.volume)}"
    aucs = f"AUC {words.number(chosen.auc)}, chance 0.50{beside}, means over the same deals"
    lacking = unbeaten(chosen)
    if lacking:
        return [
            f"No model of the corrected protocol beats {' or '.join(lacking)} in cross-validation "
            f"({aucs}). The best of them is scored on the test set all the same, and is not to be "
            "used."
        ]
    return [
        f"In cross-validation {words.model(chosen.model)} is above {beaten_rivals(chosen)} "
        f"({aucs}); whether by more than chance gives, the permutation test and the interval of "
        "the difference say."
    ]


def unbeaten(chosen: Choice) -> list[str]:
    """Name chance and volume where the chosen model does not beat them.

    A volume without an AUC, of series without a burden, cannot be beaten and does not count.
    """
    unknown = {VOLUME} if pd.isna(chosen.volume) else set()
    return [OF_RIVAL[name] for name in RIVALS if name not in {*chosen.beaten, *unknown}]


def beaten_rivals(chosen: Choice) -> str:
    """Write 'chance and above volume alone', or that of volume alone nothing is known."""
    if pd.isna(chosen.volume):
        return "chance, and volume alone has no AUC to compare with"
    return " and above ".join(OF_RIVAL[name] for name in RIVALS)


def trivial_sentences(run: Run) -> list[str]:
    """Say how the rule 'always positive' does, of which a share p of the test studies are positive.

    It has p as its accuracy, and F1 2p / (1 + p).
    """
    positive, studies = classes_of_test_studies(run.tables["facts"])
    if not studies:
        return []
    share = positive / studies
    return [
        f"The rule 'always positive' would have accuracy {words.number(share)} and F1 "
        f"{words.number(2 * share / (1 + share))} on these {studies} test studies, of which "
        f"{positive} are positive: a classifier has to beat that."
    ]


def comparisons(run: Run, baselines: Iterable[str] = COMPARED) -> dict[str, pd.DataFrame]:
    """Take the corrected protocol's model beside some baselines, each by its score, by set."""
    table, chosen = run.table("baselines"), run.chosen.get(Protocol.CORRECTED)
    if table is None or chosen is None:
        return {}
    rows = of_corrected(table, chosen.model)
    rows = rows[rows["metric"].eq(rows["baseline"].map(COMPARED)) & rows["difference"].notna()]
    rows = rows[rows["baseline"].isin(baselines)]
    by_set = {part: rows[rows["set"].eq(part)] for part in SETS}
    return {part: here for part, here in by_set.items() if len(here)}


def baseline_sentences(run: Run) -> list[str]:
    """Say for each baseline whether the corrected protocol's model beats it, by Holm's p."""
    return [beside_baselines(part, rows) for part, rows in comparisons(run).items()]


def beside_baselines(part: str, rows: pd.DataFrame) -> str:
    """Say of one set of `comparisons` which baselines the model beats."""
    return (
        f"Does {words.model(rows['model'].iloc[0])} beat the baselines {SETS[part]} (difference, "
        f"interval by patient, Holm's p)? {'; '.join(_against(row) for row in rows.itertuples())}."
    )


def _against(row) -> str:
    """Write "'always positive' F1 -0.01 (-0.11 to 0.09), p = 0.830: not shown"."""
    verdict = "not shown"
    if row.p_holm < SIGNIFICANT:
        verdict = "yes" if row.difference > 0 else "it is worse"
    p = "" if pd.isna(row.p_holm) else f", {words.p_text(row.p_holm)}"
    difference = words.estimate(row.difference, row.low, row.high, lacking=NO_INTERVAL)
    return (
        f"'{words.model(row.baseline)}' {words.value('metric', row.metric)} {difference}{p}: "
        f"{verdict}"
    )


def optimism_sentences(run: Run) -> list[str]:
    """Set the published protocol's cross-validated AUC beside the corrected one's."""
    if not set(Protocol) <= run.chosen.keys():
        return []
    published, corrected = run.chosen[Protocol.PUBLISHED], run.chosen[Protocol.CORRECTED]
    if pd.isna(published.auc):
        return []
    validated = run.tables["tableS2_cross_validation"]
    same = validated[
        validated["protocol"].eq(Protocol.CORRECTED)
        & validated["model"].eq(published.model)
        & validated["weighting"].eq(Weighting.NONE)
        & validated["metric"].eq("auc")
    ]["mean"].dropna()
    if run.table("choice") is not None:
        # Over as many deals as the chosen model's.
        choice = run.tables["choice"]
        same = choice.loc[choice["model"].eq(published.model), "auc"].dropna()
    ends = [] if same.empty else [f"{words.number(same.iloc[0])} for the same classifier"]
    name = words.model(corrected.model)
    if published.model != corrected.model and pd.notna(corrected.auc):
        ends.append(f"{words.number(corrected.auc)} for {name}, which is chosen")
    if not ends:
        return []
    return [
        f"Optimism: the published protocol's own cross-validation gives "
        f"{words.model(published.model)} an AUC of {words.number(published.auc)}; where patients "
        "are held out whole and features are selected inside the folds it is "
        f"{words.listed(ends)}."
    ]


def permuted(run: Run) -> pd.Series | None:
    """Find the permutation test of the corrected protocol's chosen model; None without its p."""
    rows, chosen = run.rows("permutation", "p_of_choice"), run.chosen.get(Protocol.CORRECTED)
    if rows.empty or chosen is None:
        return None
    own = rows[rows["model"].eq(chosen.model)]
    return None if own.empty else own.iloc[0]


def permutation_sentences(run: Run) -> list[str]:
    """Return each classifier's p by permutation, and that of the chosen one for the choice too."""
    rows = run.rows("permutation", "p")
    if rows.empty:
        return []
    times, deals = rows["permutations"].iloc[0], rows["deals"].iloc[0]
    each = "; ".join(
        f"{words.model(row.model)} {words.estimate(row.null_mean, row.null_low, row.null_high)} "
        f"and {words.number(row.observed)}, {words.p_text(row.p)}"
        for row in rows.itertuples()
    )
    told = [
        f"Permutation test of the whole procedure: {times:.0f} times the labels were exchanged "
        "between patients, for each classifier in the same way. Its cross-validated AUC under "
        f"exchanged labels and under the true ones, each the mean over "
        f"{words.counted(deals, 'deal')} of the folds, and its p alone: {each}."
    ]
    tested = permuted(run)
    return told if tested is None else [*told, _of_choice(tested, len(rows)) + _deals(run, tested)]


def _of_choice(tested: pd.Series, classifiers: int) -> str:
    """Give the chosen model's p, which knows that it was chosen."""
    return (
        f"The chosen model, {words.model(tested['model'])}, has "
        f"{words.p_text(tested['p_of_choice'])} corrected for the choice among "
        f"{words.counted(classifiers, 'classifier')}: the share of exchanges in which the best of "
        "them has at least its AUC."
    )


def _deals(run: Run, tested: pd.Series) -> str:
    """Say why the test's AUC is not that by which the same model stands for choice."""
    choice = run.table("choice")
    if choice is None:
        return ""
    same = choice[choice["model"].eq(tested["model"]) & choice["auc"].notna()]
    if same.empty or words.number(same["auc"].iloc[0]) == words.number(tested["observed"]):
        return ""
    auc, deals = same["auc"].iloc[0], same["deals"].iloc[0]
    first = (
        ""
        if tested["deals"] >= deals
        else ", of which the test takes the first, as it has more to fit"
    )
    return (
        f" As a candidate it has {words.number(auc)}: the same procedure and labels, but the mean "
        f"over {words.counted(deals, 'deal')} of the folds{first}."
    )


def introduction(run: Run) -> list[str]:
    """Say how many classified series lack features, and what the run's protocols do with them."""
    alike = lacking_by_protocol(run.tables["facts"], run.settings)
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
        "other missing ones with the median of the training series, and marks such series",
    }
    treated = "; ".join(treatments[name] for name in protocols)
    return (
        f"{counts.unmeasured} of {counts.series} classified series lack some or all features: in "
        f"{counts.lesion_free} the mask holds no lesion, in "
        f"{counts.unmeasured - counts.lesion_free} its lesions could not be measured in full. "
        f"{words.capital(treated)}."
    )
