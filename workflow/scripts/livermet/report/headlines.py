"""The run's results in a few numbers and sentences, computed from its tables."""

from dataclasses import dataclass

import pandas as pd

from livermet.report import words


@dataclass(frozen=True)
class Headline:
    """A number that stands out, and the words below it."""

    number: str
    label: str


def chosen_models(cross_validation: pd.DataFrame) -> dict[str, str]:
    """Name each protocol's model with the highest cross-validated AUC, without class weights.

    The choice never looks at the test set. A protocol without any AUC takes its first model.
    """
    rows = cross_validation[cross_validation["weighting"].eq("none")]
    rows = rows[rows["metric"].eq("auc")]
    return {
        protocol: group.sort_values("mean", ascending=False, kind="stable")["model"].iloc[0]
        for protocol, group in rows.groupby("protocol", sort=False)
    }


def segmentation_headlines(table: pd.DataFrame, final: str, target: str) -> list[Headline]:
    """Pick the final model's scores on the target cohort's test patients from table 3."""
    row = _test_row(table, final, target)
    if row is None:
        return []
    chosen = {
        "median_liver_dice": "median liver Dice",
        "median_dice": "median lesion Dice",
        "lesion_sensitivity": "of lesions found",
        "false_positives_per_scan": "false positives per scan",
    }
    return [Headline(_two(row[column]), label) for column, label in chosen.items()]


def segmentation_sentences(table: pd.DataFrame, final: str | None, target: str) -> list[str]:
    """Say how the final model did on the target cohort's test patients, and which did best."""
    if final is None and table.empty:
        return ["The run began with a finished feature table: no scan was segmented."]
    if final is None:
        return ["The masks were given, so no segmentation model was scored."]
    row = _test_row(table, final, target)
    if row is None:
        return [f"No test patient of {target} has a reference, so the final model has no score."]
    sentences = [
        f"On {row['scans']} {target} test scans of {_patients(row['patients'])} the final model "
        f"({words.model(final)}) found {_share(row['lesion_sensitivity'])} of the reference "
        f"lesions, with {_two(row['false_positives_per_scan'])} false positives per scan; "
        f"{_share(row['lesion_ppv'])} of the lesions that it drew match a reference lesion. "
        f"Median Dice: lesions {_two(row['median_dice'])}, liver {_two(row['median_liver_dice'])}."
    ]
    same = table[table["cohort"].eq(target) & table["test_set"].eq(row["test_set"])]
    if len(same) > 1:
        sentences.append(_best_of(same))
    return sentences


def _best_of(scored: pd.DataFrame) -> str:
    """Name the models with the highest median lesion Dice, to the two decimals that are shown."""
    shown = scored["median_dice"].map(_two)
    highest = _two(scored["median_dice"].max())
    best = [words.model(name) for name in scored.loc[shown.eq(highest), "model"]]
    if len(best) == len(scored):
        return (
            f"All {len(best)} models have the same median lesion Dice on these scans ({highest})."
        )
    named = " and ".join(filter(None, [", ".join(best[:-1]), best[-1]]))
    verb = "has" if len(best) == 1 else "share"
    return (
        f"Of {len(scored)} models on these scans {named} {verb} the highest median lesion Dice "
        f"({highest})."
    )


def _test_row(table: pd.DataFrame, model: str | None, target: str) -> pd.Series | None:
    rows = table[
        table["model"].eq(model)
        & table["cohort"].eq(target)
        & table["test_set"].eq("test patients")
    ]
    return None if rows.empty else rows.iloc[0]


def score(table: pd.DataFrame, protocol: str, model: str, metric: str) -> pd.Series | None:
    """Find one score of a model without class weights in a long table; None where it is missing."""
    rows = table[
        table["protocol"].eq(protocol)
        & table["model"].eq(model)
        & table["metric"].eq(metric)
        & table["weighting"].eq("none")
    ]
    rows = rows[rows["mean"].notna()]
    return None if rows.empty else rows.iloc[0]


def classification_headlines(
    table: pd.DataFrame, chosen: dict[str, str], name: str
) -> list[Headline]:
    """Give the chosen model's test AUC of the last protocol, the corrected one where it was run."""
    for protocol in reversed(chosen):
        auc = score(table, protocol, chosen[protocol], "auc")
        if auc is not None:
            label = (
                f"test AUC for {name} ({_two(auc['low'])} to {_two(auc['high'])}), "
                f"{protocol} protocol"
            )
            return [Headline(_two(auc["mean"]), label)]
    return []


def classification_sentences(
    test: pd.DataFrame,
    cross_validation: pd.DataFrame,
    chosen: dict[str, str],
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
        validated = score(cross_validation, protocol, model, "auc")
        choice = (
            f"cross-validation gives no AUC, so that {words.model(model)}, the first model, stands "
            "for it"
            if validated is None
            else f"cross-validation chose {words.model(model)} (mean AUC over folds "
            f"{_two(validated['mean'])})"
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
            f"AUC {_two(auc['mean'])} ({_two(auc['low'])} to {_two(auc['high'])}){chance}."
        )
    if studies:
        share = positive_studies / studies
        sentences.append(
            f"The rule 'always positive' would have accuracy {share:.2f} and F1 "
            f"{2 * share / (1 + share):.2f} on these {studies} test studies, of which "
            f"{positive_studies} are positive: a classifier has to beat that."
        )
    return sentences


def burden_sentence(statistics: pd.DataFrame, name: str) -> str:
    """Say how tumour burden goes with the score over all samples."""
    rows = statistics[statistics["subset"].eq("all") & statistics["spearman_rho"].notna()]
    if rows.empty:
        return f"Tumour burden could not be set against the {name} score: too few values."
    row = rows.iloc[0]
    return (
        f"Tumour burden and {name} score: Spearman rho {row['spearman_rho']:.2f} "
        f"({_p(row['spearman_p'])}) over {int(row['studies'])} studies."
    )


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _patients(count: int) -> str:
    return f"{count} patient" if count == 1 else f"{count} patients"


def _share(value: float) -> str:
    return words.MISSING if value != value else f"{100 * value:.0f}%"


def _two(value: float) -> str:
    return words.MISSING if value != value else f"{value:.2f}"
