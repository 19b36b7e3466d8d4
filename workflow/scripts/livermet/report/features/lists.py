"""Features as figures and tables list them: their names for readers, and their order."""

import pandas as pd

SHOWN_FEATURES = 20
# Koo and Li, J Chiropr Med 2016: an ICC is poor below 0.5, then moderate, good, excellent.
POOR, GOOD, EXCELLENT = 0.5, 0.75, 0.9
# The comparisons of `livermet.statistics.reproducibility`, which needs packages that reports do
# not.
RECONSTRUCTIONS, PERTURBED = "reconstructions", "perturbed masks"


def ranked_features(selection: pd.DataFrame, protocol: str) -> tuple[pd.DataFrame, int]:
    """Rank a protocol's selected features: feature, coefficient (mean), fits; and all fits' number.

    Cross-validation folds count where there are any, or else the one fit on all training data.
    """
    rows = selection[selection["protocol"].eq(protocol)]
    folds = rows[rows["fold"].astype(str).ne("all")]
    rows = folds if len(folds) else rows
    fits = rows["fold"].nunique()
    chosen = rows[rows["feature"].notna() & rows["feature"].ne("")]
    grouped = chosen.groupby("feature")["standardised_coefficient"]
    table = grouped.agg(coefficient="mean", fits="size").reset_index()
    weight = table["coefficient"].abs() * table["fits"]
    order = weight.sort_values(ascending=False, kind="stable").index[:SHOWN_FEATURES]
    return table.loc[order].reset_index(drop=True), fits


def feature_label(feature: str) -> str:
    """Write a PyRadiomics name for readers: 'ZoneVariance (glszm)'."""
    parts = feature.split("_")
    if not _is_radiomic(parts):
        return feature.replace("_", " ")
    image, group, name = parts[0], parts[1], "_".join(parts[2:])
    return f"{name} ({group if image == 'original' else f'{image} {group}'})"


def family(feature: str) -> str:
    """Name a feature's class: 'shape', 'glcm'; 'lesions' for what is counted over lesions."""
    parts = feature.split("_")
    return parts[1] if _is_radiomic(parts) else "lesions"


def _is_radiomic(parts: list[str]) -> bool:
    return len(parts) > 2 and parts[1].islower()


def learnt_from(reliability: pd.DataFrame) -> pd.DataFrame:
    """Take the ICC of the features that the corrected protocol learns from, the table's first."""
    return reliability[reliability["aggregation"].isin(reliability["aggregation"].iloc[:1])]


def by_class(reliability: pd.DataFrame) -> pd.DataFrame:
    """Sort features by class in the table's order, within it by falling ICC; undefined ones last.

    Adds `family`.
    """
    table = reliability.assign(family=reliability["feature"].map(family))
    order = {name: place for place, name in enumerate(table["family"].drop_duplicates())}
    return table.assign(_class=table["family"].map(order)).sort_values(
        ["_class", "icc"], ascending=[True, False], kind="stable", ignore_index=True
    )[[*reliability.columns, "family"]]


def most_selected(stability: pd.DataFrame) -> pd.DataFrame:
    """Take the features that the most resamples select, 20 at most; equals in the table's order."""
    chosen = stability[stability["selected"] > 0]
    return chosen.sort_values("selected", ascending=False, kind="stable").head(SHOWN_FEATURES)
