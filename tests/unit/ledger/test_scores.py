"""Scores in the ledger: what was frozen stays, and what would change it is refused."""

import expression_phantoms as phantoms
import numpy as np
import pandas as pd
import pytest

from livermet.cohort.assays import scores_of
from livermet.cohort.from_expression import read_measures, score_samples, wrong_samples
from livermet.errors import InputError
from livermet.ledger.scores import (
    changed_settings,
    differing_scores,
    freeze_scores,
    lacking_scores,
    with_frozen_scores,
)
from livermet.ledger.tables import empty_ledger, read_ledger, write_ledger

SAMPLES = {"T1": True, "T2": False, "T3": True}


@pytest.fixture
def config(tmp_path):
    """A study's keys: biopsies scored from expression, cfDNA as the sheet gives it."""
    phantoms.write(phantoms.centroids(), tmp_path / "centroids.tsv")
    phantoms.write(phantoms.expression(SAMPLES), tmp_path / "expression.tsv")
    assay = {
        "expression": str(tmp_path / "expression.tsv"),
        "units": "tpm",
        "reference": str(tmp_path / "centroids.tsv"),
    }
    return {
        "molecular": {
            "method": "centroids",
            "frozen_as": "scores",
            "minimum_coverage": 0.9,
            "assays": {"biopsy": assay},
        },
        "phenotype": {"positive_above": 0.0, "table": None},
    }


def sheet(*names):
    table = pd.DataFrame({"sample": [*names, ""], "patient": "p", "score": np.nan})
    table["sample_type"] = ["biopsy"] * len(names) + ["cfdna"]
    table["sample_date"] = pd.Timestamp("2020-01-01")
    table.loc[len(names), "score"] = 0.7
    return table


def frozen(config, names, before=None):
    scores = scores_of(config)
    ledger = empty_ledger() if before is None else before
    return freeze_scores(ledger, sheet(*names), read_measures(scores), scores, "molecular.tsv")


def test_scores_are_frozen_written_and_read_again(tmp_path, config):
    ledger = frozen(config, ["T1", "T2"])
    write_ledger(ledger, tmp_path / "ledger")
    again = read_ledger(tmp_path / "ledger")
    molecular = with_frozen_scores(sheet("T1", "T2"), again, scores_of(config))
    # Near the centroids the score is near 1 and -1; the given one stays as it is.
    assert molecular["score"].tolist() == pytest.approx([1, -1, 0.7], abs=0.02)
    settings = again.scorings["scores"].set_index("setting")["value"]
    assert settings[["method", "units", "aliases", "positive_above"]].tolist() == [
        "centroids",
        "tpm",
        "none",
        "0.0",
    ]
    assert len(settings["reference"]) == 64
    # By hand nothing is changed: the seal knows the lines.
    path = tmp_path / "ledger" / "scores" / "scores.tsv"
    path.write_text(path.read_text().replace("biopsy\tT1\t0.", "biopsy\tT1\t-0."))
    with pytest.raises(InputError, match=r"scores\.tsv is not as make assign wrote it"):
        read_ledger(tmp_path / "ledger")


def test_new_samples_change_no_frozen_score(tmp_path, config):
    first = frozen(config, ["T1", "T2"])
    later = frozen(config, ["T1", "T2", "T3"], first)
    before, after = (one.scores["scores"] for one in (first, later))
    pd.testing.assert_frame_equal(after.iloc[:2], before)
    assert list(after["sample"]) == ["T1", "T2", "T3"]
    assert later.scorings["scores"] is first.scorings["scores"]
    # Even where the table was made anew: what is frozen is read, and the job tells the difference.
    changed = phantoms.expression(SAMPLES, seed=4)
    phantoms.write(changed, tmp_path / "expression.tsv")
    assert frozen(config, ["T1", "T2", "T3"], later).scores["scores"].equals(after)
    scores = scores_of(config)
    table = score_samples(sheet("T1"), read_measures(scores), scores, "molecular.tsv")
    (told,) = differing_scores(table, later, "scores", "molecular.tsv")
    assert told.startswith("molecular.tsv, row 2: the score of sample 'T1' is ")
    assert "the table has changed since" in told


def test_what_decides_scores_is_not_changed_under_their_name(tmp_path, config):
    ledger = frozen(config, ["T1"])
    other = phantoms.centroids().assign(ne=lambda table: table["ne"] + 0.1 * table["non_ne"])
    phantoms.write(other, tmp_path / "centroids.tsv")
    config["phenotype"]["positive_above"] = 0.2
    scores = scores_of(config)
    (told,) = changed_settings(ledger, read_measures(scores), scores)
    assert "molecular.assays.biopsy.reference, molecular.assays.biopsy.positive_above" in told
    assert "name new scores (molecular.frozen_as)" in told
    with pytest.raises(InputError, match="What samples of biopsy are scored by has changed"):
        frozen(config, ["T1", "T2"], ledger)
    # Under a new name they are all scored anew, and the old ones stay beside them.
    config["molecular"]["frozen_as"] = "second"
    both = frozen(config, ["T1", "T2"], ledger)
    assert both.scores["scores"].equals(ledger.scores["scores"])
    assert list(both.scores["second"]["sample"]) == ["T1", "T2"]
    assert both.scores["second"]["score"][0] != both.scores["scores"]["score"][0]


def test_the_same_reference_in_another_file_is_no_change(tmp_path, config):
    ledger = frozen(config, ["T1"])
    turned = phantoms.write(phantoms.centroids().iloc[::-1], tmp_path / "turned.csv")
    config["molecular"]["assays"]["biopsy"]["reference"] = str(turned)
    scores = scores_of(config)
    assert changed_settings(ledger, read_measures(scores), scores) == []


def test_a_sample_without_a_score_asks_for_assign(config):
    ledger = frozen(config, ["T1"])
    (told,) = lacking_scores(ledger, sheet("T1", "T3"), scores_of(config))
    assert "The ledger lacks the score of sample T3" in told
    assert "run make assign" in told
    assert lacking_scores(ledger, sheet("T1"), scores_of(config)) == []


def test_enrichment_is_frozen_alike(tmp_path, config):
    phantoms.write(phantoms.gene_set(), tmp_path / "set.tsv")
    config["molecular"]["method"] = "ssgsea"
    config["molecular"]["assays"]["biopsy"] |= {
        "reference": str(tmp_path / "set.tsv"),
        "positive_above": 100.0,
    }
    ledger = frozen(config, ["T1", "T2"])
    first, second = ledger.scores["scores"]["score"].astype(float)
    assert first > 100 > 0 > second


def test_rows_that_cannot_be_scored_are_told(config):
    scores = scores_of(config)
    table = sheet("T1", "", "T1")
    table.loc[0, "score"] = 0.3
    told = wrong_samples(table, scores, "molecular.tsv")
    assert [sentence.partition(":")[0] for sentence in told] == [
        "molecular.tsv, row 3",
        "molecular.tsv, row 2",
        "molecular.tsv, row 4",
        "molecular.tsv, row 2",
    ]
    assert "the column 'sample' is empty" in told[0]
    assert "stands in several rows" in told[1]
    assert "the row gives one; empty the cell" in told[3]
    (told,) = wrong_samples(table.drop(columns="sample"), scores, "molecular.tsv")
    assert "lacks the column 'sample'" in told
