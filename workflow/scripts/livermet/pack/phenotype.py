"""The frozen classifier of a phenotype: what it says of new scans, and where it has nothing to say.

A series' probability is the mean of the folds' models, as the corrected protocol scores its test
set; the lowest and highest of them are the range of the folds, which says how much the training
patients decide and is no uncertainty. A study's probability is the mean over its series that have
one. No probability is given where the classifier's own cross-validation beats neither chance nor
volume alone, where no liver is marked or hardly any, where values are no HU, or where the scan lies
outside of what it was trained on (`livermet.pack.domain`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from livermet.errors import InputError
from livermet.files import read_json, write_json
from livermet.models import CLASSIFIERS
from livermet.pack.domain import Domain
from livermet.pack.frozen import FrozenModel, load_steps, save_steps
from livermet.pack.judged import JUDGED, OF_SERIES, OF_STUDY, PREDICTED, WITHHELD
from livermet.phenotype.table import FEATURES, LESION_COUNT

RECORD, DOMAIN, PROBE = "phenotype.json", "domain.json", "probe.json"
# Rows by which a copy proves that it computes what the run computed, and how near is equal.
PROBES = 16
SAME = 1e-12
# A scan of another part of the body would be judged as one of a liver without lesions.
NO_LIVER = "No liver is marked in it."
# No liver is so small, also after a resection: a few voxels of the stomach, or the liver's dome in
# a scan of the chest.
LEAST_LIVER_ML = 100.0
# An MR, or a map of something else; without a lesion its features would not tell.
NO_HU = "None of its values lies below 0 HU, as those of air and fat do: it is no CT in HU."


@dataclass(frozen=True)
class Validation:
    """What cross-validation says of a classifier: mean AUC over deals of folds, and its rivals.

    `chosen` tells whether it chose this one.
    """

    auc: float
    lowest: float
    highest: float
    deals: int
    volume_auc: float
    beats_chance: bool
    beats_volume: bool
    chosen: bool

    @property
    def failures(self) -> list[str]:
        """Say whom the classifier does not beat."""
        rivals = {"chance (0.50)": self.beats_chance}
        rivals[f"tumour volume alone ({self.volume_auc:.2f})"] = self.beats_volume
        ahead = [name for name, beats in rivals.items() if not beats]
        if not ahead:
            return []
        told = "beats neither" if len(ahead) > 1 else "does not beat"
        return [
            f"In cross-validation the classifier (AUC {self.auc:.2f}) {told} {' nor '.join(ahead)}."
        ]


@dataclass(frozen=True)
class Phenotype:
    """A frozen classifier.

    name: the phenotype's name, which heads columns (NE_Score). classifier: LR, RF, XGB.
    aggregation: what its features are of. models: one a fold, the threshold each its own.
    """

    name: str
    classifier: str
    aggregation: str
    models: tuple[FrozenModel, ...]
    domain: Domain
    validation: Validation
    patients: int
    series: int

    @cached_property
    def features(self) -> list[str]:
        """The features that any fold selected, in the table's order, then the filler's own."""
        return _features_of(self.models)

    @property
    def threshold(self) -> float:
        """The mean of the folds' thresholds, above which a mean probability is called positive."""
        return float(np.mean([model.threshold for model in self.models]))

    @property
    def is_validated(self) -> bool:
        """Whether cross-validation found the classifier better than chance and volume alone."""
        return not self.validation.failures

    def probabilities(self, features: pd.DataFrame) -> np.ndarray:
        """Return what each fold's model says of each row: (folds, rows). Nothing is withheld."""
        rows = _counted(features)
        return np.array([model.probability(rows) for model in self.models])

    def judge(
        self, features: pd.DataFrame, acquisition: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Judge new series, one row each, and their studies: `JUDGED`.

        features: series, study, the 108 features by `aggregation` (an empty one could not be
        measured) and, where they are known, mask_lesions and voxel_mm, as `read_feature_table`
        names them, liver_ml, the volume that is marked as liver, and minimum_hu, the scan's lowest
        value. acquisition: series, slice_thickness_mm, spacing_mm and phase, as in
        cohort/acquisition.tsv. Raises InputError for a table that lacks columns.
        """
        rows = _counted(features)
        acquired = pd.DataFrame({"series": []}) if acquisition is None else acquisition
        outside = self.domain.reasons(rows, acquired)
        by_fold = self.probabilities(features)
        distance = self.domain.distance
        distances = distance.of(rows) if distance else np.full(len(rows), np.nan)
        known = rows.reindex(columns=["liver_ml", "minimum_hu"]).to_numpy(float)
        reasons = [
            [
                *self.validation.failures,
                *_lacking_liver(liver_ml),
                *([NO_HU] if minimum_hu >= 0 else []),
                *(f"{why[:1].upper()}{why[1:]}." for why in found),
            ]
            for (liver_ml, minimum_hu), found in zip(known, outside, strict=True)
        ]
        series = pd.DataFrame(
            {
                "level": OF_SERIES,
                "study": rows["study"].to_numpy(),
                "series": rows["series"].to_numpy(),
                "series_judged": [int(not found) for found in reasons],
                "probability": by_fold.mean(axis=0),
                "lowest": by_fold.min(axis=0),
                "highest": by_fold.max(axis=0),
                "distance": distances,
                "reasons": reasons,
            }
        )
        withheld = series["series_judged"].eq(0)
        series.loc[withheld, ["probability", "lowest", "highest"]] = np.nan
        studies = [_study_of(rows) for _, rows in series.groupby("study", sort=False)]
        table = pd.concat([series, pd.DataFrame(studies)], ignore_index=True)
        table["reasons"] = table["reasons"].map(" ".join)
        given = table["probability"].notna()
        return table.assign(
            threshold=self.threshold,
            called=(table["probability"] > self.threshold).astype("Int64").where(given),
            verdict=np.where(given, PREDICTED, WITHHELD),
        )[JUDGED.names]

    def save(self, folder: Path) -> None:
        """Write the classifier into an empty folder."""
        folder.mkdir(parents=True)
        folds = []
        for fold, model in enumerate(self.models):
            name = f"fold_{fold}.skops"
            save_steps(model, folder / name)
            folds.append({"file": name, "threshold": model.threshold, "filled": model.filled})
        record = {
            "name": self.name,
            "classifier": self.classifier,
            "aggregation": self.aggregation,
            "filled_features": list(FEATURES),
            "folds": folds,
            "validation": asdict(self.validation),
            "patients": self.patients,
            "series": self.series,
        }
        write_json(record, folder / RECORD)
        write_json(self.domain.as_values(), folder / DOMAIN)
        probe = probe_rows(self.models)
        write_json(
            {
                # JSON has no NaN.
                "rows": probe.astype(object).where(probe.notna(), None).to_numpy().tolist(),
                "probabilities": self.probabilities(probe.assign(series="", study="")).tolist(),
            },
            folder / PROBE,
        )

    @classmethod
    def load(cls, folder: Path) -> "Phenotype":
        """Read what `save` wrote. Raises InputError where it computes other numbers here."""
        record = read_json(folder / RECORD)
        models = tuple(
            FrozenModel(tuple(fold["filled"]), load_steps(folder / fold["file"]), fold["threshold"])
            for fold in record["folds"]
        )
        found = cls(
            record["name"],
            record["classifier"],
            record["aggregation"],
            models,
            Domain.read(read_json(folder / DOMAIN)),
            Validation(**record["validation"]),
            record["patients"],
            record["series"],
        )
        found._prove(read_json(folder / PROBE))
        return found

    def _prove(self, probe: Mapping) -> None:
        rows = pd.DataFrame(probe["rows"], columns=list(FEATURES), dtype=float)
        apart = self.probabilities(rows.assign(series="", study="")) - probe["probabilities"]
        if not np.abs(apart).max() <= SAME:
            label = CLASSIFIERS[self.classifier].label
            raise InputError(
                f"The packed {label} computes other probabilities here than where it was packed "
                f"(by up to {np.abs(apart).max():.1e} on the rows of {PROBE}): install the "
                "versions that pack.json names."
            )


def _lacking_liver(liver_ml: float) -> list[str]:
    """Say that no liver is marked, or hardly any; nothing where its volume is not known."""
    if liver_ml == 0:
        return [NO_LIVER]
    if liver_ml < LEAST_LIVER_ML:
        return [f"Only {liver_ml:.0f} ml of liver are marked in it, no whole one."]
    return []


def probe_rows(models: tuple[FrozenModel, ...]) -> pd.DataFrame:
    """Make rows of FEATURES that no patient has: the values for what is missing, moved by a seed.

    One row lacks every feature, as a scan without lesions does, and one lacks some.
    """
    generator = np.random.default_rng(0)
    middle = np.mean([model.filled for model in models], axis=0)
    typical = np.where(middle == 0, 1000.0, middle)  # an extent, which is 0 without a lesion
    rows = typical * generator.lognormal(0, 1, (PROBES, len(middle)))
    rows[0, : len(FEATURES) - 1] = np.nan
    rows[1, : len(FEATURES) // 2] = np.nan
    return pd.DataFrame(rows, columns=list(FEATURES))


def _features_of(models: tuple[FrozenModel, ...]) -> list[str]:
    chosen = {feature for model in models for feature in model.features}
    known = [feature for feature in FEATURES if feature in chosen]
    return [*known, *sorted(chosen - set(known))]


def _counted(features: pd.DataFrame) -> pd.DataFrame:
    """Check that the columns are there, and count lesions as the corrected protocol does."""
    lacking = [name for name in ("series", "study", *FEATURES) if name not in features]
    if lacking:
        raise InputError(
            f"The feature table lacks {len(lacking)} columns, such as {lacking[0]}; give all of "
            f"the {len(FEATURES)} features, series and study."
        )
    if "mask_lesions" not in features:
        return features.reset_index(drop=True)
    lesions = features["mask_lesions"].fillna(features[LESION_COUNT]).astype(float)
    return features.assign(**{LESION_COUNT: lesions}).reset_index(drop=True)


def _study_of(rows: pd.DataFrame) -> dict:
    """Put a study's series together: the mean of those with a probability."""
    judged = rows[rows["series_judged"].eq(1)]
    reasons = []
    if judged.empty:
        first, *others = rows["reasons"]
        reasons = [reason for reason in first if all(reason in other for other in others)]
        reasons += [
            f"{row.series}: {reason}"
            for row in rows.itertuples()
            for reason in row.reasons
            if reason not in reasons
        ]
    elif len(judged) < len(rows):
        left = rows.loc[rows["series_judged"].eq(0), "series"]
        reasons = [f"Without {', '.join(left)}, which {'have' if len(left) > 1 else 'has'} none."]
    return {
        "level": OF_STUDY,
        "study": rows["study"].iloc[0],
        "series": "",
        "series_judged": len(judged),
        "probability": judged["probability"].mean(),
        "lowest": judged["lowest"].min(),
        "highest": judged["highest"].max(),
        "distance": rows["distance"].max(),
        "reasons": reasons,
    }
