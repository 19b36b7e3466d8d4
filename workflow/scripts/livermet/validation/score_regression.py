"""The molecular score itself as a target, and errors by how far it is from the threshold.

A class hides that many scores lie near the threshold, where a call is a matter of noise. The score
is therefore regressed too, in the folds that the model was chosen by, and errors of both targets
are told by the distance of the score from the threshold. It chooses nothing, and the test set has
no part in it.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.columns import VOLUME
from livermet.phenotype.corrected import Settings, completing_steps, select_in
from livermet.phenotype.fits import auc
from livermet.phenotype.folds import dealt_anew, folds_of
from livermet.vocabulary import Target

LASSO, MEAN = "lasso", "mean"
REGRESSIONS = (LASSO, VOLUME, MEAN)
ALL = "all"
# By the distance of the score from the threshold: as many studies in each, as far as ties let.
QUARTERS = ("nearest quarter", "second quarter", "third quarter", "farthest quarter")
SCORE_REGRESSION = Contract(
    files=("tables/score_regression.csv",),
    row="a model's errors over held-out studies at some distance from the threshold",
    columns=(
        Column(
            "model",
            TEXT,
            "lasso: the corrected protocol's LASSO as a regression; volume: a line on log(1 + "
            "burden); mean: the training series' mean; or the chosen classifier",
        ),
        Column("target", TEXT, "what the model learns", words=tuple(Target)),
        Column(
            "distance",
            TEXT,
            "distance of the studies' scores from the threshold",
            words=(ALL, *QUARTERS),
        ),
        Column("distance_low", NUMBER, "the least distance among the studies", low=0),
        Column("distance_high", NUMBER, "the greatest distance among them", low=0),
        Column("studies", COUNT, "studies, each counting once"),
        Column("patients", COUNT, "patients of these studies"),
        Column(
            "absolute_error",
            NUMBER,
            "mean absolute error of the score",
            low=0,
            missing="for the class",
        ),
        Column("wrong_side", SHARE, "share that is put on the wrong side of the threshold"),
        Column(
            "auc",
            SHARE,
            "AUC within folds of the predicted score for the class, mean over the deals",
            missing="for quarters, for the class, and where no fold holds both classes",
        ),
    ),
    key=("model", "target", "distance"),
)
Prediction = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]


def regress_deals(
    training: pd.DataFrame, folds: int, deals: int, settings: Settings
) -> pd.DataFrame:
    """Predict each held-out score by each of REGRESSIONS in each deal of folds.

    Deals are those of `deals.score_deals`. Gives the series' study, patient, label and score, with
    model, deal, fold and predicted (a score).
    """
    learn = {LASSO: _lasso(settings), VOLUME: _volume, MEAN: _mean}
    parts = []
    for deal in range(1, deals + 1):
        dealt = dealt_anew(training, folds, settings.seed + deal)
        for fold, (inside, outside) in folds_of(dealt):
            seen, held_out = dealt.iloc[inside], dealt.iloc[outside]
            facts = held_out[["series", "study", "patient", "label", "score"]]
            for model, predict in learn.items():
                told = {"model": model, "deal": deal, "fold": fold}
                parts.append(facts.assign(**told, predicted=predict(seen, held_out)))
    return pd.concat(parts, ignore_index=True)


def tabulate_errors(
    regressed: pd.DataFrame, classified: pd.DataFrame, limits: pd.Series
) -> pd.DataFrame:
    """Tell errors by the distance of the score from the threshold (`SCORE_REGRESSION`).

    `regressed` is what `regress_deals` gives, `classified` the held-out predictions of the chosen
    classifier (`fits.PREDICTIONS`), `limits` the threshold of each series' score. Errors are means
    over a study's series and deals first, so that each study counts once.
    """
    regressed = regressed.assign(
        absolute_error=(regressed["predicted"] - regressed["score"]).abs(),
        wrong_side=_called(regressed, limits).ne(regressed["label"]),
        target=Target.SCORE.value,
    )
    classified = classified.assign(
        absolute_error=np.nan,
        wrong_side=classified["predicted"].ne(classified["label"]),
        target=Target.CLASS.value,
    )
    rows = []
    for (model, target), errors in [
        *regressed.groupby(["model", "target"], sort=False),
        *classified.groupby(["model", "target"], sort=False),
    ]:
        studies = _by_study(errors, limits)
        ranked = _auc_of_deals(errors) if target == Target.SCORE else np.nan
        rows.append([model, target, ALL, *_errors(studies), ranked])
        for quarter, inside in studies.groupby(_quarters(studies["distance"]), observed=True):
            rows.append([model, target, quarter, *_errors(inside), np.nan])
    return pd.DataFrame(rows, columns=SCORE_REGRESSION.names)


def _lasso(settings: Settings) -> Prediction:
    settings = replace(settings, target=Target.SCORE.value)

    def predict(seen: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
        selection = select_in(
            seen, settings.target, settings.seed, ALL, settings.preparation
        ).dropna(subset="feature")
        complete = Pipeline(completing_steps(settings.preparation))
        known = complete.fit_transform(seen)[list(selection["feature"])]
        moved = complete.transform(held_out)[list(selection["feature"])] - known.mean()
        # LASSO's features have mean 0, so that its intercept is the mean score.
        return seen["score"].mean() + moved.to_numpy() @ selection["coefficient"].to_numpy(float)

    return predict


def _volume(seen: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    line = LinearRegression().fit(np.log1p(seen[["burden_ml"]]), seen["score"])
    return line.predict(np.log1p(held_out[["burden_ml"]]))


def _mean(seen: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    return np.full(len(held_out), seen["score"].mean())


def _called(rows: pd.DataFrame, limits: pd.Series) -> pd.Series:
    return (rows["predicted"] > rows["series"].map(limits)).astype(int)


def _by_study(errors: pd.DataFrame, limits: pd.Series) -> pd.DataFrame:
    distance = (errors["score"] - errors["series"].map(limits)).abs()
    rows = errors.assign(distance=distance, wrong_side=errors["wrong_side"].astype(float))
    # A study has one score. The mean of equal distances would differ from them by rounding, and so
    # would the quarters of studies of one sample.
    how = {"distance": "first", "absolute_error": "mean", "wrong_side": "mean", "patient": "first"}
    return rows.groupby("study").agg(how)


def _errors(studies: pd.DataFrame) -> list:
    distance = studies["distance"]
    counts = [len(studies), studies["patient"].nunique()]
    means = [studies["absolute_error"].mean(), studies["wrong_side"].mean()]
    return [distance.min(), distance.max(), *counts, *means]


def _quarters(distance: pd.Series) -> pd.Series:
    # Ranks are all different, so that each study falls into one quarter.
    order = distance.rank(method="first", pct=True)
    return pd.cut(order, [0, 0.25, 0.5, 0.75, 1], labels=list(QUARTERS))


def _auc_of_deals(errors: pd.DataFrame) -> float:
    """Average over deals the share of one fold's pairs that the prediction ranks right."""
    found = []
    for _, deal in errors.groupby("deal"):
        folds = [rows for _, rows in deal.groupby("fold") if rows["label"].nunique() == 2]
        pairs = [rows["label"].sum() * (1 - rows["label"]).sum() for rows in folds]
        if folds:
            aucs = [auc(rows["label"], rows["predicted"]) for rows in folds]
            found.append(np.average(aucs, weights=pairs))
    return float(np.mean(found)) if found else np.nan
