"""Segmentation on the page: table 3, the challenge beside it, and what they say."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import estimates
from livermet.report.run import Headline, Run
from livermet.report.segmentation.lits_challenge import LITS_CHALLENGE
from livermet.vocabulary import FEWEST_PATIENTS, ScoredSet


def segmentation(table: pd.DataFrame) -> pd.DataFrame:
    """Show table 3's scores with their intervals in one cell, where there are intervals."""
    scores = [name.removesuffix("_low") for name in table if name.endswith("_low")]
    cells = {name: estimates(table, name, f"{name}_low", f"{name}_high") for name in scores}
    ends = [f"{name}_{end}" for name in scores for end in ("low", "high")]
    return table.drop(columns=ends).assign(**cells)


def headlines(run: Run) -> list[Headline]:
    """Return the final model's scores on the target cohort's test patients."""
    row = final_scores(run)
    if row is None:
        return []
    few = row["patients"] < FEWEST_PATIENTS
    warning = f"few: {words.counted(row['patients'], 'test patient')}" if few else ""
    false = words.number(row["false_positives_per_scan"])
    liver = words.number(row["median_liver_dice"])
    found = Headline(
        words.share(row["lesion_sensitivity"]),
        f"of lesions found, with {false} false positives per scan",
        warning,
    )
    if pd.isna(row["lesion_sensitivity"]):
        found = Headline(false, "false positives per scan; no lesion was there to find", warning)
    return [
        found,
        Headline(words.number(row["median_dice"]), f"median lesion Dice; liver {liver}", warning),
    ]


def sentences(run: Run) -> list[str]:
    """Say how the final model did on the target cohort's test patients, and which did best."""
    if run.entry == "table":
        return ["The run began with a finished feature table: no scan was segmented."]
    if run.entry == "masks":
        return ["The masks were given, so no segmentation model was scored."]
    row = final_scores(run)
    if row is None:
        return [
            f"No test patient of {run.target} has a reference, so the final model has no score."
        ]
    sentences = [
        f"On {row['scans']} {run.target} test scans of {words.counted(row['patients'], 'patient')} "
        f"the final model ({words.model(run.final)}) {_found(row)}; {_matched(row)}. "
        f"Median Dice: lesions {words.number(row['median_dice'])}, liver "
        f"{words.number(row['median_liver_dice'])}."
    ]
    table = run.tables["table3_segmentation"]
    same = table[table["cohort"].eq(run.target) & table["test_set"].eq(row["test_set"])]
    if len(same) > 1:
        sentences.append(_best_of(same))
    return sentences


def _found(row: pd.Series) -> str:
    false = f"{words.number(row['false_positives_per_scan'])} false positives per scan"
    if pd.isna(row["lesion_sensitivity"]):
        return f"had no reference lesion to find, and has {false}"
    return f"found {words.share(row['lesion_sensitivity'])} of the reference lesions, with {false}"


def _matched(row: pd.Series) -> str:
    if pd.isna(row["lesion_ppv"]):
        return "it drew no lesion"
    return f"{words.share(row['lesion_ppv'])} of the lesions that it drew match a reference lesion"


def _best_of(scored: pd.DataFrame) -> str:
    """Name the models with the highest median lesion Dice, to the two decimals that are shown."""
    shown = scored["median_dice"].map(words.number)
    highest = words.number(scored["median_dice"].max())
    best = [words.model(name) for name in scored.loc[shown.eq(highest), "model"]]
    if len(best) == len(scored):
        return (
            f"All {len(best)} models have the same median lesion Dice on these scans ({highest})."
        )
    verb = "has" if len(best) == 1 else "share"
    return (
        f"Of {len(scored)} models on these scans {words.listed(best)} {verb} the highest median "
        f"lesion Dice ({highest})."
    )


def final_scores(run: Run) -> pd.Series | None:
    """Take the final model's row of table 3 on the target cohort's test patients, if it has one."""
    table = run.table("table3_segmentation")
    if table is None:
        return None
    rows = table[
        table["model"].eq(run.final)
        & table["cohort"].eq(run.target)
        & table["test_set"].eq(ScoredSet.TEST_PATIENTS)
    ]
    return None if rows.empty else rows.iloc[0]


def lits_challenge() -> pd.DataFrame:
    """Return the best results of the LiTS challenge: context, and no result of the run."""
    return LITS_CHALLENGE
