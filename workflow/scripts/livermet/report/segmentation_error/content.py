"""What other masks of the same lesions change, on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import TOO_FEW, estimates, numbers
from livermet.report.run import Run

TOGETHER = "single folds together"
WHOSE = {
    "perturbed contour": "masks of held-out training series with a contour moved at random",
    "single fold": "masks of test series by a single fold, beside the ensemble's,",
    TOGETHER: "test scores from single folds' masks, beside those from the ensemble's,",
}
NO_INTERVAL = "no interval"


def segmentation_error(table: pd.DataFrame) -> pd.DataFrame:
    """Show flips with their share, the change of the probability, and AUC where it is honest."""
    shown = table[["set"]].copy()
    shown.insert(0, "Other masks", table["source"])
    shown = shown.join(table[["series", "patients"]]).assign(Masks=table["masks"])
    shown["Without a measured lesion"] = table["unmeasured"]
    shown["Calls changed"] = table["flips"]
    shown["Share"] = estimates(table, "flip_share", "flip_low", "flip_high", NO_INTERVAL)
    shown["Series with any"] = table["flipped_series"]
    shown["Change of probability"] = estimates(
        table, "change", "change_low", "change_high", NO_INTERVAL
    )
    shown["Its mean size"] = numbers(table["absolute_change"])
    shown["The largest"] = numbers(table["largest_change"])
    both = numbers(table["auc"]) + " / " + numbers(table["changed_auc"])
    return shown.assign(**{"AUC, own / other": both.where(table["auc"].notna(), TOO_FEW)})


def segmentation_shift(table: pd.DataFrame) -> pd.DataFrame:
    """Show the shift of each selected feature, the largest first."""
    rows = table.loc[table["shift"].abs().sort_values(ascending=False, kind="stable").index]
    shown = rows[["feature"]].assign(**{"Folds that select it": rows["folds"]})
    shown = shown.join(rows[["series", "patients"]]).assign(Masks=rows["masks"])
    shown["Shift, SD"] = estimates(rows, "shift", "low", "high", NO_INTERVAL)
    return shown.assign(**{"Mean size, SD": numbers(rows["absolute_shift"])})


def sentences(run: Run) -> list[str]:
    """Count the calls that other masks of the same lesions change."""
    return [
        f"Segmentation error in the classifier: of {row.masks} {WHOSE[row.source]} "
        f"{row.flips or 'none'} change{'s' if row.flips == 1 else ''} the call of "
        f"{words.model(row.model)} ({words.share(row.flip_share)}; {row.flipped_series} of "
        f"{words.counted(row.series, 'series', 'series')} of "
        f"{words.counted(row.patients, 'patient')}), and the probability by "
        f"{words.number(row.absolute_change)} on average, {words.number(row.largest_change)} at "
        "most."
        for row in run.rows("segmentation_error", "flip_share").itertuples()
    ]
