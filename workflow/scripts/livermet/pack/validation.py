"""A frozen classifier on another cohort, nothing of it changed: external validation.

The cohort's feature table has the columns of the pipeline's own, with scores and classes. Every
series is scored, those outside of what the classifier was trained on too, since who lies outside is
a part of the answer; they are counted. A study counts once. Intervals draw patients.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from livermet.contracts import COUNT, NUMBER, TEXT, Column, Contract
from livermet.errors import InputError
from livermet.pack.domain import ACQUIRED
from livermet.pack.phenotype import Phenotype
from livermet.phenotype.bootstrap import METRICS, patient_draws
from livermet.phenotype.corrected import UNWEIGHTED, prepared
from livermet.phenotype.fits import CORRECTED, ENSEMBLE, TEST, Fit
from livermet.phenotype.intervals import LEVEL
from livermet.phenotype.metrics import draw_by, estimates
from livermet.phenotype.table import LESION_COUNT, RADIOMIC_FEATURES, read_feature_table
from livermet.statistics.calibration import calibrate, scarcest, study_weights
from livermet.statistics.validation_size import required_for_validation
from livermet.tables import write_table
from livermet.validation.subgroups import FEWEST, TOO_FEW

DRAWS, SEED = 1000, 0
OE, SLOPE, INTERCEPT, BRIER = "o_e", "calibration_slope", "calibration_intercept", "brier"
BENEFIT, BENEFIT_OF_ALL, PREVALENCE = "net_benefit", "net_benefit_call_all", "prevalence"
UNDEFINED = "nothing of a class, or of a call, that it counts"
# The score that each of Riley's criteria is of.
PLANNED = (OE, SLOPE, "auc", BENEFIT)
VALIDATED = Contract(
    files=("external_validation.tsv",),
    row="a score of a packed classifier on another cohort",
    columns=(
        Column(
            "metric",
            TEXT,
            "what is measured; sensitivity, specificity and net benefit at the frozen threshold",
            words=(*METRICS, OE, SLOPE, INTERCEPT, BRIER, BENEFIT, BENEFIT_OF_ALL, PREVALENCE),
        ),
        Column("value", NUMBER, "the score", missing="where it is not defined: note says why"),
        Column("low", NUMBER, "lower end of its 95% interval", missing="without an interval"),
        Column("high", NUMBER, "upper end of its 95% interval", missing="without an interval"),
        Column("patients", COUNT, "patients of the cohort"),
        Column(
            "required_patients",
            COUNT,
            "patients that Riley's criterion asks for to know the score well enough",
            missing="for scores without a criterion, and where it has no answer",
        ),
        Column("note", TEXT, "what is to be known of the score", missing="where there is nothing"),
    ),
    key=("metric",),
)


@dataclass(frozen=True)
class Validated:
    """An external validation: scores (`VALIDATED`), and whom they are of.

    left_out: series that were measured in another voxel than the classifier's training, or, where
    that is not known, than the others. outside: series that lie
    outside of what the classifier was trained on. failures: what its own cross-validation says.
    """

    scores: pd.DataFrame
    classifier: str
    series: int
    studies: int
    positive_studies: int
    patients: int
    left_out: int
    outside: int
    failures: tuple[str, ...]


def validate(features: Path, phenotype: Phenotype, assumed_auc: float) -> Validated:
    """Score a cohort's feature table with a frozen classifier.

    `assumed_auc` is the AUC that Riley's criteria plan for. Raises InputError that lists what is
    wrong with the table.
    """
    if not features.is_file():
        raise InputError(f"There is no feature table at {features}; correct the path.")
    table = read_feature_table(features, phenotype.name, divided=False)
    rows = prepared(_of_our_voxel(table, phenotype, features)).reset_index(drop=True)
    _refuse_unmeasured(rows, phenotype, features)
    scored = predictions_of(rows, phenotype)
    return Validated(
        score(scored, phenotype.threshold, assumed_auc),
        phenotype.classifier,
        len(rows),
        rows["study"].nunique(),
        int(scored.groupby("study")["label"].max().sum()),
        rows["patient"].nunique(),
        len(table) - len(rows),
        _outside(rows, phenotype),
        tuple(phenotype.validation.failures),
    )


def _of_our_voxel(table: pd.DataFrame, phenotype: Phenotype, features: Path) -> pd.DataFrame:
    """Leave out what was measured in another voxel than that of training: other numbers."""
    ours = phenotype.domain.voxel_mm
    if not ours:
        return table
    voxels = table["voxel_mm"]
    kept = table[voxels.isna() | voxels.eq(ours)]
    if kept.empty:
        raise InputError(
            f"{features} was measured in voxels of {voxels.iloc[0]} mm, and the classifier learnt "
            f"in {ours}: measure again with the settings of radiomics in pack.json."
        )
    return kept


def _refuse_unmeasured(rows: pd.DataFrame, phenotype: Phenotype, features: Path) -> None:
    """Refuse a table where no lesion has a feature that the classifier looks at.

    Single cells may be empty, and have stated values then; a whole column has been forgotten.
    """
    lesions = rows[rows[LESION_COUNT] > 0]
    asked = [name for name in phenotype.features if name in RADIOMIC_FEATURES]
    if lacking := [name for name in asked if len(lesions) and lesions[name].isna().all()]:
        raise InputError(
            f"{features} has no value of {', '.join(lacking)} in any row, which the classifier "
            "looks at; measure again."
        )


def predictions_of(rows: pd.DataFrame, phenotype: Phenotype) -> pd.DataFrame:
    """Return the predictions of some rows as a test set's (`fits.PREDICTIONS`)."""
    fit = Fit(CORRECTED, phenotype.classifier)
    mean = phenotype.probabilities(rows).mean(axis=0)
    fit.add_predictions(UNWEIGHTED, TEST, ENSEMBLE, rows, mean, phenotype.threshold)
    return fit.prediction_table()


def score(predictions: pd.DataFrame, threshold: float, assumed_auc: float) -> pd.DataFrame:
    """Score the predictions of a cohort at a threshold that was fixed before: `VALIDATED`."""
    rows = predictions.sort_values("series", ignore_index=True)
    central = draw_by("series", rows, DRAWS, SEED)
    spread = draw_by("patient", rows, DRAWS, SEED)
    found = estimates(rows, "patient", central, spread)
    scores = {name: (*found[name][:3], "") for name in METRICS}
    scores |= _calibration(rows) | _benefit(rows, threshold)
    weights = study_weights(rows["study"].to_numpy())
    share = float(np.average(rows["label"], weights=weights))
    scores[PREVALENCE] = (share, np.nan, np.nan, "share of positive studies")
    required = required_for_validation(
        share, assumed_auc, threshold, found["sensitivity"].mean, found["specificity"].mean
    )
    table = pd.DataFrame(
        [(name, *values) for name, values in scores.items()],
        columns=["metric", "value", "low", "high", "note"],
    )
    needed = dict(zip(PLANNED, required, strict=True))
    table["required_patients"] = pd.array(table["metric"].map(needed), dtype="Int64")
    table["patients"] = rows["patient"].nunique()
    untold, unknown = table["note"].eq(""), table["value"].isna()
    note = table["note"].mask(untold & unknown, UNDEFINED)
    note = note.mask(untold & ~unknown & table["low"].isna(), TOO_FEW)
    return table.assign(note=note)[VALIDATED.names]


def _calibration(rows: pd.DataFrame) -> dict[str, tuple]:
    """Measure calibration; its intervals need FEWEST patients of either class."""
    (row,) = calibrate(rows, SEED).to_dict("records")
    scarce = scarcest(rows) < FEWEST

    def of(name: str, told: str) -> tuple:
        value, low, high = (row[name + end] for end in ("", "_low", "_high"))
        if pd.isna(value):
            return value, np.nan, np.nan, row["reason"]
        return value, low, high, "; ".join(filter(None, (TOO_FEW if scarce else "", told)))

    limits = "" if scarce else row["reason"]
    of_share = f"the share of positives alone has {row['brier_prevalence']:.3f}"
    return {
        OE: _ratio(rows, scarce),
        SLOPE: of("slope", limits),
        INTERCEPT: of("intercept", limits),
        BRIER: of("brier", of_share),
    }


def _ratio(rows: pd.DataFrame, scarce: bool) -> tuple:
    """Divide observed by expected positives; a t interval on the log, as intervals of shares."""
    label, probability = (rows[name].to_numpy(float) for name in ("label", "probability"))

    def of(weights: np.ndarray) -> np.ndarray:
        return (weights @ label) / (weights @ probability)

    value = float(of(study_weights(rows["study"].to_numpy())))
    if scarce:
        return value, np.nan, np.nan, TOO_FEW
    patients = rows["patient"].to_numpy()
    drawn = of(patient_draws(patients, rows["study"].to_numpy(), DRAWS, SEED).astype(float))
    error = np.log(drawn[drawn > 0]).std(ddof=1)
    half = stats.t.ppf((1 + LEVEL) / 2, len(set(patients)) - 1) * error
    return value, float(value * np.exp(-half)), float(value * np.exp(half)), ""


def _benefit(rows: pd.DataFrame, threshold: float) -> dict[str, tuple]:
    """Return the net benefit of the frozen calls, and of calling all positive (Vickers, 2006)."""
    weights = study_weights(rows["study"].to_numpy())
    label, odds = rows["label"].to_numpy(), threshold / (1 - threshold)

    def of(called: np.ndarray) -> float:
        worth = np.where(label == 1, 1.0, -odds) * called
        return float(np.average(worth, weights=weights))

    note = f"at {threshold:.3f}; calling none has 0"
    return {
        BENEFIT: (of(rows["predicted"].to_numpy()), np.nan, np.nan, note),
        BENEFIT_OF_ALL: (of(np.ones(len(rows))), np.nan, np.nan, note),
    }


def _outside(rows: pd.DataFrame, phenotype: Phenotype) -> int:
    """Count the series outside of training, by features and, as far as told, by their lengths."""
    spacing = rows["scan_voxel_mm"].astype("string").str.strip("()").str.replace(",", ";")
    acquired = pd.DataFrame({"series": rows["series"], "spacing_mm": spacing})
    # A feature table knows of no phase.
    domain = replace(phenotype.domain, phases={})
    return sum(map(bool, domain.reasons(rows, acquired.reindex(columns=ACQUIRED))))


def write(validated: Validated, path: Path) -> None:
    """Write the scores as a table, under a name that the caller chose."""
    write_table(validated.scores, path, replace(VALIDATED, files=(path.name,)))
