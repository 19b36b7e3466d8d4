"""Small tables of a made-up run, as the classifiers' statistics write them."""

import numpy as np
import pandas as pd

from livermet.phenotype.table import FEATURES

BASELINES = ("always_positive", "volume", "lesion_count")
CORRECTIONS = (
    ("published procedure", "yes", ""),
    ("folds hold patients out, selection inside the folds", "yes", ""),
    ("test patients scored by the mean of the fold models", "yes", ""),
    ("standardised features, alpha chosen inside the folds", "yes", ""),
    ("intervals by patient", "yes", ""),
    ("beside baselines", "yes", ""),
    ("model chosen by cross-validation", "yes", ""),
    ("lesions counted as the mask has them", "yes", ""),
    ("features that two reconstructions agree on", "yes", ""),
    ("libraries' defaults, as the text states", "yes", ""),
    ("training features from masks of unseen scans", "no", "the table has one mask a scan"),
    (
        "every series resampled to 1 mm",
        "not applicable",
        "the table holds features and no images, so that no series can be resampled",
    ),
    ("a matching rule for lesions", "not applicable", "no scan was segmented"),
)


def choice(model: str = "RF", weighting: str = "balanced") -> pd.DataFrame:
    """Nine candidates, of which one is chosen."""
    rows = [
        (name, weights, 0.45 + 0.01 * place)
        for place, (name, weights) in enumerate(
            (name, weights) for name in ("LR", "RF", "XGB") for weights in ("none", "balanced")
        )
    ]
    table = pd.DataFrame(rows, columns=["model", "weighting", "auc"])
    table["chosen"] = table["model"].eq(model) & table["weighting"].eq(weighting)
    table.loc[table["chosen"], "auc"] = 0.6
    return table


def corrections() -> pd.DataFrame:
    """Thirteen steps, the last three not made, which keep the numbers of the step before."""
    rows = []
    numbers: dict = {}
    for step, (words, made, reason) in enumerate(CORRECTIONS):
        row = {"step": step, "correction": words, "made": made, "reason": reason}
        if made == "yes":
            drop, half = 0.012 * step, 0.12 if step < 4 else 0.27
            numbers = {"model": "LR" if step < 6 else "RF"}
            for place, metric in enumerate(("auc", "f1", "accuracy")):
                mean = (0.70, 0.87, 0.79)[place] - drop
                low, high = mean - half, min(mean + half, 1.0)
                numbers |= {metric: mean, f"{metric}_low": low, f"{metric}_high": high}
                numbers |= {f"{metric}_width": high - low, f"cv_{metric}": mean - 0.1}
        rows.append(row | numbers)
    return pd.DataFrame(rows)


def baselines() -> pd.DataFrame:
    """Compare the chosen model with three rules, on held-out and on test series."""
    own = {"auc": 0.61, "f1": 0.86, "accuracy": 0.78}
    theirs = {
        "always_positive": {"auc": 0.5, "f1": 0.87, "accuracy": 0.77},
        "volume": {"auc": 0.62, "f1": 0.80, "accuracy": 0.70},
        "lesion_count": {"auc": 0.40, "f1": 0.60, "accuracy": 0.50},
    }
    rows = []
    for part, worse in (("cross-validation", 0.05), ("test", 0.0)):
        for name in BASELINES:
            for metric, mean in own.items():
                difference = mean - worse - theirs[name][metric]
                half = 0.1
                rows.append(
                    {
                        "protocol": "corrected",
                        "model": "RF",
                        "weighting": "balanced",
                        "set": part,
                        "baseline": name,
                        "metric": metric,
                        "mean": mean - worse,
                        "baseline_mean": theirs[name][metric],
                        "difference": difference,
                        "low": difference - half,
                        "high": difference + half,
                    }
                )
    return pd.DataFrame(rows)


def intervals() -> pd.DataFrame:
    """One model a protocol: the same mean, wider from series to studies to patients."""
    rows = []
    for protocol, model, weighting in (
        ("published", "LR", "none"),
        ("corrected", "RF", "balanced"),
    ):
        for metric in ("auc", "f1", "accuracy", "npv"):
            for unit, half in (("series", 0.08), ("study", 0.15), ("patient", 0.28)):
                undefined = metric == "npv"
                rows.append(
                    {
                        "protocol": protocol,
                        "model": model,
                        "weighting": weighting,
                        "set": "test",
                        "metric": metric,
                        "unit": unit,
                        "mean": np.nan if undefined else 0.7,
                        "low": np.nan if undefined else 0.7 - half,
                        "high": np.nan if undefined else 0.7 + half,
                        "draws": 0 if undefined else 1000,
                    }
                )
    return pd.DataFrame(rows)


def repeated() -> pd.DataFrame:
    facts = {"repeats": 10, "patients": 50, "studies": 118, "series": 227}
    return pd.DataFrame(
        [
            {"model": model, "metric": metric, "mean": mean, "low": mean - 0.15}
            | {"high": mean + 0.15, "repeat_low": mean - 0.04, "repeat_high": mean + 0.04}
            | facts
            for model, values in (("LR", (0.52, 0.84, 0.74)), ("volume", (0.55, 0.85, 0.75)))
            for metric, mean in zip(("within_fold_auc", "f1", "accuracy"), values, strict=True)
        ]
    )


def permutation() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"model": "LR", "observed": 0.54, "p": 0.313, "permutations": 200}
            | {"null_mean": 0.49, "null_low": 0.36, "null_high": 0.62}
        ]
    )


def calibration() -> pd.DataFrame:
    keys = {"protocol": "corrected", "model": "RF", "weighting": "balanced"}
    held_out = {"set": "validation", "series": 18, "slope": 0.41, "slope_low": -0.3}
    held_out |= {"slope_high": 1.1, "intercept": 0.02, "intercept_low": -0.7}
    held_out |= {"intercept_high": 0.8, "brier": 0.21, "brier_low": 0.16, "brier_high": 0.26}
    held_out |= {"brier_prevalence": 0.2, "reason": ""}
    tested = {name: np.nan for name in held_out if name not in ("set", "series", "reason")}
    tested |= {"set": "test", "series": 8, "reason": "every series has the same probability"}
    return pd.DataFrame([keys | held_out, keys | tested])


def calibration_curve() -> pd.DataFrame:
    bins = {
        "validation": [(0.42, 0.5, 35), (0.61, 0.66, 36), (0.7, 0.83, 35), (0.8, 0.72, 36)],
        "test": [(0.55, 0.7, 10), (0.63, 0.9, 10), (0.68, 0.6, 10), (0.78, 0.85, 10)],
    }
    return pd.DataFrame(
        [
            {"protocol": "corrected", "model": "RF", "weighting": "balanced", "set": part}
            | {"bin": place, "predicted": predicted, "observed": observed, "series": series}
            | {"weight": float(series)}
            for part, points in bins.items()
            for place, (predicted, observed, series) in enumerate(points)
        ]
    )


def decision_curve() -> pd.DataFrame:
    rows = []
    for part, prevalence in (("validation", 0.74), ("test", 0.77)):
        for threshold in np.arange(0.01, 1.0, 0.01):
            call_all = prevalence - (1 - prevalence) * threshold / (1 - threshold)
            rows.append(
                {"protocol": "corrected", "model": "RF", "weighting": "balanced", "set": part}
                | {"threshold": threshold, "call_all": call_all, "call_none": 0.0}
                | {"net_benefit": max(call_all, 0.3 * (0.8 - threshold), 0.0)}
            )
    return pd.DataFrame(rows)


def stability() -> pd.DataFrame:
    """100 resamples; the first feature in 82 of them, most in none."""
    counts = np.zeros(len(FEATURES), dtype=int)
    counts[:30] = np.linspace(82, 1, 30).round()
    return pd.DataFrame(
        {"feature": FEATURES, "selected": counts, "resamples": 100, "frequency": counts / 100}
    )


def selection_summary() -> pd.DataFrame:
    rows = [
        ("published", 1, 0, 20, 20.0, 20, np.nan, np.nan, np.nan, np.nan),
        ("corrected", 5, 3, 0, 0.0, 9, 0.11, 0.02, 0.24, 100),
    ]
    columns = ["protocol", "fits", "empty_fits", "features_min", "features_median", "features_max"]
    columns += ["stability", "stability_low", "stability_high", "resamples"]
    return pd.DataFrame(rows, columns=columns)


def reproducibility() -> pd.DataFrame:
    """All 108 features twice: between reconstructions and between perturbed masks.

    ICC falls evenly, from 0.98 to -0.1 and from 1 to 0.4; each table's last one is not defined.
    """
    masks = {"contour_sd_mm": 1.0, "correlation_mm": 5.0, "median_dice": 0.91}
    parts = [
        iccs("reconstructions", "ICC(A,1)", 84, 2, (0.98, -0.1)).assign(
            **dict.fromkeys(masks, np.nan)
        ),
        iccs("perturbed masks", "ICC(1,1)", 160, 5, (1, 0.4)).assign(**masks),
    ]
    return pd.concat(parts, ignore_index=True)


def iccs(comparison: str, form: str, targets: int, ratings: int, ends: tuple) -> pd.DataFrame:
    table = pd.DataFrame({"comparison": comparison, "feature": FEATURES, "form": form})
    table = table.assign(targets=targets, ratings=ratings, patients=36)
    order = np.random.default_rng(ratings).permutation(len(FEATURES))
    table["icc"] = np.linspace(*ends, len(FEATURES))[order]
    table["low"], table["high"] = table["icc"] - 0.15, np.minimum(table["icc"] + 0.1, 1.0)
    table.loc[len(table) - 1, ["icc", "low", "high"]] = np.nan
    return table


def sample_size() -> pd.DataFrame:
    facts = {"available_patients": 36, "available_events": 29, "assumed_auc": 0.7}
    facts |= {"prevalence": 0.806, "r2_cs": 0.06}
    return pd.DataFrame(
        [
            {"candidates": candidates, "parameters": parameters, "criterion": criterion}
            | {"required_patients": patients, "required_events": round(0.806 * patients)}
            | facts
            for candidates, parameters, needed in (
                ("108 candidates", 108, (15620, 2400, 241)),
                ("3 selected", 3, (434, 68, 241)),
            )
            for criterion, patients in zip(("1", "2", "3"), needed, strict=True)
        ]
    )


def null_cohorts() -> pd.DataFrame:
    rows = [
        ("published", "LR", "cross-validation", 0.66, 0.30),
        ("published", "LR", "test", 0.5, 0.35),
        ("corrected", "LR", "cross-validation", 0.5, 0.95),
        ("corrected", "LR", "test", 0.49, 0.9),
    ]
    return pd.DataFrame(
        [
            {"protocol": protocol, "model": model, "set": part, "cohorts": 40, "auc_mean": mean}
            | {"auc_low": mean - 0.1, "auc_high": mean + 0.1}
            | {"coverage": cover, "coverage_low": cover - 0.1, "coverage_high": min(cover + 0.1, 1)}
            for protocol, model, part, mean, cover in rows
        ]
    )


def reproduction() -> pd.DataFrame:
    """Two sources: of table 4 two numbers agree and one does not; one p value cannot be had."""
    columns = ["source", "model", "weighting", "metric", "statistic", "printed", "ours"]
    columns += ["difference", "agreement", "range_low", "range_high", "deterministic", "note"]
    nothing = [np.nan] * 2
    rows = [
        ("table 4", "LR", "none", "auc", "mean", 0.71, 0.708, -0.002, "two decimals"),
        ("table 4", "RF", "none", "auc", "mean", 0.58, 0.571, -0.009, "within 0.01"),
        ("table 4", "XGB", "none", "auc", "mean", 0.63, 0.60, -0.03, "no"),
        ("figure 3a", "", "", "spearman_rho", "value", 0.252, 0.252, 0.0, "two decimals"),
        ("figure 3a", "", "", "wilcoxon_p", "value", 0.028, np.nan, np.nan, "not reproducible"),
    ]
    table = pd.DataFrame([[*row, *nothing, np.nan, ""] for row in rows], columns=columns).astype(
        {"note": object}
    )
    table.loc[2, ["range_low", "range_high", "deterministic"]] = 0.6, 0.66, 0.61
    table.loc[2, "note"] = "gblinear's shotgun updater races between threads"
    table.loc[4, "note"] = "one series a study gives p about 0.14"
    return table


def weight_search() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"model": "LR", "optimised_for": "auc", "printed_weight": 0.25, "found_weight": 0.3}
            | {"found_auc": 0.61, "found_f1": 0.85, "printed_auc": 0.60, "printed_f1": 0.85}
            | {"tuning_series": 36, "tuning_patients": 8}
        ]
    )


def masks() -> pd.DataFrame:
    """Test scores of one model on the masks of a network and on a human's."""
    return pd.DataFrame(
        [
            {"protocol": "corrected", "mask": mask, "model": "RF", "weighting": "none"}
            | {"set": "test", "metric": metric, "mean": mean, "low": mean - 0.2}
            | {"high": mean + 0.2, "series": 8, "shared_series": 6}
            | {"difference": -0.05 if mask != "reference" and metric == "auc" else np.nan}
            for mask, better in (("nnunet_finetuned", 0.0), ("reference", 0.05))
            for metric, mean in (("auc", 0.6 + better), ("f1", 0.8), ("accuracy", 0.7))
        ]
    )


def tables() -> dict[str, pd.DataFrame]:
    """Every table of the statistics by the name of its file."""
    return {
        "corrections": corrections(),
        "baselines": baselines(),
        "intervals": intervals(),
        "repeated_cross_validation": repeated(),
        "permutation": permutation(),
        "calibration": calibration(),
        "decision_curve": decision_curve(),
        "stability": stability(),
        "selection_summary": selection_summary(),
        "reproducibility": reproducibility(),
        "sample_size": sample_size(),
        "null_cohorts": null_cohorts(),
        "reproduction": reproduction(),
        "weight_search": weight_search(),
        "masks": masks(),
    }
