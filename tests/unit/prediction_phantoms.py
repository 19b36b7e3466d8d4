"""What the classifiers of a made-up run leave behind, from probabilities that are told here.

Test patients m00 and m03 are negative, m01 and m02 positive; a patient has one study of two series.
"""

from collections.abc import Iterator
from functools import cache

import pandas as pd

from livermet.models import CLASSIFIERS
from livermet.phenotype.baselines import BASELINES
from livermet.phenotype.choice import choose
from livermet.phenotype.deals import DEALS
from livermet.phenotype.fits import ENSEMBLE, Fit
from livermet.phenotype.metrics import (
    bootstrap_metrics,
    compare_baselines,
    intervals_by_unit,
    summarise_folds,
)

from . import cohort_phantoms as cohort
from .written import read_back

PROTOCOLS = ("published", "corrected")
WEIGHTINGS = ("none", "balanced")
DRAWS = {"draws": 1000, "seed": 1}
# Published, by fold: the held-out series, positive and negative; it has the patients in training.
SPLITS = (("m04_a", "m06_a"), ("m07_b", "m09_b"), ("m08_a", "m10_a"), ("m11_b", "m06_b"))
SPLITS += (("m12_a", "m10_b"),)
# Their probabilities: XGBoost ranks four of the five pairs right, the regression three, and the
# forest none of them, since it says the same of both.
RIGHT, WRONG, ALIKE = (0.8, 0.3), (0.3, 0.8), (0.6, 0.6)
HELD_OUT = {
    "LR": (RIGHT, RIGHT, RIGHT, WRONG, WRONG),
    "RF": (ALIKE,) * 5,
    "XGB": (RIGHT, RIGHT, RIGHT, RIGHT, WRONG),
}
# The test patients' probabilities. The regression is right but for the second series of m03, and
# ranks all series right; the forest calls each patient positive; XGBoost misses m02.
TESTED = {
    "LR": {"m00": 0.3, "m01": 0.85, "m02": 0.8, "m03_a": 0.3, "m03_b": 0.75},
    "RF": {"m00": 0.6, "m01": 0.7, "m02": 0.55, "m03": 0.65},
    "XGB": {"m00": 0.3, "m01": 0.8, "m02": 0.4, "m03": 0.45},
}
# Corrected, by fold: the patients held out, the negative one last.
FOLDS = (("m04", "m05", "m06"), ("m07", "m08", "m09"), ("m11", "m12", "m10"))
ABOVE, BETWEEN, BELOW = (0.7, 0.6, 0.4), (0.7, 0.52, 0.6), (0.6, 0.55, 0.8)
# The forest ranks all pairs of the first fold right and half of the others'.
PATIENTS_HELD_OUT = {
    "LR": (BETWEEN, BETWEEN, BELOW),
    "RF": (ABOVE, BETWEEN, BETWEEN),
    "XGB": (BETWEEN, BETWEEN, BETWEEN),
    "always_positive": ((1.0, 1.0, 1.0),) * 3,
    "volume": (ABOVE, BETWEEN, BETWEEN),
    "lesion_count": (BELOW, BELOW, BELOW),
}
# Only the chosen model, the forest, and the rules score the test patients. The forest is wrong of
# m03 alone, the volume of nobody, the number of lesions of everybody.
PATIENTS_TESTED = {
    "RF": {"m00": 0.45, "m01": 0.7, "m02": 0.6, "m03": 0.65},
    "always_positive": {"m00": 1.0, "m01": 1.0, "m02": 1.0, "m03": 1.0},
    "volume": {"m00": 0.4, "m01": 0.6, "m02": 0.7, "m03": 0.3},
    "lesion_count": {"m00": 0.6, "m01": 0.4, "m02": 0.45, "m03": 0.55},
}


@cache
def classified() -> pd.DataFrame:
    """The series that are classified, as the feature table names their facts."""
    facts = cohort.facts()
    facts = facts[facts["included"]]
    return facts.assign(label=facts["label"].eq("positive").astype(int))


def rows_of(names: tuple[str, ...]) -> pd.DataFrame:
    """The rows of some series, or of both series of some patients."""
    table = classified()
    return table[table["series"].isin(names) | table["patient"].isin(names)]


def probabilities(rows: pd.DataFrame, told: dict[str, float]) -> list[float]:
    return [
        told.get(series, told.get(patient))
        for series, patient in rows[["series", "patient"]].itertuples(index=False)
    ]


@cache
def fits(protocol: str) -> tuple[Fit, ...]:
    return tuple(_fits(protocol))


def _fits(protocol: str) -> Iterator[Fit]:
    published = protocol == "published"
    held_out = HELD_OUT if published else PATIENTS_HELD_OUT
    tested = TESTED if published else PATIENTS_TESTED
    # Of one patient nothing could be measured: 16 series are left to the published protocol.
    training = 16 if published else 18
    for model, of_folds in held_out.items():
        fit = Fit(protocol, model)
        for weighting in WEIGHTINGS[:1] if model in BASELINES else WEIGHTINGS:
            weight = 1.0 if weighting == "none" else 0.5
            for fold, names in enumerate(SPLITS if published else FOLDS):
                rows = rows_of(names)
                told = dict(zip(names, of_folds[fold], strict=True))
                values = probabilities(rows, told)
                fit.add_fold(weighting, weight, fold, training - len(rows), rows, values)
            if model in tested and (published or weighting == "none"):
                rows = rows_of(("m00", "m01", "m02", "m03"))
                values = probabilities(rows, tested[model])
                fit.add_predictions(weighting, "test", ENSEMBLE, rows, values)
        yield fit


def folds(protocol: str) -> pd.DataFrame:
    """The scores of the classifiers' folds."""
    models = [fit for fit in fits(protocol) if fit.model in CLASSIFIERS]
    return pd.concat([fit.cross_validation_table() for fit in models], ignore_index=True)


def predictions(protocols: tuple[str, ...] = PROTOCOLS) -> pd.DataFrame:
    """Every prediction, the rules' too: both sets, and folds by name."""
    tables = [fit.prediction_table() for protocol in protocols for fit in fits(protocol)]
    together = pd.concat(tables, ignore_index=True)
    return together.assign(fold=together["fold"].astype(str))


def of_classifiers(protocol: str) -> pd.DataFrame:
    table = predictions((protocol,))
    return table[~table["model"].isin(BASELINES)]


@cache
def _scores(protocol: str) -> pd.DataFrame:
    return read_back(bootstrap_metrics(folds(protocol), of_classifiers(protocol), **DRAWS))


@cache
def _validated(protocol: str) -> pd.DataFrame:
    return read_back(summarise_folds(folds(protocol), of_classifiers(protocol), **DRAWS))


def scores(protocols: tuple[str, ...] = PROTOCOLS) -> pd.DataFrame:
    """Test scores of the classifiers; NPV of the published forest is undefined."""
    return pd.concat([_scores(protocol) for protocol in protocols], ignore_index=True)


def cross_validation() -> pd.DataFrame:
    return pd.concat([_validated(protocol) for protocol in PROTOCOLS], ignore_index=True)


def deals() -> pd.DataFrame:
    """Two deals of every classifier and baseline; the forest's mean, 0.66, is the best."""
    aucs = {"LR": (0.50, 0.58), "RF": (0.68, 0.64), "XGB": (0.40, 0.60)}
    aucs |= {"always_positive": (0.5, 0.5), "volume": (0.60, 0.62), "lesion_count": (0.4, 0.5)}
    rows = [(model, deal, auc) for model in aucs for deal, auc in enumerate(aucs[model], 1)]
    return pd.DataFrame(rows, columns=DEALS.names)


def choice() -> pd.DataFrame:
    """Three candidates, of which the forest is chosen; it beats chance and volume."""
    return read_back(choose(deals()))


def _compared() -> pd.DataFrame:
    """The predictions that the rule compare_baselines scores: without class weights."""
    table = predictions()
    table = table[table["weighting"].eq("none")]
    tested, corrected = table["set"].eq("test"), table["protocol"].eq("corrected")
    parts = (corrected & ~tested, corrected & tested, tested & ~corrected)
    return pd.concat([table[part] for part in parts], ignore_index=True)


@cache
def _baselines() -> pd.DataFrame:
    return read_back(compare_baselines(_compared(), **DRAWS))


@cache
def _intervals() -> pd.DataFrame:
    table = _compared()
    kept = table["protocol"].eq("published") | table["model"].isin(["RF", *BASELINES])
    return read_back(intervals_by_unit(table[kept], **DRAWS))


def baselines() -> pd.DataFrame:
    """Compare every classifier with three rules, on held-out and on test series."""
    return _baselines().copy()


def intervals() -> pd.DataFrame:
    """The chosen model and the rules, and on the test series those of the published protocol."""
    return _intervals().copy()
