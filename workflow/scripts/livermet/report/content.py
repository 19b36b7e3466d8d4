"""What the page says, and in which order: from a run's tables, figures and settings to sections."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from livermet.leakage import leaks
from livermet.report import captions, words
from livermet.report.headlines import (
    burden_sentence,
    chosen_models,
    classification_headlines,
    classification_sentences,
    segmentation_headlines,
    segmentation_sentences,
)
from livermet.report.page import Picture, Section, Table, picture, plain_table, table
from livermet.report.tables import classes_of_test_studies, series_without_lesions

SECTIONS = {
    "cohort": ("Cohort and acquisition", ("table1_cohort", "tableS1_acquisition")),
    "segmentation": (
        "Segmentation and detection",
        ("table3_segmentation", "figure2_segmentation"),
    ),
    "burden": ("Tumour burden", ("figure3_burden",)),
    "classification": (
        "Classification",
        (
            "table4_classification",
            "figure4_features",
            "figure5_failures",
            "tableS2_cross_validation",
            "tableS3_weighted",
        ),
    ),
}
FLOW = ("figure1_flow", "table2_splits")


@dataclass(frozen=True)
class Results:
    """What a run made: tables and figures (SVG) by file name without suffix, and its checks.

    `facts` is the table of every series; `burden` the phenotype stage's statistics; `audit` the
    leakage audit and `stale` the training cases that have changed (model, series, file, state).
    """

    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, bytes]
    facts: pd.DataFrame
    burden: pd.DataFrame
    audit: pd.DataFrame
    stale: pd.DataFrame


def compose(results: Results, settings: Mapping) -> dict:
    """Give the page's content for `livermet.report.page.render`.

    `settings` is what `livermet.report.captions.words_of` takes, and phantoms, run,
    positive_above and versions. A table or figure that the run did not make is left out.
    """
    named = captions.words_of(settings)
    name, target, final = settings["name"], settings["target"], settings["final_model"]
    scores = results.tables["table4_classification"]
    chosen = chosen_models(results.tables["tableS2_cross_validation"])
    segmentation = results.tables["table3_segmentation"]
    headlines = [
        *segmentation_headlines(segmentation, final, target),
        *classification_headlines(scores, chosen, name),
    ]
    sentences = [
        *segmentation_sentences(segmentation, final, target),
        burden_sentence(results.burden, name),
        *classification_sentences(
            scores,
            results.tables["tableS2_cross_validation"],
            chosen,
            *classes_of_test_studies(results.facts),
            name,
        ),
    ]
    return {
        "run": settings["run"],
        "name": name,
        "phantoms": settings["phantoms"],
        "flow": _items(FLOW, results, named, settings),
        "headlines": headlines,
        "sentences": sentences,
        "sections": [
            Section(
                key,
                title,
                _lesion_free(results.facts) if key == "classification" else [],
                _items(keys, results, named, settings),
            )
            for key, (title, keys) in SECTIONS.items()
        ],
        "rules": [*_rules(settings, named), *_checks(results, settings)],
        "stale": _stale_table(results.stale),
        "versions": settings["versions"],
    }


def _items(
    keys: tuple[str, ...], results: Results, named: Mapping[str, str], settings: Mapping
) -> list[Table | Picture]:
    items: list[Table | Picture] = []
    mark = " Made from phantoms." if settings["phantoms"] else ""
    for key in keys:
        if key in results.figures:
            title, caption, alternative = captions.figure_words(key, named)
            figure_words = (title, caption + mark, alternative)
            items.append(picture(key, results.figures[key], figure_words))
        elif key in results.tables:
            title, caption = captions.table_words(key, settings["entry"], named)
            items.append(table(key, title, caption + mark, results.tables[key]))
    return items


def _lesion_free(facts: pd.DataFrame) -> list[str]:
    missed, series = series_without_lesions(facts)
    return [
        f"The masks hold no lesion in {missed} of {series} classified series; the published "
        "protocol drops such series, the corrected one keeps them with burden 0."
    ]


def _rules(settings: Mapping, named: Mapping[str, str]) -> list[str]:
    rules = [
        "A patient has studies (CT dates) and a study has series (reconstructed volumes). A "
        "patient has one place, test or one fold, for every task and every model.",
    ]
    if settings["entry"] == "scans":
        rules += [
            named["matching_rule"],
            named["empty_rule"],
            "Scans of patients that a model never saw are predicted by all its networks together "
            "(ensemble), scans of its training patients by the network whose fold left them out. "
            "So training features come from one network's mask and test features from several.",
        ]
    rules += [
        f"Intervals: {settings['draws']:,} bootstrap draws. {named['interval_rule']}",
        f"Cross-validation. {named['validation_rule']}".strip(),
        f"A class is positive where the {settings['name']} score is above "
        f"{settings['positive_above']:g}; a series is called positive where its predicted "
        "probability is above 0.5.",
        f"A dash ({words.MISSING}) stands where there is nothing to measure.",
    ]
    return rules


def _checks(results: Results, settings: Mapping) -> list[str]:
    found = leaks(results.audit)
    networks = results.audit[["task", "model", "fold"]].drop_duplicates()
    outcome = " ".join(found) or "no patient is on both sides of any of the ledger's splits."
    checks = [
        f"Leakage audit: {results.audit['patient'].nunique()} patients against {len(networks)} "
        f"trained models; {outcome}"
    ]
    if "published" in settings["protocols"]:
        checks.append(
            "The published protocol's own cross-validation splits series and not patients, as the "
            "paper's does (table S2); the audit does not cover it."
        )
    if len(results.stale):
        by_model = results.stale.groupby("model")["series"].nunique()
        listed = ", ".join(
            f"{words.model(name)} ({count} cases)" for name, count in by_model.items()
        )
        checks.append(
            "Training cases have changed or been withdrawn since these models were trained: "
            f"{listed}. Their results stand for the old cases; name a new training set to retrain."
        )
    elif settings["entry"] == "scans":
        checks.append("Training cases: every model's cases are still those that it was trained on.")
    if settings["entry"] == "masks":
        checks.append("The masks were given (segmentation.source: reference); no model predicted.")
    return checks


def _stale_table(stale: pd.DataFrame) -> Table | None:
    if stale.empty:
        return None
    return plain_table(
        "stale_cases",
        "Training cases that have changed",
        "Cases whose files differ from, or no longer are, those that the model was trained on.",
        # The folds of a model share their cases.
        stale[["model", "series", "file", "state"]].drop_duplicates(),
    )
