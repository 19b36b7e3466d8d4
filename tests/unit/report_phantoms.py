"""Small tables of a made-up run, as the page and the checklists read them."""

from functools import cache

import numpy as np
import pandas as pd

from livermet.detection.measured import SCANS
from livermet.ingest.acquisition import acquisition_table
from livermet.ingest.warned import warning_counts
from livermet.phenotype.burden import correlate_burden
from livermet.provenance.leakage import STALE, audit_roles
from livermet.report.run import Run

from . import detection_table_phantoms as detection
from . import segmentation_error_phantoms as other_masks
from . import statistics_phantoms as statistics
from . import variation_phantoms as variation
from .cohort_phantoms import (
    TARGET,
    counted_notes,
    exclusions,
    facts,
    places,
    sample_scores,
    sheet,
    splits,
)
from .prediction_phantoms import choice, classified, cross_validation, predictions, scores
from .statistics_phantoms import selection
from .written import read_back

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
    "thresholds": {},
    "scoring": None,
    "protocols": ["published", "corrected"],
    "aggregation": "volume_weighted_mean",
    "published_weights": "printed",
    "harmonisation": {"by": None, "thin_up_to_mm": 2.5, "minimum_patients": 10},
    "pretrained": False,
    "phantoms": "Every image of this run is a phantom.",
    "viewed": [],
    "dicom": False,
    "no_dicom": [],
    "versions": {
        "pandas": "3.1.1",
        "matplotlib": "3.11.2",
        "nnunetv2": "2.8.1",
        "pyradiomics-bhklab": "3.1.4",
        "scikit-learn": "1.9.1",
        "xgboost": "3.2.0",
    },
    "version": "0.1.0",
    "models": ["unet", "nnunet", "nnunet_finetuned"],
    "weightings": ["none", "balanced"],
    "lasso_alpha": 0.35,
    "lasso_target": "score",
    "trees": 1000,
    "radiomics": {
        "resampledPixelSpacing": [1, 1, 1],
        "interpolator": "sitkBSpline",
        "binWidth": 25,
        "binCount": None,
        "padDistance": 5,
        "normalize": False,
        "resegmentRange": None,
        "resegmentMode": "absolute",
        "resegmentShape": False,
        "force2D": False,
        "voxelArrayShift": 0,
    },
    "seed": 7,
    "deals": 20,
    "permutations": {"count": 200, "deals": 3},
    "feature_transform": "none",
    "redundancy": "least_alike",
    "monai": {
        "unet": {
            "spacing_mm": [0.5, 0.5, 1.0],
            "window_hu": [-57, 164],
            "window_ranges_hu": [[-150, -45], [105, 250]],
            "patch_size": [512, 512, 16],
            "batch_size": 12,
            "epochs": 1500,
            "iterations_per_epoch": None,
            "learning_rate": 0.0001,
            "schedule": "constant",
            "loss": "dice",
        },
    },
    "nnunet": {
        "plans": "published",
        "plan_changes": {},
        "training": {
            "epochs": 1000,
            "iterations_per_epoch": 250,
            "optimizer": "sgd",
            "initial_learning_rate": 0.01,
        },
        "finetuning": {
            "epochs": 250,
            "iterations_per_epoch": 250,
            "optimizer": "sgd",
            "initial_learning_rate": 0.001,
        },
    },
    "lesions": {"grid": "centre", "one_slice": "resampled", "texture_minimum_voxels": 64},
}


def scans(model: str = "nnunet_finetuned", kinds: tuple[str, str] = ("ensemble", "out_of_fold")):
    """Every series of `facts`; test patients get the first kind, training patients the second.

    By hand, since the real function needs images: of each scan with a reference two of four lesions
    are found, three, or one, and the Dice of lesions is 0.01 more than that of the row before.
    """
    has_reference = sheet()["reference"].ne("")
    rows = []
    for number, row in enumerate(facts().itertuples()):
        found = {"kind": kinds[0] if row.place == "test" else kinds[1], "has_reference": False}
        if has_reference[row.series]:
            found |= {"has_reference": True, "reference_lesions": 4, "true_positive_lesions": 2}
            found |= {"detected_lesions": 3 - number % 3, "false_positives": 1}
            found |= {"liver_dice": 0.9, "lesion_dice": 0.5 + 0.01 * number}
            found |= {"reference_burden_ml": 20.0, "reference_liver_ml": 1500.0}
            found |= {"false_positive_ml": 0.5, "split_lesions": 0, "merging_lesions": 0}
            found |= {"lesion_voe": 0.6, "lesion_rvd": -0.1, "lesion_assd_mm": 2.0}
            found |= {"lesion_mssd_mm": 9.0, "lesion_hd95_mm": 6.0, "lesion_surface_dice": 0.8}
        found |= {"predicted_lesions": 3, "predicted_burden_ml": 18.0, "predicted_liver_ml": 1510.0}
        rows.append({"series": row.series, "model": model} | found)
    return pd.DataFrame(rows, columns=SCANS.names)


def burden() -> pd.DataFrame:
    """As if two patients with a biopsy had no mask: four are left, of whom one is negative."""
    table = classified()
    without = table["patient"].isin(["m09", "m11"])
    return read_back(correlate_burden(table.assign(burden_ml=table["burden_ml"].mask(without))))


def audit() -> pd.DataFrame:
    """The network of fold 0, which the training patients of the other folds have trained."""
    patients = facts().drop_duplicates("patient")[["patient", "cohort"]]
    patients["place"] = patients["patient"].map(places())
    trained = patients.loc[~patients["place"].isin(["test", "0"]), "patient"]
    return audit_roles(patients, "segmentation", "nnunet", "0", trained)


def acquisition() -> pd.DataFrame:
    """Three series with a scanner and one NIfTI file without any record."""
    every = {"coverage_mm": 300.0, "maximum_hu": 1200.0, "minimum_hu": -1024.0, "slices": 60}
    every |= {"padding_voxels": 0, "rounded_voxels": 0, "size": [512, 512, 60]}
    scanned = {
        "a": ("Acme", "One", 120.0, "B30f", 5.0, [0.8, 0.8, 5.0]),
        "b": ("Acme", "One", 100.0, "B30f", 1.25, [0.8, 0.8, 1.0]),
        "c": ("Other", None, 120.0, "B70f", 5.0, [0.7, 0.7, 5.0]),
    }
    names = ("manufacturer", "model", "kvp", "kernel", "slice_thickness_mm", "spacing_mm")
    records = {
        series: every | {"source_format": "dicom"} | dict(zip(names, told, strict=True))
        for series, told in scanned.items()
    }
    records["l"] = every | {"source_format": "nifti", "spacing_mm": [0.9, 0.9, 2.0]}
    phases = {"a": "venous", "b": "venous", "c": "", "l": ""}
    rows = {
        series: {"cohort": "LiTS" if series == "l" else TARGET, "phase": phase}
        for series, phase in phases.items()
    }
    return read_back(acquisition_table(rows, records))


def scan_list() -> pd.DataFrame:
    """Every series of `facts`, as the final model measures it: all alike but for the report's word.

    The last patient was read as free of lesions.
    """
    from livermet.cohort.scan_list import scan_list

    recorded = pd.DataFrame({"series": facts()["series"], "spacing_mm": "0.8; 0.8; 5.0"})
    empty = ("warnings", "reference_warnings", "reference_voxels_liver", "reference_voxels_lesion")
    recorded = recorded.assign(**dict.fromkeys(empty, np.nan))
    return scan_list(facts(), recorded, scans(), sheet()["lesions_read"].to_dict())


def ingested() -> dict[str, dict]:
    """Records of three series: one without a warning, two whose masks reach into air."""
    every = {"size": [512, 512, 60], "spacing_mm": [0.8, 0.8, 5.0], "coverage_mm": 300.0}
    every |= {"minimum_hu": -1024, "maximum_hu": 1200, "warnings": []}
    masked = every | {"reference_voxels_lesion": 1000, "reference_voxels_liver": None}
    air = "{}% of the mask lie below -200 HU (air)."
    return {
        "plain": every,
        "air_1": masked | {"reference_warnings": [air.format(7)]},
        "air_2": masked
        | {
            "reference_warnings": [air.format(12), "3 of 4 lesions touch no liver of the mask."],
            "warnings": ["2 files (files 3 and 9 of 62) are no slice and were left out."],
        },
    }


def panels() -> dict:
    """What figure 5 shows of the models that cross-validation chose."""
    from livermet.phenotype.chosen import chosen_models
    from livermet.validation.failures import Drawn, failure_panels

    types = facts().set_index("series")["sample_type"]
    chosen = chosen_models(cross_validation(), choice())
    return failure_panels(predictions(), chosen, types, Drawn(200, 1))


def figures() -> dict:
    """Every figure of the made-up run, as functions that draw it."""
    from livermet.cohort.facts import studies_with_burden
    from livermet.report.burden import figures as of_burden
    from livermet.report.classification.figures import calibration, failures
    from livermet.report.cohort.figures import flow
    from livermet.report.detection.figures import (
        agreement_of_burden,
        froc,
        ppv_by_size,
        sensitivity_by_size,
    )
    from livermet.report.features.figures import features, reproducibility
    from livermet.report.ladder.figures import corrections
    from livermet.report.segmentation.figures import segmentation_examples
    from livermet.report.segmentation_error.figures import changed_probabilities
    from livermet.report.specifications.figures import specification_curve
    from livermet.report.variation.figures import variation as changes

    def of_final(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["model"].eq("nnunet_finetuned")]

    return {
        "detection_froc": lambda: froc(detection.froc(), "any_overlap"),
        "detection_sizes": lambda: sensitivity_by_size(detection.sizes(), "any_overlap"),
        "detection_predicted_sizes": lambda: ppv_by_size(
            detection.predicted_sizes(), "any_overlap"
        ),
        "detection_burden": lambda: agreement_of_burden(
            of_final(detection.scans()), of_final(detection.burden())
        ),
        "figure1_flow": lambda: flow(exclusions(), splits(), TARGET),
        "figure2_segmentation": lambda: segmentation_examples(examples(), "nnU-Net"),
        "figure3_burden": lambda: of_burden.burden(studies_with_burden(facts()), burden(), "NE"),
        "figure4_features": lambda: features(selection(), ["published", "corrected"]),
        "figure5_failures": lambda: failures(panels(), "NE"),
        "corrections": lambda: corrections(statistics.corrections(), statistics.baselines()),
        "specification_curve": lambda: specification_curve(statistics.specification_curve()),
        "segmentation_error": lambda: changed_probabilities(other_masks.scored()),
        "variation": lambda: changes(variation.pairs(), variation.differing(), "NE"),
        "calibration": lambda: calibration(
            statistics.calibration_curve(), statistics.decision_curve(), "random forest"
        ),
        "reproducibility": lambda: reproducibility(
            statistics.reproducibility(), statistics.stability()
        ),
    }


def examples() -> list:
    """Two scans of 40 x 50 pixels of 5 mm; the second prediction lies 4 rows below its lesion."""
    from livermet.report.segmentation.examples import Example

    rows, columns = np.mgrid[:40, :50]
    made = []
    for number, (place, dice) in enumerate((("highest", 0.9), ("lowest", 0.4))):
        liver = (rows - 18) ** 2 / 200 + (columns - 22) ** 2 / 300 < 1
        lesion = (rows - 16) ** 2 + (columns - 25) ** 2 < 30
        predicted = (rows - 16 - 4 * number) ** 2 + (columns - 25) ** 2 < 30
        ct = np.where(lesion, 60.0, np.where(liver, 105.0, -20.0))
        reference = np.where(lesion, 2, liver.astype(int))
        prediction = np.where(predicted, 2, liver.astype(int))
        named = (f"m0{number}_a", place, f"Dice {dice:.2f}")
        made.append(Example(*named, ct, reference, prediction, (5.0, 5.0), 21 + number, 60))
    return made


@cache
def _tables() -> dict[str, pd.DataFrame]:
    from livermet.detection.table3 import table3_segmentation
    from livermet.report.classification import tables as classification
    from livermet.report.cohort import tables as cohort
    from livermet.validation.failures import tabulate_failures

    scored = pd.concat([scans("unet", ("single", "single")), scans()])
    own = {
        "table1_cohort": cohort.table1_cohort(facts(), ["LiTS", TARGET], TARGET, "NE"),
        "table2_splits": cohort.table2_splits(splits()),
        "sample_notes": counted_notes(),
        "scan_list": scan_list(),
        "quality_warnings": warning_counts(ingested()),
        "sample_scores": sample_scores(),
        "table3_segmentation": table3_segmentation(scored, facts(), TARGET, draws=100, seed=1),
        "table4_classification": classification.table4_classification(scores()),
        "tableS1_acquisition": cohort.table_s1_acquisition(acquisition()),
        "tableS2_cross_validation": classification.in_paper_order(cross_validation()),
        "tableS3_weighted": classification.table_s3_weighted(scores()),
        "failures": tabulate_failures(panels()),
    }
    return {name: read_back(table) for name, table in own.items()}


def tables() -> dict[str, pd.DataFrame]:
    """Every table of a run that has all parts: images, both protocols, printed values."""
    own = {name: table.copy() for name, table in _tables().items()}
    changed = {"segmentation_error": other_masks.error(), "segmentation_shift": other_masks.shift()}
    changed |= {"heterogeneity": variation.differing(), "lesion_calls": variation.calls()}
    changed |= {"over_time": variation.changes()}
    return own | detection.tables() | statistics.tables() | changed


def run() -> Run:
    """The whole run, without its figures."""
    behind = {
        "facts": facts(),
        "exclusions": exclusions(),
        "burden": burden(),
        "leakage_audit": audit(),
        "stale_models": pd.DataFrame(columns=STALE.names),
        "choice": choice(),
    }
    return Run(SETTINGS, tables() | behind)


def run_of(tables: dict[str, pd.DataFrame], **settings) -> Run:
    """A run of these tables alone."""
    return Run(SETTINGS | settings, tables)
