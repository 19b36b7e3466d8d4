"""Phantoms of series in other masks: 24 training and 4 test patients, a series each, two folds.

The model of either fold gives the probability 1 / (1 + exp(-x)) at x, the one feature that it
looks at, and calls positive from 0.5 on, which is x above 0. Positive series have x = 1, negative
ones -1. A perturbed mask moves x by 0.5, another one by -0.5; of patients t00 and t01 the second
moves it by -1.5 and 1.5, which changes their calls. Of test patients the network of fold 0 gives x
0.5 more than the ensemble, that of fold 1 as much less, but for v0 (positive): 2 less.
"""

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from livermet.phenotype.corrected import FoldModel
from livermet.phenotype.filling import LesionFreeFiller
from livermet.phenotype.fits import SELECTION
from livermet.phenotype.table import FEATURES
from livermet.validation.segmentation_error import (
    Chosen,
    score_perturbed,
    score_single_folds,
    tabulate_error,
    tabulate_shift,
)

from .written import read_back

LOOKED_AT = "original_shape_MeshVolume"
TRAINING, TESTED = 24, 4
DRAWS = {"draws": 500, "seed": 1}


def table() -> pd.DataFrame:
    """The protocol's own table; t00 is positive, t01 negative, and so on."""
    names = [f"t{number:02}" for number in range(TRAINING)]
    names += [f"v{number}" for number in range(TESTED)]
    rows = pd.DataFrame({"series": names, "study": names, "patient": names})
    label = np.array([1 - number % 2 for number in range(len(names))])
    tested = rows["series"].str.startswith("v")
    rows = rows.assign(label=label, score=label - 0.5, burden_ml=1.0)
    rows["group"] = np.where(tested, "test", "train")
    fold = pd.Series(np.arange(len(names)) // 2 % 2).mask(tested)
    rows["fold"] = fold.astype("Int64")
    features = pd.DataFrame(0.5, index=rows.index, columns=list(FEATURES))
    features[LOOKED_AT] = np.where(label == 1, 1.0, -1.0)
    return pd.concat([rows, features], axis=1)


def chosen() -> Chosen:
    rows = table()
    columns = ColumnTransformer([("looked_at", "passthrough", [LOOKED_AT])])
    steps = [("fill", LesionFreeFiller()), ("columns", columns)]
    model = Pipeline([*steps, ("classify", LogisticRegression())])
    model.fit(rows, rows["label"])
    model[-1].coef_, model[-1].intercept_ = np.array([[1.0]]), np.array([0.0])
    return Chosen.of("LR", [FoldModel(model, 0.5, 1.0)] * 2, rows)


def moved(rows: pd.DataFrame, by: dict[str, float], else_by: float) -> pd.DataFrame:
    """The features of series whose other mask moves x."""
    change = rows["series"].map(by).fillna(else_by)
    masks = rows[["series", "burden_ml", *FEATURES]].copy()
    masks[LOOKED_AT] = masks[LOOKED_AT] + change
    return masks


def perturbed() -> pd.DataFrame:
    training = table()[lambda rows: rows["group"].eq("train")]
    masks = [moved(training, {}, 0.5), moved(training, {"t00": -1.5, "t01": 1.5}, -0.5)]
    return pd.concat([one.assign(perturbation=n) for n, one in enumerate(masks, start=1)])


def by_fold() -> dict[int, pd.DataFrame]:
    tested = table()[lambda rows: rows["group"].eq("test")]
    return {0: moved(tested, {}, 0.5), 1: moved(tested, {"v0": -2.0}, -0.5)}


def scored() -> pd.DataFrame:
    parts = [score_perturbed(table(), perturbed(), chosen())]
    parts.append(score_single_folds(table(), by_fold(), chosen()))
    return pd.concat(parts, ignore_index=True)


def error() -> pd.DataFrame:
    return read_back(tabulate_error(scored(), "LR", **DRAWS))


def selection() -> pd.DataFrame:
    """Fold 0 selects the feature that the models look at, fold 1 that and Num_Lesions."""
    rows = [(0, LOOKED_AT), (1, LOOKED_AT), (1, "Num_Lesions")]
    found = pd.DataFrame(rows, columns=["fold", "feature"])
    found = found.assign(protocol="corrected", alpha=0.1)
    return found.assign(coefficient=1.0, standardised_coefficient=1.0)[SELECTION.names]


def shift() -> pd.DataFrame:
    return read_back(tabulate_shift(table(), by_fold(), selection(), **DRAWS))


def probability(x: float) -> float:
    return float(expit(x))
