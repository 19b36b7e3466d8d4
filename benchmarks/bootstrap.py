"""Bootstrap of every model under both protocols: all draws at once against a loop.

The peer calls scikit-learn's metrics draw by draw, as the paper's notebooks do. For each model it
follows ours at once, on the same draws, the first PEER_DRAWS of DRAWS: the loop over all of them
takes minutes. Ours is timed over all draws too, drawing included (`all_draws_seconds`), and over as
many prediction files as the notebooks have (`files_84_seconds`).
"""

import json
import resource
import time
import warnings

import numpy as np
from sklearn import metrics as peer
from sklearn.exceptions import UndefinedMetricWarning

from livermet.phenotype.bootstrap import (
    METRICS,
    Predictions,
    interval,
    metrics_of_draws,
    patient_draws,
    published_draws,
    study_draws,
)

MODELS, DRAWS, PEER_DRAWS, NOTEBOOK_FILES = 12, 1000, 500, 84
SEED = 1


def main():
    random = np.random.default_rng(SEED)
    label, studies, patients = test_series()
    published = [predictions(label, random) for _ in range(MODELS)]
    corrected = [predictions(label, random) for _ in range(MODELS)]

    start = time.perf_counter()
    by_series = published_draws(studies, DRAWS)
    centre = study_draws(studies, DRAWS, SEED)
    by_patient = patient_draws(patients, studies, DRAWS, SEED)
    for facts in published:
        intervals(metrics_of_draws(by_series, facts))
    for facts in corrected:
        intervals(metrics_of_draws(centre, facts))
        intervals(metrics_of_draws(by_patient, facts))
    all_draws = time.perf_counter() - start
    start = time.perf_counter()
    counts = published_draws(studies, DRAWS)
    for facts in (predictions(label, random) for _ in range(NOTEBOOK_FILES)):
        intervals(metrics_of_draws(counts, facts))
    files = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    loop(by_series[:1], published[0])
    ours, theirs, difference = [], [], 0.0
    cases = [(by_series, facts) for facts in published]
    cases += [(by_patient, facts) for facts in corrected]
    for counts, facts in cases:
        fast, scores = timed(metrics_of_draws, counts[:PEER_DRAWS], facts)
        slow, expected = timed(loop, counts[:PEER_DRAWS], facts)
        ours.append(fast)
        theirs.append(slow)
        difference = max(difference, largest_difference(scores, expected))
    pairs = np.array(theirs) / np.array(ours)
    print(
        json.dumps(
            {
                "name": "bootstrap",
                "case": f"{MODELS} models x 2 protocols, {len(METRICS)} metrics, {len(label)} "
                f"series, the first {PEER_DRAWS} of {DRAWS} draws",
                "seconds": round(sum(ours), 4),
                "peer": "loop over scikit-learn's metrics on the same draws",
                "peer_seconds": round(sum(theirs), 2),
                "ratio": round(sum(theirs) / sum(ours)),
                "ratio_range": [round(pairs.min()), round(pairs.max())],
                "max_abs_diff": difference,
                "all_draws_seconds": round(all_draws, 3),
                "files_84_seconds": round(files, 3),
                "peak_mb": round(peak_mb),
            }
        )
    )


def test_series():
    """Return label, study and patient of the paper's 50 series (26 studies of 14 patients)."""
    patient_of = np.array([*np.repeat(np.arange(12), 2), 12, 13])
    negative = np.isin(np.arange(26), [0, 2, 4, 6, 8, 9])
    study = np.sort([*range(26), *range(24)])
    return (~negative[study]).astype(int), study, patient_of[study]


def predictions(label, random):
    """Make a model's predictions, with ties as a forest's are."""
    probability = np.clip(random.normal(0.6 + 0.05 * label, 0.15), 0, 1).round(2)
    return Predictions(label, (probability > 0.5).astype(int), probability)


def intervals(scores):
    return {metric: interval(scores[metric]) for metric in METRICS}


def loop(counts, facts):
    """Compute every metric of every draw by scikit-learn."""
    with warnings.catch_warnings():
        # A draw of one class has no AUC.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        rows = [
            scores_of(facts.label[series], facts.predicted[series], facts.probability[series])
            for series in (np.repeat(np.arange(len(draw)), draw) for draw in counts)
        ]
    return {metric: np.array([row[metric] for row in rows]) for metric in METRICS}


def scores_of(label, predicted, probability):
    undefined = {"zero_division": np.nan}
    return {
        "accuracy": peer.accuracy_score(label, predicted),
        "ppv": peer.precision_score(label, predicted, **undefined),
        "npv": peer.precision_score(label, predicted, pos_label=0, **undefined),
        "sensitivity": peer.recall_score(label, predicted, **undefined),
        "specificity": peer.recall_score(label, predicted, pos_label=0, **undefined),
        "f1": peer.f1_score(label, predicted, **undefined),
        "auc": peer.roc_auc_score(label, probability, labels=[0, 1]),
    }


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def largest_difference(scores, expected):
    """Compare over all metrics; a draw must be undefined for both or for neither."""
    for metric in METRICS:
        if (np.isnan(scores[metric]) != np.isnan(expected[metric])).any():
            raise SystemExit(f"{metric} is undefined in other draws than scikit-learn's")
    return max(float(np.nanmax(np.abs(scores[m] - expected[m]), initial=0.0)) for m in METRICS)


if __name__ == "__main__":
    main()
