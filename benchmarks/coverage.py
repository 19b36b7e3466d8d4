"""How often 95% intervals of a small test set hold the truth, by simulation.

Phantom test sets as the study's is: patients with one to eight studies, studies with one or two
series, three quarters of the studies positive, labels and scores alike within a patient. The true
AUC is that of a positive and a negative study of two patients. Ours is beside the percentile
bootstrap, BCa (Efron, JASA 1987) and DeLong's variance for clusters (Obuchowski, Biometrics 1997)
on the log odds. Every method sees the same cohorts and the same draws.

`cases` has, for each number of patients and true AUC: the share of intervals that hold the truth,
over the cohorts for which ours prints one, their mean width, and the share for which it prints
'too few' instead. `metrics` has the same share for the other scores, which are called at a fixed
threshold, percentile first and ours second. `net_benefit` has, by patients and threshold, the share
of bands of a decision curve that hold the true net benefit, over the cohorts that have a band, and
the share of those that have none. `differences` has, by patients, how often the interval of a
difference between two models' scores holds the true one, and how often its p is at most 0.05 where
there is none. `calibration` has, by patients, how often percentiles hold the slope of 1 and the
intercept of 0 of a model whose probabilities are right, over those of a quarter of the cohorts that
have an interval; a side without a limit holds whatever lies there. COHORTS in the environment
changes their number.
"""

import json
import os
import time
from collections import defaultdict

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from livermet.phenotype.bootstrap import METRICS, Predictions, metrics_of_draws, patient_draws
from livermet.phenotype.intervals import (
    interval_of_difference,
    interval_of_share,
    supports,
)
from livermet.statistics.calibration import calibrate, scarcest
from livermet.statistics.decision_curve import THRESHOLDS, band
from livermet.vocabulary import FEWEST_PATIENTS

COHORTS = int(os.environ.get("COHORTS", "200"))
DRAWS = 400
PATIENTS, TRUE_AUCS = (10, 14, 20, 30), (0.5, 0.8, 0.9)
STUDIES = (1,) * 14 + (2,) * 6 + (3,) * 8 + (4,) * 4 + (5, 6, 7, 8)
POSITIVE = 0.75
PEERS = ("percentile", "bca", "delong")
# Of a decision curve: patients, the true AUC, and the thresholds that are looked at.
DECIDING_PATIENTS, DECIDING_AUC, LOOKED_AT = (20, 30, 60, 120), 0.8, (0.25, 0.5, 0.75)
# Two models' true AUCs; the first two are alike, so that each p of at most 0.05 is false.
COMPARED = ((0.6, 0.6), (0.8, 0.6))
# Of calibration: patients, and the true AUC.
CALIBRATED_PATIENTS, CALIBRATED_AUC = (60, 120), 0.8


def main():
    cases, metrics, seconds = [], {}, defaultdict(float)
    for patients in PATIENTS:
        for true_auc in TRUE_AUCS:
            case, others = measured(patients, true_auc, seconds)
            cases.append(case)
            metrics[f"{patients} patients, AUC {true_auc}"] = others
    print(
        json.dumps(
            {
                "name": "coverage",
                "case": f"{COHORTS} phantom test sets each of {PATIENTS} patients and a true AUC "
                f"of {TRUE_AUCS}, {DRAWS} draws",
                "seconds": round(seconds["ours"], 2),
                "peer": "DeLong's variance for clusters (Obuchowski 1997), the least of the peers",
                "peer_seconds": round(seconds["delong"], 2),
                "ratio": round(seconds["delong"] / seconds["ours"], 2),
                "lowest_coverage": {
                    name: min(case[name][0] for case in cases) for name in ("ours", *PEERS)
                },
                "cases": cases,
                "metrics": metrics,
                "net_benefit": {patients: decided(patients) for patients in DECIDING_PATIENTS},
                "differences": {patients: compared(patients) for patients in PATIENTS},
                "calibration": {patients: calibrated(patients) for patients in CALIBRATED_PATIENTS},
            }
        )
    )


def measured(patients, true_auc, seconds):
    """Measure one case: coverage and mean width by method, and coverage of the other metrics."""
    random = np.random.default_rng([patients, int(100 * true_auc)])
    held = {name: [] for name in ("ours", *PEERS)}
    others = {metric: ([], []) for metric in METRICS if metric != "auc"}
    too_few = 0
    for seed in range(COHORTS):
        patient, study, facts, true = test_set(patients, true_auc, random)
        began = time.perf_counter()
        weights = weights_of(study)
        value = metrics_of_draws(weights[None], facts)
        drawn = metrics_of_draws(patient_draws(patient, study, DRAWS, seed), facts)
        support = supports(facts, patient)
        ours = {m: interval_of_share(value[m][0], drawn[m], support[m]) for m in METRICS}
        seconds["ours"] += time.perf_counter() - began
        for metric, (percentile, own) in others.items():
            if np.isfinite(ours[metric]).all():
                low, high = np.nanpercentile(drawn[metric], [2.5, 97.5])
                percentile.append(low <= true[metric] <= high)
                own.append(ours[metric][0] <= true[metric] <= ours[metric][1])
        if np.isnan(ours["auc"]).any():
            too_few += 1
            continue
        began = time.perf_counter()
        delong = clustered_delong(patient, weights, facts)
        seconds["delong"] += time.perf_counter() - began
        values = drawn["auc"][~np.isnan(drawn["auc"])]
        found = {
            "ours": ours["auc"],
            "percentile": np.percentile(values, [2.5, 97.5]),
            "bca": bca(value["auc"][0], values, patient, weights, facts),
            "delong": delong,
        }
        for name, (low, high) in found.items():
            held[name].append((low <= true_auc <= high, high - low))
    case = {"patients": patients, "auc": true_auc, "too_few": round(too_few / COHORTS, 3)}
    case |= {name: np.mean(rows, axis=0).round(3).tolist() for name, rows in held.items()}
    shares = {m: [round(float(np.mean(rows)), 3) for rows in both] for m, both in others.items()}
    return case, shares


def decided(patients):
    """Measure how often the band of a decision curve holds the true net benefit, by threshold."""
    random = np.random.default_rng([patients, 1])
    held, without = {threshold: [] for threshold in LOOKED_AT}, 0
    for seed in range(COHORTS):
        patient, study, facts, true = test_set(patients, DECIDING_AUC, random)
        model = pd.DataFrame({"patient": patient, "study": study, "label": facts.label})
        called = np.repeat(facts.predicted[:, None] == 1, len(THRESHOLDS), axis=1)
        low, high = band(model, called, seed, DRAWS)
        if np.isnan(low).any():
            without += 1
            continue
        for threshold, found in held.items():
            # The calls are the same at each: what differs is what a false alarm costs.
            benefit = POSITIVE * true["sensitivity"]
            benefit -= (1 - POSITIVE) * (1 - true["specificity"]) * threshold / (1 - threshold)
            at = int(np.argmin(np.abs(THRESHOLDS - threshold)))
            found.append(low[at] <= benefit <= high[at])
    shares = {threshold: round(float(np.mean(found)), 3) for threshold, found in held.items()}
    return {"held": shares, "too_few": round(without / COHORTS, 3)}


def compared(patients):
    """Measure intervals and p of differences: AUC of two models, F1 of one and 'always positive'.

    The two models share half of the variance that is not the label's.
    """
    random = np.random.default_rng([patients, 2])
    held, false, without = {"f1": []}, [], 0
    always_f1 = 2 * POSITIVE / (1 + POSITIVE)
    for own_auc, other_auc in COMPARED:
        held[f"auc {own_auc} and {other_auc}"] = found = []
        for seed in range(COHORTS):
            patient, study, facts, true = test_set(patients, own_auc, random)
            other = rival(patient, study, facts, (own_auc, other_auc), random)
            always = Predictions(facts.label, np.ones_like(facts.label), np.ones(len(study)))
            weights = weights_of(study)[None]
            counts = patient_draws(patient, study, DRAWS, seed)
            (value, drawn), *others = (
                (metrics_of_draws(weights, one), metrics_of_draws(counts, one))
                for one in (facts, other, always)
            )
            support = supports(facts, patient)
            results = [
                interval_of_difference(
                    value[metric][0] - theirs[metric][0],
                    drawn[metric] - theirs_drawn[metric],
                    support[metric],
                )
                for metric, (theirs, theirs_drawn) in zip(("auc", "f1"), others, strict=True)
            ]
            low, high, p = results[0]
            if np.isnan(p):
                without += 1
            else:
                found.append(low <= own_auc - other_auc <= high)
                if own_auc == other_auc:
                    false.append(p <= 0.05)
            low, high, p = results[1]
            if not np.isnan(p):
                held["f1"].append(low <= true["f1"] - always_f1 <= high)
    shares = {name: round(float(np.mean(rows)), 3) for name, rows in held.items()}
    return {
        "held": shares,
        "p_at_most_0.05": round(float(np.mean(false)), 3),
        "too_few": round(without / (len(COMPARED) * COHORTS), 3),
    }


def calibrated(patients):
    """Measure how often the intervals of slope and intercept hold 1 and 0."""
    random = np.random.default_rng([patients, 3])
    apart = np.sqrt(2) * stats.norm.ppf(CALIBRATED_AUC)
    held = {"slope": [], "intercept": []}
    for seed in range(COHORTS // 4):
        patient, study, facts, _ = test_set(patients, CALIBRATED_AUC, random)
        log_odds = logit(POSITIVE) + apart * facts.probability - apart**2 / 2
        rows = pd.DataFrame({"patient": patient, "study": study, "label": facts.label})
        rows = rows.assign(protocol="corrected", model="LR", weighting="none", set="test")
        rows = rows.assign(series=np.arange(len(study)), probability=expit(log_odds))
        if scarcest(rows) < FEWEST_PATIENTS:
            continue
        (row,) = calibrate(rows, seed).to_dict("records")
        for name, true in (("slope", 1.0), ("intercept", 0.0)):
            if np.isfinite(row[name]):
                low, high = np.nan_to_num([row[f"{name}_low"], -row[f"{name}_high"]], nan=-np.inf)
                held[name].append(low <= true <= -high)
    return {name: round(float(np.mean(rows)), 3) for name, rows in held.items()}


def rival(patient, study, facts, aucs, random):
    """Make another model's predictions of a test set, whose first model's are `facts`."""
    first, second = (np.sqrt(2) * stats.norm.ppf(one) for one in aucs)
    noise = facts.probability - first * facts.label
    levels = [random.normal(size=number) for number in (patient.max() + 1, study.max() + 1)]
    fresh = np.sqrt(0.45) * (levels[0][patient] + levels[1][study])
    fresh += np.sqrt(0.1) * random.normal(size=len(study))
    scores = second * facts.label + np.sqrt(0.5) * (noise + fresh)
    return Predictions(facts.label, facts.predicted, scores)


def test_set(patients, true_auc, random):
    """Make a test set: patient and study of each series, predictions, and the true scores.

    Scores of a class are normal with variance 1: 0.45 of it between patients, 0.45 between studies
    of a patient and 0.1 between series. Series above the middle of the two means are called.
    """
    apart = np.sqrt(2) * stats.norm.ppf(true_auc)
    of_patient = random.choice(STUDIES, patients)
    owner = np.repeat(np.arange(patients), of_patient)
    propensity, level = random.normal(size=(2, patients))
    latent = np.sqrt(0.5) * (propensity[owner] + random.normal(size=len(owner)))
    label = (latent > stats.norm.ppf(1 - POSITIVE)).astype(int)
    score = apart * label + np.sqrt(0.45) * (level[owner] + random.normal(size=len(owner)))
    study = np.repeat(np.arange(len(owner)), 1 + (random.uniform(size=len(owner)) < 0.9))
    scores = score[study] + np.sqrt(0.1) * random.normal(size=len(study))
    called = (scores > apart / 2).astype(int)
    right = stats.norm.cdf(apart / 2)
    hits, alarms = POSITIVE * right, (1 - POSITIVE) * (1 - right)
    true = {
        "accuracy": right,
        "sensitivity": right,
        "specificity": right,
        "ppv": hits / (hits + alarms),
        "npv": (1 - POSITIVE) * right / ((1 - POSITIVE) * right + POSITIVE * (1 - right)),
        "f1": 2 * hits / (hits + alarms + POSITIVE),
    }
    return owner[study], study, Predictions(label[study], called, scores), true


def weights_of(study):
    """Weigh each series by 1 / (series of its study)."""
    _, place, series = np.unique(study, return_inverse=True, return_counts=True)
    return 1 / series[place]


def clustered_delong(patient, weights, facts):
    """Take Obuchowski's variance of the AUC, its units being studies, on the log odds."""
    positive = facts.label == 1
    scores, other = facts.probability[positive, None], facts.probability[None, ~positive]
    above = (scores > other) + 0.5 * (scores == other)
    ours, theirs = weights[positive], weights[~positive]
    many, few = ours.sum(), theirs.sum()
    of_positive, of_negative = above @ theirs / few, ours @ above / many
    value = float(of_positive @ ours / many)
    owners = int(patient.max()) + 1
    sums = np.bincount(patient[positive], ours * (of_positive - value), owners)
    losses = np.bincount(patient[~positive], theirs * (of_negative - value), owners)
    holders, lackers = (len(set(patient[rows])) for rows in (positive, ~positive))
    variance = (
        holders / (holders - 1) * (sums**2).sum() / many**2
        + lackers / (lackers - 1) * (losses**2).sum() / few**2
        + 2 * owners / (owners - 1) * (sums * losses).sum() / (many * few)
    )
    if not variance > 0:
        return value, value
    half = stats.norm.ppf(0.975) * np.sqrt(variance) / (value * (1 - value))
    return expit(logit(value) - half), expit(logit(value) + half)


def bca(value, values, patient, weights, facts):
    """Correct percentiles for bias and, by leaving each patient out, for acceleration."""
    without = weights * (patient != np.unique(patient)[:, None])
    left = metrics_of_draws(without, facts)["auc"]
    gaps = np.nanmean(left) - left[~np.isnan(left)]
    acceleration = (gaps**3).sum() / (6 * max((gaps**2).sum(), 1e-12) ** 1.5)
    below = np.mean(values < value) + 0.5 * np.mean(values == value)
    bias = stats.norm.ppf(np.clip(below, 1e-3, 1 - 1e-3))
    ends = bias + stats.norm.ppf([0.025, 0.975])
    return np.quantile(values, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))


if __name__ == "__main__":
    main()
