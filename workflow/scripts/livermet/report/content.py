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
from livermet.report.tables import (
    classes_of_test_studies,
    kinds_of_classified,
    series_without_features,
)

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
                _unmeasured(results.facts, settings) if key == "classification" else [],
                _items(keys, results, named, settings),
            )
            for key, (title, keys) in SECTIONS.items()
        ],
        "rules": [*_rules(results, settings, named), *_checks(results, settings)],
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


def _unmeasured(facts: pd.DataFrame, settings: Mapping) -> list[str]:
    """Say how many classified series lack features, and what the run's protocols do with them."""
    counts = series_without_features(facts)
    if not counts.unmeasured:
        return [f"All {counts.series} classified series that have a mask have every feature."]
    treatments = {
        "published": "the published protocol drops such series",
        "corrected": "the corrected protocol keeps them, fills features of extent with 0 and "
        "other missing ones with the median of the training series, and marks them as filled",
    }
    treated = "; ".join(treatments[name] for name in settings["protocols"])
    return [
        f"{counts.unmeasured} of {counts.series} classified series lack some or all features: in "
        f"{counts.lesion_free} the mask holds no lesion, in "
        f"{counts.unmeasured - counts.lesion_free} its lesions could not be measured in full. "
        f"{treated[:1].upper()}{treated[1:]}."
    ]


def _prediction_rules(results: Results) -> list[str]:
    """Say which networks predict a scan, and where training and test features differ by it."""
    models = set(results.tables["table3_segmentation"]["model"])
    rules = []
    if models - set(captions.MONAI_MODELS):
        rules.append(
            "nnU-Net: scans of patients that a model never saw are predicted by all its networks "
            "together (ensemble), scans of its training patients by the network whose fold left "
            "them out."
        )
    if models & set(captions.MONAI_MODELS):
        rules.append(
            "U-Net and SegResNet: one network each; scans of its training and validation patients "
            "are not predicted."
        )
    kinds = kinds_of_classified(results.facts)
    train, test = kinds["train"], kinds["test"]
    if train.get("out_of_fold", 0) and test.get("ensemble", 0):
        rules.append(
            f"Of {sum(train.values())} classified training series {train['out_of_fold']} have "
            f"their features from the mask of one network; of {sum(test.values())} test series "
            f"{test['ensemble']} have theirs from the mask of several. Their features may differ "
            "by that alone."
        )
    return rules


def _rules(results: Results, settings: Mapping, named: Mapping[str, str]) -> list[str]:
    rules = [
        "A patient has studies (CT dates) and a study has series (reconstructed volumes). A "
        "patient has one place, test or one fold, for every task and every model.",
    ]
    if settings["entry"] == "scans":
        rules += [
            named["matching_rule"],
            named["empty_rule"],
            *_prediction_rules(results),
        ]
    above = f"the {settings['name']} score is above {settings['positive_above']:g}"
    classes = {"table": "The class of a series is that of the feature table"}
    rules += [
        f"Intervals: {settings['draws']:,} bootstrap draws. {named['interval_rule']}",
        f"Cross-validation. {named['validation_rule']}".strip(),
        f"{classes.get(settings['entry'], f'The class is positive where {above}')}; a series is "
        "called positive where its predicted probability is above 0.5.",
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
