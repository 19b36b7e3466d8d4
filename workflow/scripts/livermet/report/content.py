"""What the page says, and in which order: from a run's tables, figures and settings to sections."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from livermet.report import captions, checks, findings
from livermet.report.detection_findings import detection_sentences
from livermet.report.headlines import (
    burden_sentence,
    chosen_models,
    classification_headlines,
    classification_sentences,
    segmentation_headlines,
    segmentation_sentences,
)
from livermet.report.layouts import PARTS, lay_out
from livermet.report.lits_challenge import LITS_CHALLENGE
from livermet.report.page import Picture, Section, Table, picture, plain_table, table
from livermet.report.tables import classes_of_test_studies

SECTIONS = {
    "cohort": ("Cohort and acquisition", ("table1_cohort", "tableS1_acquisition")),
    "segmentation": (
        "Segmentation and detection",
        (
            "table3_segmentation",
            "lits_challenge",
            "figure2_segmentation",
            "detection_scores",
            "figure_detection_froc",
            "detection_froc",
            "figure_detection_sizes",
            "detection_sizes",
            "detection_distances",
            "detection_matched",
            "figure_detection_burden",
            "detection_burden",
            "detection_lesion_free",
            "detection_comparison",
        ),
    ),
    "burden": ("Tumour burden", ("figure3_burden",)),
    "ladder": ("Published against corrected", ("figure_corrections", "corrections")),
    "printed": (
        "Reproduction of the printed numbers",
        (
            "reproduction",
            "reproduction_differences",
            "reproduction_not_possible",
            "weight_search",
        ),
    ),
    "classification": (
        "Classification",
        (
            "table4_classification",
            "baselines",
            "intervals",
            "tableS2_cross_validation",
            "repeated_cross_validation",
            "permutation",
            "figure_calibration",
            "calibration",
            "figure5_failures",
            "failures",
            "tableS3_weighted",
        ),
    ),
    "features": (
        "Features and sample size",
        (
            "figure4_features",
            "selection_summary",
            "figure_reproducibility",
            "reproducibility",
            "stability",
            "sample_size",
        ),
    ),
    "without_signal": ("Cohorts without signal", ("null_cohorts",)),
    "two_masks": ("Predicted and reference masks", ("masks",)),
}
IMAGES_FIRST = ("cohort", "segmentation", "burden", "classification", "features", "ladder")
ORDERS = {
    "scans": (*IMAGES_FIRST, "two_masks", "without_signal", "printed"),
    "masks": (*IMAGES_FIRST, "without_signal", "printed"),
    # What is left of a finished table's printed numbers is what such a run is for.
    "table": (
        "ladder",
        "printed",
        "classification",
        "features",
        "without_signal",
        "burden",
        "cohort",
        "segmentation",
    ),
}
FLOW = ("figure1_flow", "table2_splits")
# Results of others, beside those of a run that has segmented scans.
CONTEXT = {"lits_challenge": LITS_CHALLENGE}


@dataclass(frozen=True)
class Results:
    """What a run made: tables and figures (SVG) by file name without suffix, and its checks.

    `facts` is the table of every series; `burden` the phenotype stage's statistics; `audit` the
    leakage audit and `stale` the training cases that have changed (model, series, file, state);
    `choice` the corrected protocol's record of its chosen model, None without that protocol.
    """

    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, bytes]
    facts: pd.DataFrame
    burden: pd.DataFrame
    audit: pd.DataFrame
    stale: pd.DataFrame
    choice: pd.DataFrame | None = None


def compose(results: Results, settings: Mapping) -> dict:
    """Give the page's content for `livermet.report.page.render`.

    `settings` is what `livermet.report.captions.words_of` takes, and phantoms, run,
    positive_above, checklists (a file beside the page, or None) and versions. A table or figure
    that the run did not make is left out, and so is a section without any.
    """
    named = captions.words_of(settings)
    tables = results.tables
    chosen = chosen_models(tables["tableS2_cross_validation"], results.choice)
    order = ORDERS[settings["entry"]]
    sentences = _sentences(results, settings, chosen)
    segmentation = tables["table3_segmentation"]
    introductions = {"classification": checks.unmeasured(results.facts, settings)}
    sections = [
        Section(
            key,
            SECTIONS[key][0],
            introductions.get(key, []),
            _items(SECTIONS[key][1], results, named, settings),
        )
        for key in order
    ]
    return {
        "run": settings["run"],
        "name": settings["name"],
        "phantoms": settings["phantoms"],
        "flow": _items(FLOW, results, named, settings),
        "headlines": [
            *segmentation_headlines(segmentation, settings["final_model"], settings["target"]),
            *classification_headlines(tables["table4_classification"], chosen, settings["name"]),
            *findings.finding_headlines(tables, chosen),
        ],
        "sentences": [sentence for key in order for sentence in sentences.get(key, [])],
        "sections": [section for section in sections if section.items],
        "rules": [
            *checks.rules(segmentation, results.facts, settings, named),
            *checks.checks(results.audit, results.stale, settings),
        ],
        "stale": checks.stale_table(results.stale),
        "checklists": settings["checklists"],
        "versions": settings["versions"],
    }


def _sentences(results: Results, settings: Mapping, chosen: Mapping) -> dict[str, list[str]]:
    """Give the results in brief, by the section that shows where they come from."""
    tables, name = results.tables, settings["name"]
    studies = classes_of_test_studies(results.facts)
    return {
        "segmentation": [
            *segmentation_sentences(
                tables["table3_segmentation"], settings["final_model"], settings["target"]
            ),
            *detection_sentences(tables, settings["final_model"], settings["target"]),
        ],
        "burden": [burden_sentence(results.burden, name)],
        "ladder": findings.correction_sentences(tables),
        "printed": findings.reproduction_sentences(tables),
        "classification": [
            *classification_sentences(tables["table4_classification"], chosen, *studies, name),
            *findings.baseline_sentences(tables, chosen),
            *findings.optimism_sentences(tables, chosen),
            *findings.permutation_sentences(tables),
        ],
        "features": [
            *findings.selection_sentences(tables),
            *findings.reproducibility_sentences(tables),
            *findings.contour_sentences(tables, settings),
            *findings.sample_size_sentences(tables),
        ],
        "without_signal": findings.null_sentences(tables),
        "two_masks": findings.mask_sentences(tables, chosen),
    }


def _items(
    keys: tuple[str, ...], results: Results, named: Mapping[str, str], settings: Mapping
) -> list[Table | Picture]:
    items: list[Table | Picture] = []
    mark = " Made from phantoms." if settings["phantoms"] else ""
    for key in keys:
        # figure_corrections.svg would say it twice: the file has the table's name.
        file = key.removeprefix("figure_")
        if key.startswith("figure") and file in results.figures:
            title, caption, alternative = captions.figure_words(file, named)
            figure_words = (title, caption + mark, alternative)
            items.append(picture(key, results.figures[file], figure_words))
        elif not key.startswith("figure") and PARTS.get(key, key) in results.tables:
            title, caption = captions.table_words(key, settings["entry"], named)
            items.append(table(key, title, caption + mark, *lay_out(key, results.tables)))
        elif key in CONTEXT and settings["final_model"]:
            items.append(plain_table(key, *captions.table_words(key, "", named), CONTEXT[key]))
    return items
