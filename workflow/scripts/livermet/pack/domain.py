"""What a classifier has been trained on, so that a scan outside of it is known as such.

A scan is outside where its slices, pixels or phase are none of the training series', or where its
features lie further from theirs than those of a training patient do whom the measure has not seen.
The distance is Mahalanobis's in the features that the folds selected, all of them together: each
may be in its range although no training series has such a combination of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.covariance import LedoitWolf

from livermet.pack.frozen import filler_of
from livermet.phenotype.filling import LesionFreeFiller
from livermet.phenotype.table import FEATURES
from livermet.phenotype.transforms import Unskewed
from livermet.vocabulary import Transform

# Of training patients, each measured by the others, the share that is to lie inside.
INSIDE = 0.95
# Lengths in headers are rounded.
TOLERANCE_MM = 0.01
NOT_RECORDED = ""
LENGTHS = {
    "slice_thickness_mm": "slices are {value:g} mm thick",
    "slice_spacing_mm": "slices lie {value:g} mm apart",
    "pixel_mm": "pixels are {value:.3g} mm wide",
}
ACQUIRED = ("series", "slice_thickness_mm", "spacing_mm", "phase")


@dataclass(frozen=True)
class Distance:
    """How far a scan's features lie from the training rows', and from where on that is outside.

    Features are filled in (`filled`, one value for each of FEATURES), go through sign(x) log(1 +
    |x|), and are standardised by mean and scale; `precision` is the inverse of their covariance,
    shrunk by Ledoit and Wolf's rule (J Multivar Anal 2004), (features, features).
    """

    features: tuple[str, ...]
    filled: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    limit: float
    patients: int

    @classmethod
    def learnt(cls, rows: pd.DataFrame, features: Iterable[str]) -> "Distance | None":
        """Learn from training rows; None without features. The limit is of patients left out."""
        names = tuple(features)
        if not names:
            return None
        filler = LesionFreeFiller().fit(rows)
        values, patients = _logged(filler.transform(rows), names), rows["patient"].to_numpy()
        left_out = [
            _distances(values[patients == one], *_shape_of(values[patients != one])).max()
            for one in np.unique(patients)
        ]
        mean, scale, precision = _shape_of(values)
        return cls(
            names,
            tuple(map(float, filler.values_[list(FEATURES)])),
            tuple(mean.tolist()),
            tuple(scale.tolist()),
            tuple(map(tuple, precision.tolist())),
            float(np.quantile(left_out, INSIDE, method="higher")),
            len(left_out),
        )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Distance":
        """Make a distance of its plain values, after a way through JSON."""
        return cls(
            tuple(values["features"]),
            tuple(values["filled"]),
            tuple(values["mean"]),
            tuple(values["scale"]),
            tuple(map(tuple, values["precision"])),
            values["limit"],
            values["patients"],
        )

    def of(self, rows: pd.DataFrame) -> np.ndarray:
        """Measure some rows, which have FEATURES."""
        values = _logged(filler_of(self.filled).transform(rows), self.features)
        shape = np.asarray(self.mean), np.asarray(self.scale), np.asarray(self.precision)
        return _distances(values, *shape)


def _logged(complete: pd.DataFrame, features: tuple[str, ...]) -> np.ndarray:
    """Take the logs of complete features: volumes and energies span many powers of ten."""
    return Unskewed(Transform.LOG).fit(complete).transform(complete)[list(features)].to_numpy()


def _shape_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, scale and precision of (rows, features)."""
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    covariance = LedoitWolf(assume_centered=True).fit((values - mean) / scale)
    return mean, scale, covariance.precision_


def _distances(
    values: np.ndarray, mean: np.ndarray, scale: np.ndarray, precision: np.ndarray
) -> np.ndarray:
    apart = (values - mean) / scale
    return np.sqrt(np.einsum("ij,jk,ik->i", apart, precision, apart))


@dataclass(frozen=True)
class Domain:
    """Ranges of a classifier's training series, and the distance of features.

    `lengths` has the lowest and the highest of LENGTHS in mm, without those that no series tells;
    `phases` counts the training series by phase ('' where it is not recorded), empty where none of
    them has one; `voxel_mm` is the voxel that features were measured in, if it is known.
    """

    distance: Distance | None
    lengths: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    phases: Mapping[str, int] = field(default_factory=dict)
    voxel_mm: str = ""

    @classmethod
    def learnt(
        cls, rows: pd.DataFrame, features: Iterable[str], acquisition: pd.DataFrame
    ) -> "Domain":
        """Learn from training rows, and from how their series were acquired (ACQUIRED)."""
        acquired = lengths_of(acquisition[acquisition["series"].isin(rows["series"])])
        known = acquired[list(LENGTHS)].dropna(axis="columns", how="all")
        phases = acquired["phase"].value_counts()
        if set(phases.index) <= {NOT_RECORDED}:
            phases = phases.iloc[:0]
        voxels = rows["voxel_mm"].dropna()
        return cls(
            Distance.learnt(rows, features),
            {name: (float(known[name].min()), float(known[name].max())) for name in known},
            {str(phase): int(count) for phase, count in sorted(phases.items())},
            str(voxels.mode().iloc[0]) if len(voxels) else "",
        )

    @classmethod
    def read(cls, values: Mapping) -> "Domain":
        """Make a domain of what `as_values` gives, after a way through JSON."""
        distance = Distance.read(values["distance"]) if values["distance"] else None
        lengths = {name: tuple(limits) for name, limits in values["lengths"].items()}
        return cls(**{**values, "distance": distance, "lengths": lengths})

    def as_values(self) -> dict:
        """Return the domain as plain values."""
        return asdict(self)

    def reasons(self, rows: pd.DataFrame, acquisition: pd.DataFrame) -> list[list[str]]:
        """Say of each row why it lies outside; nothing where it lies inside.

        `rows` have series, FEATURES and, where it is known, voxel_mm. A series that `acquisition`
        (ACQUIRED) lacks, or whose lengths it lacks, is not judged by them.
        """
        acquired = lengths_of(acquisition).set_index("series")
        distances = self.distance.of(rows) if self.distance else np.zeros(len(rows))
        voxels = rows["voxel_mm"] if "voxel_mm" in rows else pd.Series("", index=rows.index)
        return [
            [
                *(self._of_acquisition(acquired.loc[series]) if series in acquired.index else []),
                *self._of_voxel(voxel),
                *self._of_distance(float(distance)),
            ]
            for series, voxel, distance in zip(rows["series"], voxels, distances, strict=True)
        ]

    def _of_acquisition(self, acquired: pd.Series) -> list[str]:
        found = []
        for name, (low, high) in self.lengths.items():
            value = acquired[name]
            if pd.notna(value) and not low - TOLERANCE_MM <= value <= high + TOLERANCE_MM:
                told = LENGTHS[name].format(value=value)
                found.append(f"its {told}, those of training {low:.3g} to {high:.3g} mm")
        if self.phases and acquired["phase"] not in self.phases:
            named = ", ".join(phase or "not recorded" for phase in self.phases)
            phase = acquired["phase"]
            told = f"its phase ({phase})" if phase else "its phase, which is not recorded,"
            found.append(f"{told} is none of training's ({named})")
        return found

    def _of_voxel(self, voxel: object) -> list[str]:
        if not self.voxel_mm or pd.isna(voxel) or voxel in ("", self.voxel_mm):
            return []
        return [f"its features were measured in voxels of {voxel} mm, not of {self.voxel_mm}"]

    def _of_distance(self, distance: float) -> list[str]:
        if self.distance is None or distance <= self.distance.limit:
            return []
        return [
            f"its features lie {distance:.1f} from those of training, beyond the "
            f"{self.distance.limit:.1f} that holds {INSIDE:.0%} of training's own patients"
        ]


def lengths_of(acquisition: pd.DataFrame) -> pd.DataFrame:
    """Return series, LENGTHS (mm) and phase of a table of acquisition; missing where not told.

    `spacing_mm` is 'x; y; z' in mm, as in cohort/acquisition.tsv.
    """
    table = acquisition.reindex(columns=ACQUIRED)
    sides = (
        table["spacing_mm"].astype("string").str.split(";", expand=True).reindex(columns=range(3))
    )
    sides = sides.apply(pd.to_numeric, errors="coerce")
    return pd.DataFrame(
        {
            "series": table["series"].astype(str),
            "slice_thickness_mm": pd.to_numeric(table["slice_thickness_mm"], errors="coerce"),
            "slice_spacing_mm": sides[2].astype(float),
            "pixel_mm": sides[[0, 1]].astype(float).max(axis=1),
            # Where a sheet says 'portal venous', a header's words say portal_venous.
            "phase": table["phase"]
            .astype("string")
            .fillna(NOT_RECORDED)
            .astype(str)
            .str.casefold()
            .str.replace(r"[\s_-]+", " ", regex=True),
        }
    )
