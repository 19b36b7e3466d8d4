"""The scores of a cohort: pooled or summarised over its scans, with intervals over patients.

The unit of a median or mean is the scan; sensitivity and PPV pool the lesions of all scans; the
unit of every interval is the patient.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from livermet.contracts import COHORT, COUNT, NUMBER, PATIENT, SHARE, TEXT, Column, Contract
from livermet.detection.intervals import NO_WIDTH, Draws, estimate, quotients
from livermet.detection.measured import MODEL, SCANS
from livermet.detection.scores import OVERLAP_SCORES, SURFACE_SCORES
from livermet.vocabulary import ScoredSet

SUMMARY = (
    Column("median_dice", SHARE, "Dice of all lesions of a scan, its median over scans"),
    Column("median_liver_dice", SHARE, "Dice of the liver, its median over scans"),
    Column(
        "lesion_sensitivity",
        SHARE,
        "share of the reference lesions of all scans that are detected",
        missing="without a reference lesion",
    ),
    Column(
        "lesion_ppv",
        SHARE,
        "share of the predicted lesions of all scans that are true positives",
        missing="without a predicted lesion",
    ),
    Column("false_positives_per_scan", NUMBER, "false positives, their mean over scans", low=0),
)
SUMMARY_SCORES = tuple(column.name for column in SUMMARY)
BURDEN_SCORES = ("bias_ml", "sd_ml", "lower_limit_ml", "upper_limit_ml", "slope")
LESION_FREE_SCORES = (
    "predicted_ml",
    "predicted_ml_sd",
    "predicted_lesions",
    "scans_with_prediction",
    "false_lesion_ml",
)
SCAN_SCORES = ("liver_dice", *(f"lesion_{name}" for name in (*OVERLAP_SCORES, *SURFACE_SCORES)))
Z_OF_LIMITS = 1.96

# The columns that tables share: which set of scans, its size, and a number with its interval.
TEST_SET = Column(
    "test_set",
    TEXT,
    "the scans that the model is scored on",
    words=tuple(ScoredSet),
)
SET = (MODEL, COHORT, TEST_SET)
SIZE = (
    Column("patients", COUNT, "number of patients"),
    Column("scans", COUNT, "number of scans"),
)
INTERVAL = (
    Column(
        "value",
        NUMBER,
        "the number itself",
        missing="where it is undefined, as 0 of 0 or the deviation of one scan",
    ),
    Column(
        "low",
        NUMBER,
        "lower end of its interval: 2.5 % of the draws of patients lie below",
        missing=f"where the number is undefined, by itself or in every draw, and {NO_WIDTH}",
    ),
    Column(
        "high",
        NUMBER,
        "upper end of its interval: 2.5 % of the draws of patients lie above",
        missing=f"where the number is undefined, by itself or in every draw, and {NO_WIDTH}",
    ),
)


@dataclass(frozen=True)
class ScanSet:
    """Scans that a model is scored on: rows of `scan_table` with patient, cohort and place."""

    model: str
    cohort: str
    test_set: str
    scans: pd.DataFrame

    @property
    def names(self) -> dict[str, str]:
        """Return the set's columns in the tables."""
        return {"model": self.model, "cohort": self.cohort, "test_set": self.test_set}

    @property
    def sizes(self) -> dict[str, int]:
        """Count the set's patients and scans."""
        return {"patients": self.scans["patient"].nunique(), "scans": len(self.scans)}

    def members(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
        """Take this model's rows of another table of these scans, and the scan of each row."""
        own = rows[rows["model"].eq(self.model) & rows["series"].isin(self.scans["series"])]
        places = pd.Index(self.scans["series"]).get_indexer(own["series"])
        return own, places


def sets_of_scans(scans: pd.DataFrame, facts: pd.DataFrame, target: str) -> Iterator[ScanSet]:
    """Sort scans into what each model may be scored on; cohorts by name, the target last.

    `scans` are scan tables of all models; `facts` give a series its patient, cohort and place
    (train or test). A model without out-of-fold scans in the target cohort never trained on it, so
    the whole cohort is its test set too. Out-of-fold scans of training patients are a set of their
    own.
    """
    placed = scans.merge(
        facts[["series", "patient", "cohort", "place"]], on="series", validate="many_to_one"
    )
    for model, of_model in placed.groupby("model", sort=False):
        names = of_model["cohort"].unique()
        for cohort in sorted(names, key=lambda name: (name == target, name)):
            inside = of_model[of_model["cohort"].eq(cohort)]
            held_out = inside["kind"].eq("out_of_fold")
            sets = {ScoredSet.TEST_PATIENTS: inside[inside["place"].eq("test") & ~held_out]}
            if cohort == target and not held_out.any():
                sets[ScoredSet.ALL_OF_COHORT] = inside
            if held_out.any():
                sets[ScoredSet.OUT_OF_FOLD] = inside[held_out]
            for name, chosen in sets.items():
                if len(chosen):
                    yield ScanSet(model, cohort, name, chosen.reset_index(drop=True))


def unseen_scans(scans: pd.DataFrame, facts: pd.DataFrame) -> Iterator[ScanSet]:
    """Pool all scans of each cohort that a model has out-of-fold scans in (`ScoredSet.UNSEEN`).

    No network has seen the patient of a scan that it predicts: neither the ensemble that of a test
    patient or of one without a reference, nor a fold that of a patient whom it held out.
    """
    placed = scans.merge(
        facts[["series", "patient", "cohort"]], on="series", validate="many_to_one"
    )
    for (model, cohort), inside in placed.groupby(["model", "cohort"], sort=False):
        if inside["kind"].eq("out_of_fold").any():
            yield ScanSet(model, cohort, ScoredSet.UNSEEN, inside.reset_index(drop=True))


SCANS_OF_SETS = Contract(
    files=("tables/detection_scans.csv",),
    row="a scan with a reference, in one of the sets that a model is scored on",
    columns=(*SET, PATIENT, *(column for column in SCANS.columns if column is not MODEL)),
    key=("model", "cohort", "test_set", "series"),
)


def scans_of_sets(sets: list[ScanSet]) -> pd.DataFrame:
    """List each set's scans: `SCANS_OF_SETS`."""
    if not sets:
        return pd.DataFrame(columns=SCANS_OF_SETS.names)
    rows = pd.concat([chosen.scans.assign(**chosen.names) for chosen in sets], ignore_index=True)
    return rows[SCANS_OF_SETS.names]


def with_reference(scans: pd.DataFrame) -> pd.DataFrame:
    """Take the scans that have a reference."""
    return scans[scans["has_reference"].astype(bool)]


def summarise(scans: pd.DataFrame, cohort: str, draws: int = 0, seed: int = 0) -> pd.DataFrame:
    """Summarise the scans of a cohort as table 3 does: one row a model, in order of appearance.

    scans: rows of `scan_table`, any models; scans without a reference are left out. median_dice
    (lesions) and median_liver_dice are medians over scans, with Dice 1 for a scan that has no
    lesion in reference and prediction; lesion_sensitivity (detected of all reference lesions) and
    lesion_ppv (true positives of all predicted lesions) pool the lesions of all scans, NaN where
    there are none; false_positives_per_scan is their mean over scans. With `draws` each score has
    its interval (<score>_low, <score>_high) over draws of the scans' column patient.
    """
    columns = ["model", "cohort", "scans", *SUMMARY_SCORES]
    if draws:
        columns += [f"{score}_{end}" for score in SUMMARY_SCORES for end in ("low", "high")]
    rows = []
    for model, table in with_reference(scans).groupby("model", sort=False):
        patients = table["patient"] if draws else table["series"]
        row = {"model": model, "cohort": cohort, "scans": len(table)}
        for score, values in _summary(table, Draws.of(patients, draws, seed)).items():
            found = estimate(values)
            row |= {score: found.value, f"{score}_low": found.low, f"{score}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def _summary(scans: pd.DataFrame, draws: Draws) -> dict[str, np.ndarray]:
    counts = _counts(scans, draws)
    return {
        "median_dice": draws.medians(scans["lesion_dice"]),
        "median_liver_dice": draws.medians(scans["liver_dice"]),
        "lesion_sensitivity": counts["sensitivity"],
        "lesion_ppv": counts["ppv"],
        "false_positives_per_scan": counts["false_positives_per_scan"],
    }


def _counts(rows: pd.DataFrame, draws: Draws) -> dict[str, np.ndarray]:
    """Score each draw by the numbers of lesions; rows are scans, by one rule of matching.

    F1 is the harmonic mean of sensitivity and PPV, whose true positives are lesions of different
    sides where a rule merges lesions; 0 where nothing is matched, NaN where there is no lesion.
    """
    names = ("detected_lesions", "reference_lesions", "true_positive_lesions", "predicted_lesions")
    detected, known, true_positive, found = (draws.sums(rows[name]) for name in names)
    f1 = quotients(2 * detected * true_positive, detected * found + true_positive * known)
    return {
        "sensitivity": quotients(detected, known),
        "ppv": quotients(true_positive, found),
        "f1": np.where((detected == 0) & (known + found > 0), 0.0, f1),
        "false_positives_per_scan": draws.means(rows["false_positives"]),
    }


SCORES = Contract(
    files=("tables/detection_scores.csv",),
    row="a metric of a set of scans",
    columns=(
        *SET,
        *SIZE,
        Column(
            "rule",
            TEXT,
            "rule that says which lesions match",
            missing="of metrics that take a whole scan",
        ),
        Column(
            "metric",
            TEXT,
            "median_ or mean_ and a score of a scan, median_matched_ and a score of matched "
            "lesions, or what the lesions of all scans give: sensitivity, ppv, f1, "
            "false_positives_per_scan, false_positive_ml_per_scan",
        ),
        Column("unit", TEXT, "what the value is taken over", words=("scan", "lesion", "group")),
        Column("number", COUNT, "how many of them have a value"),
        *INTERVAL,
    ),
    key=("model", "cohort", "test_set", "rule", "metric"),
)


def score_table(
    sets: list[ScanSet], matching: pd.DataFrame, groups: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """Score each set of scans by every metric: `SCORES`.

    The sets' scans have references; `matching` and `groups` are those of all models' scans.
    Without a rule stand the medians and means of scores of whole scans; with a rule pooled counts,
    and medians over groups of matched lesions (`median_matched_*`). `unit` is what a value is taken
    over, `number` how many of them have one.
    """
    rows = []
    for chosen in sets:
        scans = chosen.scans
        all_draws = Draws.of(scans["patient"], draws, seed)
        rows += [
            _row(chosen, "", f"{statistic}_{score}", "scan", scans[score], take(scans[score]))
            for score in SCAN_SCORES
            for statistic, take in (("median", all_draws.medians), ("mean", all_draws.means))
        ]
        by_rule, places = chosen.members(matching)
        for rule, counted in by_rule.assign(place=places).groupby("rule", sort=False):
            drawn = all_draws.of_rows(counted["place"].to_numpy())
            wholes = {"sensitivity": "reference_lesions", "ppv": "predicted_lesions"}
            scored = _counts(counted, drawn)
            scored["false_positive_ml_per_scan"] = drawn.means(counted["false_positive_ml"])
            for metric, values in scored.items():
                number = int(counted[wholes[metric]].sum()) if metric in wholes else len(counted)
                unit = "lesion" if metric in wholes else "scan"
                rows.append(_row(chosen, rule, metric, unit, np.zeros(number), values))
        of_groups, places = chosen.members(groups)
        for rule, matched in of_groups.assign(place=places).groupby("rule", sort=False):
            drawn = all_draws.of_rows(matched["place"].to_numpy())
            rows += [
                _row(
                    chosen,
                    rule,
                    f"median_matched_{score}",
                    "group",
                    matched[score],
                    drawn.medians(matched[score]),
                )
                for score in (*OVERLAP_SCORES, *SURFACE_SCORES)
            ]
    return pd.DataFrame(rows, columns=SCORES.names)


def _row(
    chosen: ScanSet, rule: str, metric: str, unit: str, units: np.ndarray, values: np.ndarray
) -> dict:
    return {
        **chosen.names,
        **chosen.sizes,
        "rule": rule,
        "metric": metric,
        "unit": unit,
        "number": int(np.count_nonzero(~np.isnan(np.asarray(units, float)))),
        **asdict(estimate(values)),
    }


def flags_of(lesions: pd.DataFrame, rule: str) -> np.ndarray:
    """Tell which lesions a rule matches."""
    return lesions[f"matched_{rule}"].map(_is_true).to_numpy(bool)


def _is_true(value: object) -> bool:
    """Read a flag that may have come as text, beside rows without one."""
    return str(value) == "True"


BURDENS = Contract(
    files=("tables/detection_burden.csv",),
    row="a number that compares predicted with reference burden, of a set of scans",
    columns=(
        *SET,
        *SIZE,
        Column(
            "metric",
            TEXT,
            "of prediction minus reference: bias_ml (mean), sd_ml (standard deviation), the limits "
            "of agreement, and slope on the mean of both",
            words=BURDEN_SCORES,
        ),
        *INTERVAL,
    ),
    key=("model", "cohort", "test_set", "metric"),
)


def burden_table(sets: list[ScanSet], draws: int, seed: int) -> pd.DataFrame:
    """Compare predicted with reference burden (Bland and Altman 1986): `BURDENS`.

    The sets' scans have references. bias_ml: mean of prediction minus reference; sd_ml: its
    standard deviation over scans; limits: bias -+ 1.96 sd_ml; slope: of the difference on the mean
    of both (ml a ml), which is away from 0 where errors grow with the burden, and the limits then
    fit neither end.
    """
    rows = []
    for chosen in sets:
        scans = chosen.scans
        predicted, known = (
            scans[f"{side}_burden_ml"].to_numpy(float) for side in ("predicted", "reference")
        )
        draw = Draws.of(scans["patient"], draws, seed)
        difference, mean = predicted - known, (predicted + known) / 2
        bias, deviation = draw.means(difference), draw.deviations(difference)
        found = (
            bias,
            deviation,
            bias - Z_OF_LIMITS * deviation,
            bias + Z_OF_LIMITS * deviation,
            _slopes(draw, mean, difference),
        )
        rows += [
            {**chosen.names, **chosen.sizes, "metric": metric, **asdict(estimate(values))}
            for metric, values in zip(BURDEN_SCORES, found, strict=True)
        ]
    return pd.DataFrame(rows, columns=BURDENS.names)


def _slopes(draws: Draws, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the slope of `other` on `one` in each draw (least squares)."""
    # About the means of all, so that products lose no digits.
    one, other = (values - values.mean() if len(values) else values for values in (one, other))
    mean = draws.means(one)
    together = draws.means(one * other) - mean * draws.means(other)
    return quotients(together, draws.means(one**2) - mean**2)


LESION_FREE = Contract(
    files=("tables/detection_lesion_free.csv",),
    row="what is predicted on those scans of a set that the radiology report reads as free of "
    "lesions, one number",
    columns=(
        *SET,
        *SIZE,
        Column(
            "metric",
            TEXT,
            "predicted_ml and predicted_lesions (means over scans), predicted_ml_sd (standard "
            "deviation), scans_with_prediction (share of scans with a predicted lesion), "
            "false_lesion_ml (mean volume of a predicted lesion)",
            words=LESION_FREE_SCORES,
        ),
        *INTERVAL,
    ),
    key=("model", "cohort", "test_set", "metric"),
)


def lesion_free_table(
    sets: list[ScanSet], lesion_free: list[str], draws: int, seed: int
) -> pd.DataFrame:
    """Say what is predicted on scans that the radiology report read as free of lesions.

    `lesion_free` names their series; a reference is not needed. Returns `LESION_FREE`:
    predicted_ml and predicted_lesions are means over scans, predicted_ml_sd the volume's standard
    deviation, scans_with_prediction the share of scans with any predicted lesion, false_lesion_ml
    the volume of all predicted lesions by their number.
    """
    rows = []
    for chosen in sets:
        scans = chosen.scans[chosen.scans["series"].isin(lesion_free)]
        if scans.empty:
            continue
        draw = Draws.of(scans["patient"], draws, seed)
        volumes_ml, lesions = scans["predicted_burden_ml"], scans["predicted_lesions"].astype(float)
        found = (
            draw.means(volumes_ml),
            draw.deviations(volumes_ml),
            draw.means(lesions),
            draw.means(lesions > 0),
            draw.ratios(volumes_ml, lesions),
        )
        sizes = ScanSet(chosen.model, chosen.cohort, chosen.test_set, scans).sizes
        rows += [
            {**chosen.names, **sizes, "metric": metric, **asdict(estimate(values))}
            for metric, values in zip(LESION_FREE_SCORES, found, strict=True)
        ]
    return pd.DataFrame(rows, columns=LESION_FREE.names)
