"""Model cards say what the run's tables say, no more, and name nobody."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from livermet.report import cards
from livermet.report.classification import content as classification
from livermet.report.run import Run
from livermet.validation.subgroups import FEWEST

from .. import detection_table_phantoms, report_phantoms
from ..cohort_phantoms import facts

MODEL = "nnunet_finetuned"
VERSIONS = {
    "monai": "1.6.1",
    "nnunetv2": "2.8.1",
    "pyradiomics-bhklab": "3.1.4",
    "scikit-learn": "1.9.1",
    "simpleitk": "2.5.7",
    "torch": "2.13.0",
    "xgboost": "3.2.0",
}


@pytest.fixture(scope="module")
def run() -> Run:
    own = {
        "models": ["unet", MODEL],
        "weightings": ["none", "balanced"],
        "lasso_alpha": 0.35,
        "lasso_target": "score",
        "trees": 1000,
        "radiomics": {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25},
        "versions": VERSIONS,
    }
    made = report_phantoms.run()
    tested = pd.DataFrame({"model": ["RF", "volume"], "threshold": [0.4321, 0.5]})
    return replace(
        made,
        settings=report_phantoms.SETTINGS | own,
        tables={**made.tables, "test_predictions": tested},
    )


@pytest.fixture(scope="module")
def network(run) -> str:
    return cards.network_card(run, MODEL, "nnunet")


@pytest.fixture(scope="module")
def phenotype(run) -> str:
    return cards.phenotype_card(run)


def part(card: str, title: str) -> str:
    """Take a section of a card by its title."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n\n(.*?)(?=^## |\Z)", card, re.M | re.S)
    return found


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("card", ["network", "phenotype"])
def test_a_card_has_the_parts_that_a_reader_looks_for(card, request):
    text = request.getfixturevalue(card)
    titles = re.findall(r"^## (.+)$", text, re.M)
    for wanted in ("Intended use", "Data", "Splits", "Threshold", "Prevalence", "Calibration"):
        assert wanted in titles
    assert {"Limits", "Definition of a lesion, and of their number"} <= set(titles)
    assert "Research software, not a medical device." in text
    assert "Everything here was made from phantoms" in text


@pytest.mark.parametrize("card", ["network", "phenotype"])
def test_no_card_names_a_patient_or_a_series(card, request):
    text = request.getfixturevalue(card)
    scans = detection_table_phantoms.places()
    names = {*facts()["series"], *facts()["patient"], *scans["series"], *scans["patient"]}
    assert len(names) > 20
    words = set(re.findall(r"[\w-]+", text))
    assert words & names == set()


def test_tables_of_a_card_are_whole(network, phenotype):
    for text in (network, phenotype):
        for section in re.split(r"^## ", text, flags=re.M):
            assert len({len(row) for row in rows_of(section)}) <= 1
    assert "\n\n\n" not in network + phenotype


def test_a_network_has_its_own_scores_and_intervals_of_ten_patients_or_more(network):
    # detection_table_phantoms: 0.9 of ten reference lesions are found, in three patients.
    scores = {tuple(row[:2]): row[2:] for row in rows_of(part(network, "Performance"))}
    assert scores["mSCLC", "sensitivity"] == ["0.90", "0.50"]
    told = part(network, "Performance")
    assert "mSCLC, test patients: 4 scans of 3 patients" in told
    overlap = {tuple(row[:2]): row[2] for row in rows_of(part(network, "Overlap"))}
    assert overlap["mSCLC", "test patients"] == "0.70"
    assert overlap["mSCLC", "training, out of fold"] == "0.50"
    sizes = {
        tuple(row[:2]): row[4]
        for row in rows_of(part(network, "Performance by size of the lesions"))
    }
    assert sizes["mSCLC", "test patients"] == "1.00 of 4"
    assert sizes["mSCLC", "training, out of fold"] == "1.00 of 20"
    assert cards.FEWEST == FEWEST


def test_a_network_has_its_negatives_and_its_prevalence(network):
    negatives = rows_of(part(network, "Negatives: scans read as free of lesions"))
    assert negatives[2][:4] == ["mSCLC", "test patients", "3", "4"]
    # The scan of LiTS and p0_b are free of lesions, of 25.
    assert "Of the 25 scans that it was scored on 23 have" in part(network, "Prevalence")


def test_a_network_tells_whom_it_learnt_from(run):
    card = cards.network_card(run, "nnunet", "nnunet")
    table = rows_of(part(card, "Data"))
    assert table[0] == [
        "Cohort",
        "Fold",
        "Patients learnt from",
        "Patients held out",
        "Patients test",
    ]
    audit = run.tables["leakage_audit"]
    learnt = audit[audit["role"].eq("train")]["patient"].nunique()
    assert sum(int(row[2]) for row in table[2:]) == learnt > 0


def test_the_classifiers_sentences_are_the_reports(run, phenotype):
    worth = part(phenotype, "What it is worth")
    for sentence in (
        *classification.outcome_sentences(run),
        *classification.baseline_sentences(run),
        *classification.permutation_sentences(run),
    ):
        assert sentence in worth


def test_where_no_model_beats_volume_the_card_says_so(run):
    choice = run.tables["choice"].assign(beats_volume=False)
    card = cards.phenotype_card(replace(run, tables={**run.tables, "choice": choice}))
    told = "No model of the corrected protocol beats volume alone in cross-validation"
    assert told in part(card, "What it is worth")


def test_subgroups_have_counts_always_and_scores_of_ten_of_either_class(phenotype):
    table = rows_of(part(phenotype, "Performance by subgroup, with negatives"))
    groups = {row[2]: row for row in table[2:]}
    # statistics_phantoms: 24 patients, half of them negative; two are old.
    assert groups["biopsy"][6] == "12 / 12"
    assert groups["biopsy"][8].startswith("0.92 (")
    assert groups["above 70 years"][6] == "1 / 1"
    assert groups["above 70 years"][8] == "too few"


def test_the_frozen_threshold_is_a_number(phenotype):
    assert part(phenotype, "Threshold").startswith("Called positive above 0.432.")


def test_the_classifiers_card_is_of_the_protocol_that_made_it(phenotype):
    assert "Published" not in phenotype
    assert "published protocol" not in phenotype


def test_a_run_of_a_finished_table_has_a_card_of_its_classifier(run):
    settings = dict(run.settings) | {"entry": "table", "models": [], "final_model": None}
    images = ("table3_segmentation", "tableS1_acquisition", "exclusions", "masks")
    tables = {k: v for k, v in run.tables.items() if k not in images}
    tables["facts"] = tables["facts"].assign(kind=None)
    card = cards.phenotype_card(Run(settings, tables))
    assert "A finished feature table" in part(card, "Data")


def test_a_network_without_scores_says_so(run):
    tables = {k: v for k, v in run.tables.items() if not k.startswith("detection")}
    card = cards.network_card(replace(run, tables=tables), MODEL, "nnunet")
    assert "No scan with a reference is there" in part(card, "Performance")
    assert "## Prevalence" not in card
