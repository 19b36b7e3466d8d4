"""A fold's fitted model as files without executable pickles, and back.

What fills in missing features is a list of numbers and is kept as such; scikit-learn's and
XGBoost's own objects are kept by skops, which builds none but of types that it is told to trust
(docs/decisions/portable_models.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier
from skops import io
from skops.io.exceptions import UntrustedTypesFoundException

from livermet.errors import InputError
from livermet.phenotype.classifiers import settled_probability
from livermet.phenotype.corrected import FoldModel
from livermet.phenotype.filling import LesionFreeFiller
from livermet.phenotype.table import FEATURES

# Beside the types of scikit-learn and NumPy that skops trusts by itself. All of them hold numbers;
# of a tree's numbers some are places in its other arrays, so that `_check_trees` looks at them.
TRUSTED = (
    "livermet.phenotype.classifiers.Tree",
    "livermet.phenotype.transforms.Unskewed",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)
HARMONISE, FILL, SCALE = "harmonise", "fill", "scale"


@dataclass(frozen=True)
class FrozenModel:
    """A fold's model: values for missing features, then the steps that end with the classifier.

    `filled` has a value for each of FEATURES; `steps` take the columns that the filler makes.
    """

    filled: tuple[float, ...]
    steps: Pipeline
    threshold: float

    @classmethod
    def of(cls, model: FoldModel) -> "FrozenModel":
        """Take a fitted model apart. Raises InputError for features that were harmonised."""
        names = [name for name, _ in model.pipeline.steps]
        if names[:2] != [HARMONISE, FILL] or model.pipeline[HARMONISE].effects_:
            raise InputError(
                "the features were harmonised by ComBat, whose effects are those of the batches of "
                "training; a scan of another scanner has none"
            )
        filled = model.pipeline[FILL].values_[list(FEATURES)]
        return cls(tuple(map(float, filled)), model.pipeline[2:], float(model.threshold))

    @property
    def features(self) -> list[str]:
        """The features that the classifier sees; none where its fold selected none."""
        ((_, _, columns),) = self.steps[SCALE].transformers
        return list(columns)

    def probability(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of the positive class of some rows, which have FEATURES."""
        complete = filler_of(self.filled).transform(rows)
        return settled_probability(self.steps, complete)


def filler_of(values: Sequence[float]) -> LesionFreeFiller:
    """Make the filler that has learnt these values, one for each of FEATURES."""
    filler = LesionFreeFiller()
    filler.values_ = pd.Series(values, index=list(FEATURES), dtype=float)
    return filler


def save_steps(model: FrozenModel, path: Path) -> None:
    """Write a model's steps with skops."""
    io.dump(model.steps, path, compression=ZIP_DEFLATED, compresslevel=6)


def load_steps(path: Path) -> Pipeline:
    """Read steps that `save_steps` wrote; InputError where they hold anything else."""
    try:
        steps = io.load(path, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise InputError(
            f"{path.name} holds more than a classifier of livermet, and was not opened ({error}): "
            "ask for another copy where it comes from."
        ) from error
    except (BadZipFile, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path.name} is no classifier that skops can open ({error}); copy it again."
        ) from error
    if not isinstance(steps, Pipeline):
        raise InputError(f"{path.name} holds no fitted classifier; copy it again.")
    _check_trees(steps[-1], path)
    return steps


def _check_trees(classifier: object, path: Path) -> None:
    """Refuse trees whose branches or features lie outside of them: they would read other memory."""
    trees: list[DecisionTreeClassifier] = (
        classifier.estimators_ if isinstance(classifier, RandomForestClassifier) else []
    )
    for tree in (one.tree_ for one in trees):
        left, right, feature = tree.children_left, tree.children_right, tree.feature
        inner = left >= 0
        own = np.arange(tree.node_count)
        # A branch leads on, so that no walk through the tree goes in circles.
        onward = all(
            (side[inner] > own[inner]).all() and (side[inner] < tree.node_count).all()
            for side in (left, right)
        )
        inside = ((feature[inner] >= 0) & (feature[inner] < tree.n_features)).all()
        if not (onward and inside and tree.node_count > 0):
            raise InputError(f"{path.name} holds a tree that is broken; copy it again.")
