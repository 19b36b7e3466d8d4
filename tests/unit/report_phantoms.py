"""Small tables of a made-up run, as the stages before the report write them."""

import numpy as np
import pandas as pd

from . import detection_table_phantoms as detection
from . import statistics_phantoms as statistics

CLASSIFIERS = ("LR", "RF", "XGB")
METRICS = ("accuracy", "ppv", "npv", "sensitivity", "specificity", "f1", "auc")
SETTINGS = {
    "run": "small",
    "source": "LiTS",
    "target": "mSCLC",
    "name": "NE",
    "entry": "scans",
    "final_model": "nnunet_finetuned",
    "folds": 5,
    "connectivity": 26,
    "minimum_lesion_voxels": 3,
    "matching": "any_overlap",
    "surface_tolerance_mm": 2.0,
    "draws": 1000,
    "window_days": 92,
    "positive_above": 0.0,
    "protocols": ["published", "corrected"],
    "aggregation": "volume_weighted_mean",
    "published_weights": "printed",
    "harmonisation": {"by": None, "thin_up_to_mm": 2.5, "minimum_patients": 10},
    "phantoms": True,
    "checklists": "checklists.html",
    "versions": {"pandas": "3.1.1", "matplotlib": "3.11.2"},
}


def facts() -> pd.DataFrame:
    """14 mSCLC patients (2 series each, 4 test patients) and 4 LiTS patients (1 test patient)."""
    random = np.random.default_rng(5)
    rows = []
    for number in range(14):
        patient = f"m{number:02d}"
        score = round(float(random.normal(0.1, 0.3)), 3)
        burden = float(np.exp(random.normal(3 + 2 * score, 1)))
        for kernel in "ab":
            rows.append(
                {
                    "series": f"{patient}_{kernel}",
                    "patient": patient,
                    "study": f"{patient}_20190101",
                    "cohort": "mSCLC",
                    "place": "test" if number < 4 else "train",
                    "included": number != 13,
                    "label": "positive" if score > 0 else "negative",
                    "score": score,
                    "sample_type": "biopsy" if number % 2 else "cfdna",
                    "sex": "F" if number % 3 else "M",
                    "age": 50.0 + number,
                    "burden_ml": burden * (1 if kernel == "a" else 1.05),
                    "lesions": 1 + number % 5,
                    # One patient's features could not be measured.
                    "measured": number != 5,
                    "measured_by_lesion": number not in (5, 6),
                    "kind": "ensemble" if number < 4 else "out_of_fold",
                }
            )
    for number in range(4):
        rows.append(
            {
                "series": f"l{number}",
                "patient": f"l{number}",
                "study": f"l{number}_20150101",
                "cohort": "LiTS",
                "place": "test" if number == 0 else "train",
                "included": False,
                "label": "",
                "score": float("nan"),
                "sample_type": "",
                "sex": "",
                "age": float("nan"),
                "burden_ml": float("nan"),
                "lesions": float("nan"),
                "measured": None,
                "measured_by_lesion": None,
                "kind": "ensemble" if number == 0 else "out_of_fold",
            }
        )
    return pd.DataFrame(rows)


def exclusions() -> pd.DataFrame:
    steps = [
        ("begin", "series of the target cohort", (0, 0, 0), (40, 34, 28)),
        ("no_sample", "the patient has no molecular sample", (3, 2, 2), (37, 32, 26)),
        (
            "outside_window",
            "no sample within the window of days around the CT",
            (4, 4, 1),
            (33, 28, 25),
        ),
        ("lesions_absent", "the radiology report reads no liver lesion", (0, 0, 0), (33, 28, 25)),
    ]
    units = ("series", "studies", "patients")
    return pd.DataFrame(
        [
            {"step": step, "reason": reason}
            | {f"removed_{unit}": n for unit, n in zip(units, removed, strict=True)}
            | {f"left_{unit}": n for unit, n in zip(units, left, strict=True)}
            for step, reason, removed, left in steps
        ]
    )


def splits() -> pd.DataFrame:
    rows = [
        ("segmentation", "LiTS", "train", 20, 20, 20, None, None),
        ("segmentation", "LiTS", "test", 4, 4, 4, None, None),
        ("segmentation", "mSCLC", "train", 12, 14, 16, None, None),
        ("segmentation", "mSCLC", "test", 8, 9, 10, None, None),
        ("classification", "mSCLC", "test", 8, 9, 11, 7, 4),
        ("classification", "mSCLC", "train", 17, 19, 22, 14, 8),
    ]
    columns = ["task", "cohort", "place", "patients", "studies", "series"]
    table = pd.DataFrame(rows, columns=[*columns, "positive_series", "negative_series"])
    return table.astype({"positive_series": "Int64", "negative_series": "Int64"})


def scans(model: str = "nnunet_finetuned", kinds: tuple[str, str] = ("ensemble", "out_of_fold")):
    """Every series of `facts`; test patients get the first kind, training patients the second."""
    table = facts()
    rows = []
    for number, row in enumerate(table.itertuples()):
        kind = kinds[0] if row.place == "test" else kinds[1]
        rows.append(
            {
                "series": row.series,
                "model": model,
                "kind": kind,
                "has_reference": number % 2 == 0,
                "reference_lesions": 4,
                "predicted_lesions": 3,
                "detected_lesions": 3 - number % 3,
                "true_positive_lesions": 2,
                "false_positives": 1,
                "liver_dice": 0.9,
                "lesion_dice": 0.5 + 0.01 * number,
                "reference_burden_ml": 20.0,
                "predicted_burden_ml": 18.0,
                "reference_liver_ml": 1500.0,
                "predicted_liver_ml": 1510.0,
            }
        )
    return pd.DataFrame(rows)


def scores(protocols=("published", "corrected"), weightings=("none", "balanced")) -> pd.DataFrame:
    """Test scores as the phenotype stage writes them, NPV of RF undefined."""
    rows = []
    for protocol in protocols:
        for place, model in enumerate(CLASSIFIERS):
            for weighting in weightings:
                for step, metric in enumerate(METRICS):
                    mean = 0.55 + 0.05 * place + 0.02 * step
                    undefined = model == "RF" and metric == "npv"
                    rows.append(
                        {
                            "protocol": protocol,
                            "model": model,
                            "weighting": weighting,
                            "metric": metric,
                            "mean": float("nan") if undefined else mean,
                            "low": float("nan") if undefined else mean - 0.2,
                            "high": float("nan") if undefined else mean + 0.2,
                            "draws": 1000,
                        }
                    )
    return pd.DataFrame(rows)


def cross_validation() -> pd.DataFrame:
    table = scores()
    return table[table["metric"].isin(["f1", "auc"])].drop(columns="draws").reset_index(drop=True)


def selection() -> pd.DataFrame:
    rows = [
        ("published", "all", 0.35, "original_shape_MeshVolume", 1e-5, 0.4),
        ("published", "all", 0.35, "original_glszm_ZoneVariance", -2e-7, -0.2),
        ("corrected", "all", 0.02, "original_shape_MeshVolume", 0.3, 0.3),
        ("corrected", "0", 0.02, "original_shape_MeshVolume", 0.2, 0.2),
        ("corrected", "0", 0.02, "Num_Lesions", -0.1, -0.1),
        ("corrected", "1", 0.05, "original_shape_MeshVolume", 0.4, 0.4),
        ("corrected", "2", 0.05, None, None, None),
    ]
    columns = ["protocol", "fold", "alpha", "feature", "coefficient", "standardised_coefficient"]
    return pd.DataFrame(rows, columns=columns)


def predictions() -> pd.DataFrame:
    """Both sets, all classifiers; on the test set LR is right about every `a` series."""
    random = np.random.default_rng(9)
    table = facts()
    table = table[table["included"]]
    rows = []
    for protocol in ("published", "corrected"):
        for model in CLASSIFIERS:
            for row in table.itertuples():
                label = int(row.label == "positive")
                probability = random.uniform(0.2, 0.9)
                if model == "LR" and row.series.endswith("a"):
                    probability = 0.8 if label else 0.3
                rows.append(
                    {
                        "protocol": protocol,
                        "model": model,
                        "weighting": "none",
                        "set": "test" if row.place == "test" else "validation",
                        "fold": "ensemble" if row.place == "test" else "0",
                        "series": row.series,
                        "study": row.study,
                        "patient": row.patient,
                        "label": label,
                        "score": row.score,
                        "probability": probability,
                        "predicted": int(probability > 0.5),
                    }
                )
    return pd.DataFrame(rows)


def burden() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subset": ["all", "cfdna", "biopsy"],
            "series": [26, 14, 12],
            "studies": [13, 7, 6],
            "spearman_rho": [0.31, 0.52, None],
            "spearman_p": [0.21, 0.0004, None],
            "ranksum_statistic": [1.2, 2.0, None],
            "ranksum_p": [0.23, 0.045, None],
            "reason": ["", "", "Spearman: 4 studies, 5 needed; rank-sum: 2 positive studies"],
        }
    )


def audit() -> pd.DataFrame:
    table = facts().drop_duplicates("patient")
    place = table["place"].map({"test": "test", "train": "1"})
    return pd.DataFrame(
        {
            "patient": table["patient"],
            "cohort": table["cohort"],
            "place": place,
            "task": "segmentation",
            "model": "nnunet",
            "fold": "0",
            "role": place.map({"test": "test", "1": "train"}),
        }
    )


def acquisition() -> pd.DataFrame:
    """Three series with a scanner and one NIfTI file without any record."""
    return pd.DataFrame(
        {
            "series": ["a", "b", "c", "l"],
            "cohort": ["mSCLC", "mSCLC", "mSCLC", "LiTS"],
            "manufacturer": ["Acme", "Acme", "Other", None],
            "model": ["One", "One", None, None],
            "kvp": [120.0, 100.0, 120.0, None],
            "kernel": ["B30f", "B30f", "B70f", None],
            "slice_thickness_mm": [5.0, 1.25, 5.0, None],
            "spacing_mm": ["0.8; 0.8; 5.0", "0.8; 0.8; 1.0", "0.7; 0.7; 5.0", "0.9; 0.9; 2.0"],
            "phase": ["venous", "venous", None, None],
        }
    )


def panels() -> dict:
    """What figure 5 shows of the models that cross-validation chose without class weights."""
    from livermet.phenotype.chosen import chosen_models
    from livermet.validation.failures import failure_panels

    types = facts().set_index("series")["sample_type"]
    return failure_panels(predictions(), chosen_models(cross_validation()), types)


def figures() -> dict:
    """Every figure of the made-up run, as functions that draw it."""
    from livermet.cohort.facts import studies_with_burden
    from livermet.report.burden import figures as of_burden
    from livermet.report.classification.figures import calibration, failures
    from livermet.report.cohort.figures import flow
    from livermet.report.detection.figures import agreement_of_burden, froc, sensitivity_by_size
    from livermet.report.features.figures import features, reproducibility
    from livermet.report.ladder.figures import corrections
    from livermet.report.segmentation.figures import segmentation_examples

    final = "nnunet_finetuned"
    scans, limits = (
        table[table["model"].eq(final)] for table in (detection.scans(), detection.burden())
    )
    return {
        "detection_froc": lambda: froc(detection.froc(), "any_overlap"),
        "detection_sizes": lambda: sensitivity_by_size(detection.sizes(), "any_overlap"),
        "detection_burden": lambda: agreement_of_burden(scans, limits),
        "figure1_flow": lambda: flow(exclusions(), splits(), "mSCLC"),
        "figure2_segmentation": lambda: segmentation_examples(examples(), "nnU-Net"),
        "figure3_burden": lambda: of_burden.burden(studies_with_burden(facts()), burden(), "NE"),
        "figure4_features": lambda: features(selection(), ["published", "corrected"]),
        "figure5_failures": lambda: failures(panels(), "NE"),
        "corrections": lambda: corrections(statistics.corrections(), statistics.baselines()),
        "calibration": lambda: calibration(
            statistics.calibration_curve(), statistics.decision_curve(), "random forest"
        ),
        "reproducibility": lambda: reproducibility(
            statistics.reproducibility(), statistics.stability()
        ),
    }


def examples() -> list:
    from livermet.report.segmentation.examples import Example

    rows, columns = np.mgrid[:40, :50]
    made = []
    for number, place in enumerate(("best", "median", "worst")):
        liver = (rows - 18) ** 2 / 200 + (columns - 22) ** 2 / 300 < 1
        lesion = (rows - 16) ** 2 + (columns - 25) ** 2 < 30
        predicted = (rows - 16 - 2 * number) ** 2 + (columns - 25) ** 2 < 30
        ct = np.where(lesion, 60.0, np.where(liver, 105.0, -20.0))
        reference = np.where(lesion, 2, liver.astype(int))
        prediction = np.where(predicted, 2, liver.astype(int))
        title = f"{place}: Dice 0.{9 - number}0\nm0{number}_a"
        made.append(Example(title, ct, reference, prediction, (5.0, 5.0)))
    return made


def choice() -> pd.DataFrame:
    """Random forest with balanced weights stands first under corrected."""
    return statistics.choice("RF", "balanced")


def tables() -> dict[str, pd.DataFrame]:
    """Every table of a run that has all parts: images, both protocols, printed values."""
    from livermet.detection.table3 import table3_segmentation
    from livermet.report.classification import tables as classification
    from livermet.report.cohort import tables as cohort
    from livermet.validation.failures import tabulate_failures

    scored = pd.concat([scans("unet", ("single", "single")), scans()])
    return {
        "table1_cohort": cohort.table1_cohort(facts(), ["LiTS", "mSCLC"], "mSCLC", "NE"),
        "table2_splits": cohort.table2_splits(splits()),
        "table3_segmentation": table3_segmentation(scored, facts(), "mSCLC"),
        "table4_classification": classification.table4_classification(scores(), choice()),
        "tableS1_acquisition": cohort.table_s1_acquisition(acquisition()),
        "tableS2_cross_validation": classification.table_s2_cross_validation(cross_validation()),
        "tableS3_weighted": classification.table_s3_weighted(scores()),
        "failures": tabulate_failures(panels()),
        **detection.tables(),
        **statistics.tables(),
    }
