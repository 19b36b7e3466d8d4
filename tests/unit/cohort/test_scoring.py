"""Molecular scores: by hand, and beside gseapy; and that no sample moves with the others."""

import numpy as np
import pandas as pd
import pytest

from livermet.cohort.assays import Assay, Scores
from livermet.cohort.expression import BACKGROUND, Reference
from livermet.cohort.scoring import (
    SCORED,
    SUMMARY,
    centroid_parts,
    coverage_of,
    enrichment,
    parts_of_score,
    reachable_score,
    score_of,
    scored,
    summary,
)
from livermet.contracts import check
from livermet.errors import InputError

SIX = ["CHGA", "SYP", "ASCL1", "YAP1", "CAV1", "AHNAK"]
# Three genes high in one, three in the other: every product can be counted on six fingers.
CENTROIDS = pd.DataFrame({"ne": [1, 1, 0, 1, 0, 0], "non_ne": [0, 0, 1, 0, 1, 1]}, index=SIX)


def of(*values):
    return pd.Series(values, index=SIX, dtype=float)


def test_half_the_difference_of_two_correlations():
    # Means of 1/2 and variances of 1/4 everywhere; of six genes two are high in both, so that the
    # covariance with ne is 2/6 - 1/4 = 1/12 and r = 1/3, and with non_ne 1/6 - 1/4, so r = -1/3.
    ne, non_ne = centroid_parts(of(1, 1, 1, 0, 0, 0), CENTROIDS)
    assert (ne, non_ne) == pytest.approx((1 / 3, -1 / 3))
    assert score_of(ne, non_ne, "centroids") == pytest.approx(1 / 3)


def test_the_score_of_a_centroid_itself_is_as_high_as_any_can_be():
    for score, values in ((1, (1, 1, 0, 1, 0, 0)), (-1, (0, 0, 1, 0, 1, 1))):
        parts = centroid_parts(of(*values), CENTROIDS)
        assert score_of(*parts, "centroids") == pytest.approx(score)
    assert reachable_score(CENTROIDS) == pytest.approx(1)
    # Centroids that correlate by r = 1/3 can be told apart less: sqrt((1 - 1/3) / 2).
    near = CENTROIDS.assign(non_ne=[1, 1, 1, 0, 0, 0])
    assert reachable_score(near) == pytest.approx(np.sqrt(1 / 3))
    best = of(*(near["ne"] - near["non_ne"]))
    assert score_of(*centroid_parts(best, near), "centroids") == pytest.approx(np.sqrt(1 / 3))


def test_a_correlation_is_numpys_and_is_of_the_genes_that_were_measured():
    random = np.random.default_rng(1)
    centroids = pd.DataFrame(random.normal(size=(6, 2)), SIX, ["ne", "non_ne"])
    values = of(*random.normal(size=6))
    expected = np.corrcoef(values, centroids["ne"])[0, 1]
    assert centroid_parts(values, centroids)[0] == pytest.approx(expected, abs=1e-12)
    values["CAV1"] = np.nan
    kept = [gene for gene in SIX if gene != "CAV1"]
    expected = np.corrcoef(values[kept], centroids.loc[kept, "non_ne"])[0, 1]
    assert centroid_parts(values, centroids)[1] == pytest.approx(expected, abs=1e-12)


# gseapy 1.3.1: gseapy.ssgsea(data=SAMPLES, gene_sets={"ne": ["G1", "G4", "G5", "G9"], "non_ne":
# ["G2", "G3", "G12"]}, sample_norm_method="rank", weight=0.25, min_size=1, outdir=None,
# no_plot=True).res2d, its column ES. Its NES of sample A, 0.99, is 4.24 in a run of A alone.
SAMPLES = pd.DataFrame(
    {
        "A": [12.1, 9.5, 8.2, 7.7, 6.4, 5.9, 4.8, 3.6, 2.2, 1.9, 0.7, 0.1],
        "B": [0.4, 8.8, 1.3, 6.1, 11.2, 2.7, 9.9, 3.3, 0.9, 7.4, 5.5, 4.6],
    },
    index=[f"G{number}" for number in range(1, 13)],
)
SETS = pd.Series(BACKGROUND, SAMPLES.index)
SETS[["G1", "G4", "G5", "G9"]] = "ne"
SETS[["G2", "G3", "G12"]] = "non_ne"
GSEAPY = {
    "A": (2.901221404183673, 2.2169703346370744),
    "B": (-0.04215964866928612, 0.1236885076161256),
}


@pytest.mark.parametrize("sample", GSEAPY)
def test_enrichment_is_gseapys_before_its_normalisation(sample):
    reference = Reference(SETS.to_frame("set"), "symbols", "")
    parts = parts_of_score(SAMPLES[sample], reference, "ssgsea")
    assert parts == pytest.approx(GSEAPY[sample], abs=1e-12)
    assert score_of(*parts, "ssgsea") == pytest.approx(np.subtract(*GSEAPY[sample]))


def test_enrichment_by_hand():
    # Ranks 4, 3, 2, 1 from the top; the set's only gene has rank 4, the others 2 on average.
    values = pd.Series([9.0, 5.0, 3.0, 1.0], ["a", "b", "c", "d"])
    assert enrichment(values, ["a"]) == 2
    # The set's genes of ranks 4 and 1 are weighed by the fourth root: (4 w + 1) / (w + 1) - 2.5.
    w = 4**0.25
    assert enrichment(values, ["a", "d"]) == pytest.approx((4 * w + 1) / (w + 1) - 2.5)


def test_genes_without_expression_count_alike_in_any_order_of_rows():
    values = pd.Series([7.0, 3.0, 0.0, 0.0, 0.0, 0.0], list("abcdef"))
    found = {
        round(enrichment(values[list(order)], ["a", "c"]), 12)
        for order in ("abcdef", "fedcba", "cabdef", "defabc")
    }
    # The four zeros share the rank 2.5; those outside of the set are b (5) and three of them.
    w, v = 6**0.25, 2.5**0.25
    assert found == {round((6 * w + 2.5 * v) / (w + v) - (5 + 3 * 2.5) / 4, 12)}


def test_one_side_alone_is_a_score_too():
    sides = SETS.replace("non_ne", BACKGROUND)
    reference = Reference(sides.to_frame("set"), "symbols", "")
    ne, non_ne = parts_of_score(SAMPLES["A"], reference, "ssgsea")
    assert np.isnan(non_ne)
    assert score_of(ne, non_ne, "ssgsea") == ne == pytest.approx(GSEAPY["A"][0])


def test_coverage_is_that_of_the_side_with_less():
    values = of(1, 2, 3, 4, np.nan, np.nan)
    # YAP1 is high in ne here: of CHGA, SYP, YAP1 all are measured, of the others ASCL1 alone.
    assert coverage_of(values, Reference(CENTROIDS, "symbols", "")) == pytest.approx(1 / 3)


ASSAY = Assay("biopsy", "expression.tsv", "tpm", "centroids.tsv")
SCORES = Scores("centroids", "scores", 0.9, 0.0, (ASSAY,))


def rows(*names):
    columns = {"sample_type": "biopsy", "patient": "p", "sample_date": "2020-01-01"}
    return pd.DataFrame({"sample": names}).assign(**columns)


def values_of(**samples):
    return pd.DataFrame({name: of(*values) for name, values in samples.items()})


def test_the_table_of_scores_says_how_each_was_made():
    values = values_of(a=(1, 1, 1, 0, 0, 0), b=(0, 0, 0, 1, 1, 1))
    reference = Reference(CENTROIDS, "symbols", "")
    table = scored(rows("a", "b"), values, reference, SCORES, "molecular.tsv")
    check(table, SCORED, "cohort/scores.tsv")
    assert list(table["score"]) == pytest.approx([1 / 3, -1 / 3])
    assert list(table["positive"]) == [True, False]
    assert list(table["genes_found"]) == [6, 6]
    described = summary(table, {"biopsy": reference})
    check(described, SUMMARY, "tables/sample_scores.csv")
    counted = described.loc[0, ["samples", "positive_samples", "reachable_score"]]
    assert counted.tolist() == pytest.approx([2, 1, 1])


def test_a_sample_has_its_score_alone_and_among_others():
    values = values_of(a=(5, 3, 2, 1, 0, 4), b=(0, 0, 1, 1, 1, 2), c=(9, 9, 9, 0, 1, 2))
    reference = Reference(CENTROIDS, "symbols", "")
    together = scored(rows(*"abc"), values, reference, SCORES, "m").set_index("sample")["score"]
    for name in "abc":
        alone = scored(rows(name), values, reference, SCORES, "m")
        assert alone["score"].iloc[0] == together[name]


def test_samples_with_too_few_genes_are_refused_by_their_rows():
    lacking = (1, 2, 3, 4, np.nan, 6)
    values = values_of(a=(1, 2, 3, 4, 5, 6), b=lacking, c=lacking, d=(np.nan, 2, 3, 4, 5, 6))
    with pytest.raises(InputError) as caught:
        scored(rows(*"abcd"), values, Reference(CENTROIDS, "symbols", ""), SCORES, "molecular.tsv")
    two, one = str(caught.value).splitlines()
    assert two.startswith("molecular.tsv, rows 3, 4: the samples lack CAV1 of the reference")
    assert "of one side 67% have a value, and molecular.minimum_coverage asks for 90%" in two
    assert one.startswith("molecular.tsv, row 5: the sample lacks CHGA")


def test_a_sample_that_shows_nothing_has_no_score():
    with pytest.raises(InputError, match="row 2: sample 'a' has the same value for every gene"):
        scored(
            rows("a"),
            values_of(a=(0, 0, 0, 0, 0, 0)),
            Reference(CENTROIDS, "symbols", ""),
            SCORES,
            "molecular.tsv",
        )
