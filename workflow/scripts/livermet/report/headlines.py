"""The run's results in a few numbers and sentences, computed from its tables."""

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from livermet.report import words


@dataclass(frozen=True)
class Headline:
    """A number that stands out, and the words below it."""

    number: str
    label: str


class Choice(NamedTuple):
    """The model that cross-validation chose for a protocol, and its mean AUC over folds."""

    model: str
    weighting: str
    auc: float

    @property
    def name(self) -> str:
        """The model's name for readers, with its class weights if it has any."""
        name = words.model(self.model)
        if self.weighting == "none":
            return name
        return f"{name} with class weights '{words.value('weighting', self.weighting)}'"


def chosen_models(
    cross_validation: pd.DataFrame, choice: pd.DataFrame | None = None
) -> dict[str, Choice]:
    """Name each protocol's model: the one with the highest cross-validated AUC.

    The choice never looks at the test set. `choice` is the corrected protocol's own record of it
    (model, weighting, auc, chosen); for any other protocol the models without class weights of
    table S2 stand for choice, the first of them where none has an AUC.
    """
    rows = cross_validation[cross_validation["weighting"].eq("none")]
    rows = rows[rows["metric"].eq("auc")]
    found = {}
    for protocol, group in rows.groupby("protocol", sort=False):
        best = group.sort_values("mean", ascending=False, kind="stable").iloc[0]
        found[protocol] = Choice(best["model"], "none", best["mean"])
    if choice is not None:
        found["corrected"] = corrected_choice(choice)
    return found


def corrected_choice(choice: pd.DataFrame) -> Choice:
    """Take the chosen row of the corrected protocol's record (model, weighting, auc, chosen)."""
    row = choice[choice["chosen"]].iloc[0]
    return Choice(row["model"], row["weighting"], row["auc"])


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
    return [Headline(words.number(row[column]), label) for column, label in chosen.items()]


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
        f"lesions, with {words.number(row['false_positives_per_scan'])} false positives per scan; "
        f"{_share(row['lesion_ppv'])} of the lesions that it drew match a reference lesion. "
        f"Median Dice: lesions {words.number(row['median_dice'])}, "
        f"liver {words.number(row['median_liver_dice'])}."
    ]
    same = table[table["cohort"].eq(target) & table["test_set"].eq(row["test_set"])]
    if len(same) > 1:
        sentences.append(_best_of(same))
    return sentences


def _best_of(scored: pd.DataFrame) -> str:
    """Name the models with the highest median lesion Dice, to the two decimals that are shown."""
    shown = scored["median_dice"].map(words.number)
    highest = words.number(scored["median_dice"].max())
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
    """Give the chosen model's test AUC of the last protocol, the corrected one where it was run."""
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
            f"cross-validation gives no AUC, so that {model.name}, the first model, stands for it"
            if pd.isna(model.auc)
            else f"cross-validation chose {model.name} (mean AUC over folds "
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
        f"({words.p_text(row['spearman_p'])}) over {int(row['studies'])} studies."
    )


def _patients(count: int) -> str:
    return f"{count} patient" if count == 1 else f"{count} patients"


def _share(value: float) -> str:
    return words.MISSING if pd.isna(value) else f"{100 * value:.0f}%"
