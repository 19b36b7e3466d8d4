"""What detection comes to, in sentences computed from the run's tables.

Every function takes the tables that a run may have (by the name of the file), the final model and
the target cohort, and gives no sentence where its own table is missing or holds no number.
"""

from collections.abc import Mapping

import pandas as pd

from livermet.report import words
from livermet.report.detection_layouts import COMPARED, of_first_rule, of_test_patients

Tables = Mapping[str, pd.DataFrame]
SIGNIFICANT = 0.05


def detection_sentences(tables: Tables, final: str | None, target: str) -> list[str]:
    """Say what the choice of rule, the lesions' size, empty scans and the model come to."""
    return [
        *rule_sentences(tables, final, target),
        *size_sentences(tables, final, target),
        *lesion_free_sentences(tables, final, target),
        *comparison_sentences(tables, final, target),
    ]


def rule_sentences(tables: Tables, final: str | None, target: str) -> list[str]:
    """Set the final model's sensitivity by the loosest rule of matching beside the strictest.

    On the target cohort's test patients, each with its PPV.
    """
    rows = _of_final(tables, "detection_scores", final, target)
    if rows.empty:
        return []
    found, right = (
        rows[rows["metric"].eq(metric)].set_index("rule")["value"]
        for metric in ("sensitivity", "ppv")
    )
    if len(found) < 2:
        return []
    most, least = found.idxmax(), found.idxmin()
    if found[most] == found[least]:
        return [
            f"Rule of matching: by each of {len(found)} rules the final model finds "
            f"{_share(found[most])} of the lesions."
        ]
    loosest, strictest = (
        f"{_share(found[rule])} of the lesions by the {how} ({words.rule(rule)}; PPV "
        f"{words.number(right.get(rule, float('nan')))})"
        for rule, how in ((most, "loosest"), (least, "strictest"))
    )
    return [
        f"Rule of matching: the final model finds {loosest} and {strictest} of {len(found)} rules, "
        "from the same masks."
    ]


def size_sentences(tables: Tables, final: str | None, target: str) -> list[str]:
    """Count the lesions of each size that the final model finds, by the rule of table 3."""
    rows = _of_final(tables, "detection_sizes", final, target)
    if rows.empty:
        return []
    rows = of_first_rule(rows)
    rows = rows[rows["reference_lesions"] > 0]
    told = ", ".join(
        f"{row.detected_lesions:.0f} of {row.reference_lesions:.0f} at {row.diameter_mm} mm"
        for row in rows.itertuples()
    )
    return [f"Lesions by diameter: the final model finds {told}."] if told else []


def lesion_free_sentences(tables: Tables, final: str | None, target: str) -> list[str]:
    """Give the volume that the final model predicts where the radiologist read no lesion."""
    rows = _of_final(tables, "detection_lesion_free", final, target)
    if rows.empty:
        return []
    values = rows.set_index("metric")["value"]
    # One scan has no standard deviation.
    spread = values.get("predicted_ml_sd")
    spread = "" if spread is None else f"SD {words.number(spread)} ml; "
    return [
        f"On {_counted(rows['scans'].iloc[0], 'scan')} that the radiology report reads as free of "
        f"lesions the final model predicts {words.number(values['predicted_ml'])} ml on average "
        f"({spread}any lesion in {_share(values['scans_with_prediction'])} of them)."
    ]


def comparison_sentences(tables: Tables, final: str | None, target: str) -> list[str]:
    """Name the scores in which two models differ after Holm's correction, or say that none do."""
    if "detection_comparison" not in tables:
        return []
    rows = tables["detection_comparison"]
    rows = of_test_patients(rows[rows["cohort"].eq(target) & rows["p_holm"].notna()])
    if rows.empty:
        return []
    patients = _counted(rows["patients"].max(), "patient")
    pairs = _counted(len(rows[["model", "other"]].drop_duplicates()), "pair")
    below = rows[rows["p_holm"] < SIGNIFICANT]
    if below.empty:
        return [
            f"Models compared on {patients}: none of {pairs} differs in any of "
            f"{rows['metric'].nunique()} scores after Holm's correction (smallest p "
            f"{rows['p_holm'].min():.3f}), which does not show that they are alike."
        ]
    told = "; ".join(
        f"{words.model(one)} and {words.model(other)} in "
        + ", ".join(COMPARED[name].removesuffix(", mm") for name in differing["metric"])
        for (one, other), differing in below.groupby(["model", "other"], sort=False)
    )
    return [f"Models that differ on {patients} after Holm's correction (of {pairs}): {told}."]


def _of_final(tables: Tables, name: str, final: str | None, target: str) -> pd.DataFrame:
    """Take the final model's rows on the target's test patients, or on one set if none was."""
    if name not in tables:
        return pd.DataFrame()
    table = tables[name]
    rows = table[table["model"].eq(final) & table["cohort"].eq(target) & table["value"].notna()]
    rows = of_test_patients(rows)
    return rows[rows["test_set"].eq(rows["test_set"].iloc[0])] if len(rows) else rows


def _counted(number: float, unit: str) -> str:
    return f"{number:.0f} {unit}" if number == 1 else f"{number:.0f} {unit}s"


def _share(value: float) -> str:
    return words.MISSING if pd.isna(value) else f"{100 * value:.0f}%"
