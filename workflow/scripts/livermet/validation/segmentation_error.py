"""Segmentation error carried into the classifier: what another mask of the same lesions changes.

Two kinds of other masks, each scored by the corrected protocol's chosen model:

- perturbed contour: masks of training series whose contour is moved at random
  (`livermet.radiomics.perturbation`), scored by the model of the fold that held the series out.
- single fold: test series are segmented by five networks together, training series that a network
  was trained on by one. Each single fold's mask of a test series, scored by the model of the same
  fold, stands beside that model's score of the ensemble's mask, so that the mask alone differs.

The third comparison takes the single folds' scores of a series together, as the test score does:
what the test set would have, were its series measured as those training series are.

Nothing is fitted again, and nothing is chosen. What a mask of other readers would change it does
not tell, nor whether a lesion is found at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from livermet.contracts import (
    COUNT,
    FLAG,
    NUMBER,
    PATIENT,
    SERIES,
    SHARE,
    STUDY,
    TEXT,
    Column,
    Contract,
)
from livermet.detection.intervals import Draws
from livermet.phenotype.bootstrap import WITHIN_FOLDS, Predictions, metrics_of_draws
from livermet.phenotype.columns import MODEL
from livermet.phenotype.corrected import FoldModel, training_rows
from livermet.phenotype.fits import SET, TEST, VALIDATION, called, selected
from livermet.phenotype.folds import folds_of
from livermet.phenotype.intervals import Support, interval_of_mean, interval_of_share
from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES, read_feature_table
from livermet.validation.subgroups import FEWEST, TOO_FEW

PERTURBED, SINGLE, TOGETHER = "perturbed contour", "single fold", "single folds together"
MASK_NUMBER = "number of the perturbation or of the fold; 0 of the folds together"
NO_CHANGE = "with too few patients, or where no draw differs from another"
SCORED_MASKS = Contract(
    files=("phenotype/*/corrected/segmentation_error.tsv",),
    row="a series in another mask, and its score beside that of its own mask",
    columns=(
        Column("source", TEXT, "what made the other mask", words=(PERTURBED, SINGLE, TOGETHER)),
        SET,
        SERIES,
        STUDY,
        PATIENT,
        Column("label", COUNT, "the true class: 1 positive, 0 negative", high=1),
        Column("fold", TEXT, "fold of the model that scored both; 'ensemble' for all of them"),
        Column("mask", COUNT, MASK_NUMBER),
        Column("probability", SHARE, "predicted probability on the series' own mask"),
        Column("changed_probability", SHARE, "that on the other mask, by the same model"),
        Column("threshold", SHARE, "probability above which the model calls a series positive"),
        Column("flipped", FLAG, "whether the other mask changes the called class"),
        Column("measured", FLAG, "whether the other mask has any measured lesion"),
    ),
    key=("source", "series", "mask"),
)
INTERVAL = "its 95% interval by patient"
SEGMENTATION_ERROR = Contract(
    files=("tables/segmentation_error.csv",),
    row="a kind of other masks, over all series that have them",
    columns=(
        Column("source", TEXT, "what made the other masks", words=(PERTURBED, SINGLE, TOGETHER)),
        SET,
        MODEL,
        Column("series", COUNT, "series with other masks"),
        Column("studies", COUNT, "studies of these series"),
        Column("patients", COUNT, "patients of these series"),
        Column("masks", COUNT, "other masks of all series; scores of the folds together"),
        Column("unmeasured", COUNT, "other masks without a measured lesion"),
        Column("flips", COUNT, "masks that change the called class"),
        Column("flipped_series", COUNT, "series with at least one such mask"),
        Column("flip_share", SHARE, "flips of masks"),
        Column("flip_low", SHARE, f"lower end of {INTERVAL}", missing=f"{NO_CHANGE}; 0 or 1"),
        Column("flip_high", SHARE, f"upper end of {INTERVAL}", missing=f"{NO_CHANGE}; 0 or 1"),
        Column("change", NUMBER, "mean change of the probability", low=-1, high=1),
        Column("change_low", NUMBER, f"lower end of {INTERVAL}", low=-1, high=1, missing=NO_CHANGE),
        Column(
            "change_high", NUMBER, f"upper end of {INTERVAL}", low=-1, high=1, missing=NO_CHANGE
        ),
        Column("absolute_change", SHARE, "mean size of the change"),
        Column("largest_change", SHARE, "the largest change"),
        Column(
            "auc",
            SHARE,
            "AUC on the series' own masks: of held-out series within folds, of test series of each "
            "fold's model, averaged, or of all together",
            missing="as reason says",
        ),
        Column(
            "changed_auc",
            SHARE,
            "the same on the other masks, averaged over perturbations or folds",
            missing="as reason says",
        ),
        Column(
            "reason",
            TEXT,
            f"why there is no AUC: '{TOO_FEW}' is fewer than {FEWEST} patients of a class",
            words=(TOO_FEW,),
            missing="where there is one",
        ),
    ),
    key=("source",),
)
SHIFT = Contract(
    files=("tables/segmentation_shift.csv",),
    row="a feature that some fold of the corrected protocol selects",
    columns=(
        Column("feature", TEXT, "name of the feature"),
        Column("folds", COUNT, "folds that select it", low=1),
        Column("series", COUNT, "test series that have it in the ensemble's and in a single mask"),
        Column("patients", COUNT, "patients of these series"),
        Column("masks", COUNT, "single masks of these series that have it"),
        Column(
            "shift",
            NUMBER,
            "mean over series of the single folds' value less the ensemble's, a mean over the "
            "masks that have it, in standard deviations of the feature over the training series",
            missing="without such a series, or where the feature does not vary",
        ),
        Column("low", NUMBER, f"lower end of {INTERVAL}", missing=NO_CHANGE),
        Column("high", NUMBER, f"upper end of {INTERVAL}", missing=NO_CHANGE),
        Column(
            "absolute_shift",
            NUMBER,
            "mean over series of the size of the difference, a mean over the masks too",
            low=0,
            missing="as shift",
        ),
    ),
    key=("feature",),
)
EVERY_FOLD = "ensemble"


@dataclass(frozen=True)
class Chosen:
    """The chosen model: its name, and each fold's fitted model by the fold's number."""

    name: str
    models: Mapping[int, FoldModel]

    @classmethod
    def of(cls, name: str, models: Sequence[FoldModel], table: pd.DataFrame) -> "Chosen":
        """Name the folds' models by the folds of the table that they were fitted on."""
        folds = [int(fold) for fold, _ in folds_of(training_rows(table))]
        return cls(name, dict(zip(folds, models, strict=True)))


def score_perturbed(table: pd.DataFrame, perturbed: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """Score perturbed masks of training series by the models that held these out: `SCORED_MASKS`.

    `table` is the protocol's own table (`corrected.prepared`), `perturbed` has the features of its
    aggregation in each perturbed mask (series, perturbation, burden_ml, the features).
    """
    training = training_rows(table)
    parts = []
    for fold, model in chosen.models.items():
        own = training[training["fold"].eq(fold)]
        for number, masks in perturbed.groupby("perturbation", sort=True):
            other = in_other_masks(own, masks)
            rows = own[own["series"].isin(other["series"])]
            parts.append(_scored(rows, other, model, PERTURBED, VALIDATION, fold, number))
    return _joined(parts)


def read_single_fold(path: str | Path, name: str) -> pd.DataFrame:
    """Read the features of test series in a single fold's masks; no training series has any."""
    return read_feature_table(path, name, divided=False)


def score_single_folds(
    table: pd.DataFrame, by_fold: Mapping[int, pd.DataFrame], chosen: Chosen
) -> pd.DataFrame:
    """Score test series in each single fold's mask by the model of that fold: `SCORED_MASKS`.

    `by_fold` has the features of test series in the masks of each fold. The scores of all folds
    together are means, as the test score is, of the series that every fold has segmented.
    """
    own = table[table["group"] == TEST]
    parts = []
    for fold, model in chosen.models.items():
        if fold not in by_fold:
            continue
        other = in_other_masks(own, by_fold[fold])
        rows = own[own["series"].isin(other["series"])]
        parts.append(_scored(rows, other, model, SINGLE, TEST, fold, fold))
    single = _joined(parts)
    return pd.concat([single, _together(single)], ignore_index=True)


def in_other_masks(own: pd.DataFrame, masks: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of series that have another mask, with the features and burden of that."""
    new = masks.set_index("series")[["burden_ml", *FEATURES]].astype(float)
    rows = own[own["series"].isin(new.index)].copy()
    rows[list(new.columns)] = new.loc[rows["series"]].to_numpy()
    return rows


def _scored(
    own: pd.DataFrame,
    other: pd.DataFrame,
    model: FoldModel,
    source: str,
    part: str,
    fold: int,
    number: int,
) -> pd.DataFrame:
    if own.empty:
        return pd.DataFrame(columns=SCORED_MASKS.names)
    before, after = model.probability(own), model.probability(other)
    facts = own[["series", "study", "patient", "label"]].assign(
        source=source,
        set=part,
        fold=str(fold),
        mask=number,
        probability=before,
        changed_probability=after,
        threshold=model.threshold,
        flipped=called(before, model.threshold) != called(after, model.threshold),
        measured=other[list(RADIOMIC_FEATURES)].notna().any(axis=1).to_numpy(),
    )
    return facts[SCORED_MASKS.names]


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    found = [part for part in parts if len(part)]
    none = pd.DataFrame(columns=SCORED_MASKS.names)
    return pd.concat(found, ignore_index=True) if found else none


def _together(single: pd.DataFrame) -> pd.DataFrame:
    """Average the folds' scores of each series, called at the mean of their thresholds."""
    if single.empty:
        return single
    folds = single.groupby("series")["fold"].transform("nunique")
    whole = single[folds.eq(single["fold"].nunique())]
    numbers = ["probability", "changed_probability", "threshold"]
    facts = ["study", "patient", "label", "set"]
    how = dict.fromkeys(numbers, "mean") | dict.fromkeys(facts, "first") | {"measured": "all"}
    rows = whole.groupby("series", sort=False).agg(how).reset_index()
    before, after = (rows[name].gt(rows["threshold"]) for name in numbers[:2])
    rows = rows.assign(source=TOGETHER, fold=EVERY_FOLD, mask=0, flipped=before != after)
    return rows[SCORED_MASKS.names]


def tabulate_error(scored: pd.DataFrame, model: str, draws: int, seed: int) -> pd.DataFrame:
    """Count flips and measure the change of probability, a row a source: `SEGMENTATION_ERROR`.

    Intervals are over draws of patients, with all masks of all their series: t on log odds for the
    share of flips, t for the mean change (`livermet.phenotype.intervals`).
    """
    rows = []
    for source, masks in scored.groupby("source", sort=False):
        flipped = masks["flipped"].to_numpy(bool)
        change = (masks["changed_probability"] - masks["probability"]).to_numpy(float)
        drawn = Draws.of(masks["patient"], draws, seed)
        support = _support(masks["patient"])
        share = interval_of_share(flipped.mean(), drawn.means(flipped)[1:], support)
        # No probability changes by more than 1.
        mean = np.clip(interval_of_mean(change.mean(), drawn.means(change)[1:], support), -1, 1)
        auc, changed_auc, reason = _aucs(masks)
        rows.append(
            {
                "source": source,
                "set": masks["set"].iloc[0],
                "model": model,
                "series": masks["series"].nunique(),
                "studies": masks["study"].nunique(),
                "patients": masks["patient"].nunique(),
                "masks": len(masks),
                "unmeasured": int((~masks["measured"].astype(bool)).sum()),
                "flips": int(flipped.sum()),
                "flipped_series": masks.loc[flipped, "series"].nunique(),
                "flip_share": flipped.mean(),
                "flip_low": share[0],
                "flip_high": share[1],
                "change": change.mean(),
                "change_low": mean[0],
                "change_high": mean[1],
                "absolute_change": np.abs(change).mean(),
                "largest_change": np.abs(change).max(),
                "auc": auc,
                "changed_auc": changed_auc,
                "reason": reason,
            }
        )
    return pd.DataFrame(rows, columns=SEGMENTATION_ERROR.names)


def _aucs(masks: pd.DataFrame) -> tuple[float, float, str | None]:
    of_class = [masks.loc[masks["label"].eq(one), "patient"].nunique() for one in (1, 0)]
    if min(of_class) < FEWEST:
        return np.nan, np.nan, TOO_FEW
    # Of the masks of one number a series has one.
    before, after = (
        float(np.mean([_auc(rows, name) for _, rows in masks.groupby("mask")]))
        for name in ("probability", "changed_probability")
    )
    return before, after, None


def _auc(rows: pd.DataFrame, column: str) -> float:
    once = np.ones((1, len(rows)), dtype=np.int64)
    labels, probability = rows["label"].to_numpy(int), rows[column].to_numpy(float)
    facts = Predictions(labels, np.zeros_like(labels), probability, rows["fold"].to_numpy())
    return float(metrics_of_draws(once, facts)[WITHIN_FOLDS][0])


def tabulate_shift(
    table: pd.DataFrame,
    by_fold: Mapping[int, pd.DataFrame],
    selection: pd.DataFrame,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Measure how far selected features lie from the ensemble's in single folds' masks: `SHIFT`.

    `selection` is the corrected protocol's (`fits.SELECTION`). A series counts for a feature that
    it has in the ensemble's mask by those single masks that have it too: one fold that finds no
    lesion takes nothing from what the others say.
    """
    folds = sorted(set(selection["fold"].astype(str)))
    chosen = [name for fold in folds for name in selected(selection, fold)]
    spread = training_rows(table)[list(FEATURES)].std()
    own = table[table["group"] == TEST].set_index("series")
    rows = []
    for feature in dict.fromkeys(name for name in chosen if name in FEATURES):
        single = pd.DataFrame(
            {fold: masks.set_index("series")[feature] for fold, masks in by_fold.items()}
        ).astype(float)
        apart = single.sub(own[feature].reindex(single.index), axis=0).dropna(how="all")
        patients = own["patient"].reindex(apart.index)
        masks = int(apart.notna().to_numpy().sum())
        facts = [feature, chosen.count(feature), len(apart), patients.nunique(), masks]
        if apart.empty or not spread[feature] > 0:
            rows.append([*facts, *[np.nan] * 4])
            continue
        apart = apart / spread[feature]
        drawn = Draws.of(patients, draws, seed).means(apart.mean(axis=1))
        ends = interval_of_mean(drawn[0], drawn[1:], _support(patients))
        rows.append([*facts, drawn[0], *ends, float(apart.abs().mean(axis=1).mean())])
    return pd.DataFrame(rows, columns=SHIFT.names)


def _support(patients: pd.Series) -> Support:
    return Support(patients.nunique(), patients.nunique())
