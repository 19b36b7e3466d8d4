"""Every phantom table is what a run writes: tests of the page assert nothing of a retired world."""

from collections.abc import Callable

import pandas as pd
import pytest

from livermet.cohort import facts, matching, notes, scan_list, scoring
from livermet.contracts import Contract, check
from livermet.detection import cohort as detection
from livermet.detection import measured
from livermet.detection.comparison import COMPARISON
from livermet.detection.froc import CURVES as FROC
from livermet.detection.sizes import DISTRIBUTION, PREDICTED_SIZES, SIZES
from livermet.detection.table3 import TABLE3, TABLE3_UNSCORED, table3_of_given_masks
from livermet.ingest.acquisition import ACQUISITION
from livermet.ingest.warned import WARNINGS
from livermet.phenotype import metrics
from livermet.phenotype.burden import BURDEN
from livermet.phenotype.choice import CHOICE
from livermet.phenotype.deals import DEALS
from livermet.phenotype.fits import CROSS_VALIDATION, PREDICTIONS, SELECTION
from livermet.phenotype.harmonisation import BATCH_COUNTS, VARIANCE
from livermet.provenance.leakage import AUDIT
from livermet.report.checklists import CHECKLISTS
from livermet.report.classification import tables as classification
from livermet.report.cohort import tables as cohort
from livermet.report.exhibits import EXHIBITS
from livermet.reproduction.comparison import REPRODUCTION, WEIGHT_SEARCH
from livermet.statistics.calibration import CALIBRATION, CURVE
from livermet.statistics.decision_curve import DECISIONS
from livermet.statistics.reproducibility import REPRODUCIBILITY
from livermet.statistics.sample_size import SAMPLE_SIZE
from livermet.statistics.stability import STABILITY
from livermet.statistics.stability import SUMMARY as SELECTIONS
from livermet.validation import failures
from livermet.validation.ladder import CORRECTIONS
from livermet.validation.masks import MASKS
from livermet.validation.null import NULL
from livermet.validation.permutation import PERMUTATION
from livermet.validation.repeats import SUMMARY as REPEATED
from livermet.validation.score_regression import SCORE_REGRESSION
from livermet.validation.segmentation_error import SCORED_MASKS, SEGMENTATION_ERROR, SHIFT
from livermet.validation.specification_curve import CURVE as SPECIFICATION_CURVE
from livermet.validation.specification_curve import LEFT_OUT as SPECIFICATIONS_LEFT_OUT
from livermet.validation.subgroups import SUBGROUPS
from livermet.validation.variation import HETEROGENEITY, LESION_CALLS, OVER_TIME, STUDY_PAIRS

from .. import cohort_phantoms, prediction_phantoms, variation_phantoms
from .. import detection_table_phantoms as of_detection
from .. import report_phantoms as made
from .. import segmentation_error_phantoms as other_masks
from .. import statistics_phantoms as statistics

# The tables of a run's folder tables/, which `report_phantoms.tables` has by name.
TABLES = {
    "table1_cohort": cohort.TABLE_1,
    "table2_splits": cohort.TABLE_2,
    "sample_notes": notes.NOTE_COUNTS,
    "scan_list": scan_list.SCAN_LIST,
    "quality_warnings": WARNINGS,
    "sample_scores": scoring.SUMMARY,
    "table3_segmentation": TABLE3,
    "table4_classification": classification.TABLE_4,
    "tableS1_acquisition": cohort.TABLE_S1,
    "tableS2_cross_validation": classification.TABLE_S2,
    "tableS3_weighted": classification.TABLE_S3,
    "failures": failures.FAILURES,
    "detection_scans": detection.SCANS_OF_SETS,
    "detection_scores": detection.SCORES,
    "detection_sizes": SIZES,
    "detection_predicted_sizes": PREDICTED_SIZES,
    "detection_size_distribution": DISTRIBUTION,
    "detection_burden": detection.BURDENS,
    "detection_lesion_free": detection.LESION_FREE,
    "detection_comparison": COMPARISON,
    "detection_froc": FROC,
    "corrections": CORRECTIONS,
    "baselines": metrics.COMPARISONS,
    "intervals": metrics.INTERVALS,
    "repeated_cross_validation": REPEATED,
    "model_choice": CHOICE,
    "permutation": PERMUTATION,
    "specification_curve": SPECIFICATION_CURVE,
    "specifications_left_out": SPECIFICATIONS_LEFT_OUT,
    "subgroups": SUBGROUPS,
    "score_regression": SCORE_REGRESSION,
    "calibration": CALIBRATION,
    "decision_curve": DECISIONS,
    "stability": STABILITY,
    "selection_summary": SELECTIONS,
    "reproducibility": REPRODUCIBILITY,
    "harmonisation_batches": BATCH_COUNTS,
    "harmonisation": VARIANCE,
    "sample_size": SAMPLE_SIZE,
    "null_cohorts": NULL,
    "reproduction": REPRODUCTION,
    "weight_search": WEIGHT_SEARCH,
    "masks": MASKS,
    "heterogeneity": HETEROGENEITY,
    "lesion_calls": LESION_CALLS,
    "over_time": OVER_TIME,
    "segmentation_error": SEGMENTATION_ERROR,
    "segmentation_shift": SHIFT,
}
# The others, each by a path that it has in a run; a mask, a model or a protocol stands for all.
OTHERS: dict[str, tuple[Contract, Callable[[], pd.DataFrame]]] = {
    "cohort/facts.tsv": (facts.FACTS, made.facts),
    "cohort/matching.tsv": (matching.MATCHING, cohort_phantoms.matching),
    "cohort/exclusions.tsv": (matching.FLOW, made.exclusions),
    "cohort/sample_notes.tsv": (notes.SAMPLE_NOTES, cohort_phantoms.notes),
    "cohort/splits.tsv": (matching.SPLITS, made.splits),
    "cohort/acquisition.tsv": (ACQUISITION, made.acquisition),
    "provenance/leakage_audit.tsv": (AUDIT, made.audit),
    "detection/nnunet_finetuned/scans.tsv": (measured.SCANS, made.scans),
    "detection/unet/scans.tsv": (measured.SCANS, of_detection.scan_table),
    "detection/unet/matching.tsv": (measured.MATCHING, of_detection.matching),
    "detection/unet/groups.tsv": (measured.GROUPS, of_detection.groups),
    "detection/unet/froc.tsv": (measured.COUNTS, of_detection.counts),
    "phenotype/reference/burden.tsv": (BURDEN, made.burden),
    "phenotype/reference/corrected/choice.tsv": (CHOICE, made.choice),
    "phenotype/reference/corrected/deals/LR.tsv": (DEALS, prediction_phantoms.deals),
    "phenotype/reference/corrected/segmentation_error.tsv": (
        SCORED_MASKS,
        other_masks.scored,
    ),
    "phenotype/reference/calibration_curve.tsv": (CURVE, statistics.calibration_curve),
    "phenotype/reference/published/selection.tsv": (SELECTION, made.selection),
    "phenotype/reference/published/metrics.tsv": (metrics.TEST_METRICS, made.scores),
    "phenotype/reference/published/cross_validation.tsv": (
        metrics.FOLDS_SUMMARY,
        made.cross_validation,
    ),
    "phenotype/reference/published/LR/predictions.tsv": (PREDICTIONS, made.predictions),
    "phenotype/reference/published/LR/cross_validation.tsv": (
        CROSS_VALIDATION,
        lambda: prediction_phantoms.folds("published"),
    ),
    "phenotype/reference/corrected/study_pairs.tsv": (STUDY_PAIRS, variation_phantoms.pairs),
    "phenotype/reference/failures/scores.tsv": (
        failures.SCORED,
        lambda: failures.tabulate_scores(made.panels()),
    ),
    "phenotype/reference/failures/curves.tsv": (
        failures.CURVES,
        lambda: failures.tabulate_curves(made.panels()),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_report_is_what_a_run_writes(name):
    check(made.tables()[name], TABLES[name], f"tables/{name}.csv")


@pytest.mark.parametrize("path", OTHERS)
def test_a_table_behind_the_report_is_what_a_run_writes(path):
    contract, make = OTHERS[path]
    check(make(), contract, path)


def test_every_table_of_the_report_has_a_phantom_and_a_contract():
    written = {one.path for one in EXHIBITS.values() if one.has_file}
    tables = {path for path in written if path.startswith("tables/")}
    assert tables == {f"tables/{name}.csv" for name in TABLES}
    assert set(made.tables()) == set(TABLES)
    assert CHECKLISTS.writes("tables/checklists.csv")


def test_of_given_masks_table_3_says_that_no_model_was_scored():
    table = table3_of_given_masks(made.facts())
    check(table, TABLE3_UNSCORED, "tables/table3_segmentation.csv")


def test_of_a_finished_table_the_facts_are_counted_as_the_split_is():
    splits = cohort.table2_splits(cohort.splits_of_facts(made.facts()))
    check(splits, cohort.TABLE_2, "tables/table2_splits.csv")
    nothing = pd.DataFrame(columns=cohort.KEYS)
    check(nothing, cohort.TABLE_S1, "tables/tableS1_acquisition.csv")
