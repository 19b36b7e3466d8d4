"""Molecular scores from expression, one sample at a time: no sample's score depends on others.

Sources. Centroids: Zhang et al., Transl Lung Cancer Res 2018;7:32-49, the neuroendocrine (NE)
score. Enrichment: single-sample GSEA of Barbie et al., Nature 2009;462:108-112, without the last
step, which divides by the range of scores in the cohort. docs/decisions/ne-score.md weighs them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from livermet.cohort.assays import Scores
from livermet.cohort.expression import BACKGROUND, SIDES, Reference, named
from livermet.contracts import (
    COUNT,
    FLAG,
    NUMBER,
    PATIENT,
    SHARE,
    TEXT,
    Column,
    Contract,
)
from livermet.errors import stop_on
from livermet.vocabulary import Scoring

# Barbie et al.'s exponent of the rank.
WEIGHT = 0.25
MOST_ROWS = 10

ASSAY = Column("sample_type", TEXT, "sample type of the sheet, and its assay in molecular.assays")
SAMPLE = Column("sample", TEXT, "the sample's column in the table of expression")
METHOD = Column("method", TEXT, "how it was scored", words=tuple(map(str, Scoring)))
UNITS = Column("units", TEXT, "what the numbers of the table of expression are")
IDENTIFIERS = Column("identifiers", TEXT, "how the reference and the table name genes")
ASKED = Column("genes_asked", COUNT, "genes of the reference's two sides")
THRESHOLD = Column("positive_above", NUMBER, "the class is positive above this score")
SCORED = Contract(
    files=("cohort/scores.tsv",),
    row="a sample whose score is computed from expression",
    columns=(
        ASSAY,
        SAMPLE,
        PATIENT,
        Column("sample_date", TEXT, "date of the sample"),
        METHOD,
        UNITS,
        IDENTIFIERS,
        ASKED,
        Column("genes_found", COUNT, "those of them that have a value in the sample"),
        Column("coverage", SHARE, "the smaller share of genes found of the two sides"),
        Column("ne", NUMBER, "correlation with the NE centroid, or enrichment of the NE genes"),
        Column(
            "non_ne",
            NUMBER,
            "the same of the other side",
            missing="where the gene set has one side",
        ),
        Column("score", NUMBER, "molecular score, as the ledger has frozen it"),
        THRESHOLD,
        Column("positive", FLAG, "whether the score is above it"),
    ),
    key=("sample_type", "sample"),
)
SUMMARY = Contract(
    files=("tables/sample_scores.csv",),
    row="a sample type whose scores are computed from expression",
    columns=(
        ASSAY,
        METHOD,
        UNITS,
        IDENTIFIERS,
        Column("samples", COUNT, "number of samples"),
        ASKED,
        Column("fewest_genes", COUNT, "genes of the sample with the fewest"),
        Column("lowest_score", NUMBER, "lowest score"),
        Column("highest_score", NUMBER, "highest score"),
        Column(
            "reachable_score",
            NUMBER,
            "highest score that any sample could reach; the lowest is its negative",
            missing="for enrichment",
        ),
        THRESHOLD,
        Column("positive_samples", COUNT, "samples above it"),
    ),
    key=("sample_type",),
)


def centroid_parts(values: pd.Series, centroids: pd.DataFrame) -> tuple[float, float]:
    """Correlate a sample with the NE and with the other centroid (Pearson), over genes it has.

    `values`: log2 expression by gene, NaN where it was not measured; `centroids`: ne and non_ne by
    the same genes. NaN where the sample has the same value for every gene.
    """
    measured = values.notna()
    x = values[measured].to_numpy()
    if x.size < 2 or np.ptp(x) == 0:
        return float("nan"), float("nan")
    ne, non_ne = (
        float(np.corrcoef(x, centroids.loc[measured, side].to_numpy())[0, 1]) for side in SIDES
    )
    return ne, non_ne


def reachable_score(centroids: pd.DataFrame) -> float:
    """Return the highest score that a sample can have: sqrt((1 - r) / 2).

    r is the correlation of the two centroids. With a and b of unit length, half of x.(a - b) is
    largest along a - b, whose length is sqrt(2 - 2r).
    """
    r = np.corrcoef(centroids["ne"], centroids["non_ne"])[0, 1]
    return float(np.sqrt((1 - r) / 2))


def enrichment(values: pd.Series, genes: Sequence[str] | pd.Index) -> float:
    """Return the enrichment score of a gene set within one sample (ssGSEA, weight 0.25).

    It is the sum, over all places of the ranking, of the weighted share of the set's genes that
    stand so far up less the share of the other genes. A gene at the i-th place from the top counts
    in N + 1 - i places, which is its rank from below, so that the sum needs no ranking of genes
    that have the same value: they share their mean rank. `values`: by gene, NaN is left out.
    """
    ranks = values.dropna().rank()
    inside = ranks.index.isin(genes)
    own, others = ranks[inside].to_numpy(), ranks[~inside].to_numpy()
    if not own.size or not others.size:
        return float("nan")
    weights = own**WEIGHT
    return float((weights * own).sum() / weights.sum() - others.mean())


def parts_of_score(values: pd.Series, reference: Reference, method: str) -> tuple[float, float]:
    """Return what a sample's score is the difference of: its NE part and its other part.

    The other part is NaN where a gene set has one side.
    """
    if method == Scoring.CENTROIDS:
        return centroid_parts(values, reference.table)
    sides = reference.sides
    ne, non_ne = (sides.index[sides == side] for side in SIDES)
    return enrichment(values, ne), enrichment(values, non_ne) if len(non_ne) else float("nan")


def score_of(ne: float, non_ne: float, method: str) -> float:
    """Join the two parts: half their difference for centroids (-1 to 1), else the difference."""
    if method == Scoring.CENTROIDS:
        return (ne - non_ne) / 2
    return ne if np.isnan(non_ne) else ne - non_ne


def coverage_of(values: pd.Series, reference: Reference) -> float:
    """Return the smallest share of a side's genes that have a value; of the background too."""
    measured = values.notna()
    return float(measured.groupby(reference.sides.reindex(values.index)).mean().min())


def scored(
    samples: pd.DataFrame, values: pd.DataFrame, reference: Reference, scores: Scores, sheet: str
) -> pd.DataFrame:
    """Score the samples of one assay: `SCORED`.

    `samples`: rows of the molecular sheet of one type, whose index is the row's place; `values`:
    log2 expression, the reference's genes by samples; `sheet`: the sheet's name for sentences.
    Raises InputError that names the rows of samples with too few genes or without a score.
    """
    (name,) = samples["sample_type"].unique()
    (assay,) = (one for one in scores.computed if one.name == name)
    sides = reference.sides
    asked = sides.index[sides != BACKGROUND]
    rows = []
    for sample in samples.itertuples():
        column = values[sample.sample]
        ne, non_ne = parts_of_score(column, reference, scores.method)
        score = score_of(ne, non_ne, scores.method)
        rows.append(
            {
                "sample_type": name,
                "sample": sample.sample,
                "patient": sample.patient,
                "sample_date": sample.sample_date,
                "method": scores.method,
                "units": assay.units,
                "identifiers": reference.identifiers,
                "genes_asked": len(asked),
                "genes_found": int(column[asked].notna().sum()),
                "coverage": coverage_of(column, reference),
                "ne": ne,
                "non_ne": non_ne,
                "score": score,
                "positive_above": scores.threshold(name),
                "positive": bool(score > scores.threshold(name)),
            }
        )
    table = pd.DataFrame(rows, index=samples.index, columns=SCORED.names)
    stop_on(_too_few_genes(table, values, scores.minimum_coverage, sheet))
    stop_on(
        [
            f"{sheet}, row {row + 2}: sample '{table.at[row, 'sample']}' has the same value for "
            "every gene of the reference, so that it has no score; see its column in "
            f"{assay.expression}."
            for row in table.index[table["score"].isna()]
        ]
    )
    return table


def _too_few_genes(
    table: pd.DataFrame, values: pd.DataFrame, minimum: float, sheet: str
) -> list[str]:
    """Say which rows have samples with too few genes; rows that lack the same genes together."""
    few = table[table["coverage"] < minimum]
    lacking = {row: tuple(values.index[values[few.at[row, "sample"]].isna()]) for row in few.index}
    alike: dict[tuple[str, ...], list[int]] = {}
    for row, genes in lacking.items():
        alike.setdefault(genes, []).append(row)
    return [
        f"{sheet}, row{'s' * (len(rows) > 1)} {_rows(rows)}: the sample"
        f"{'s lack' if len(rows) > 1 else ' lacks'} {named(genes)} of the reference's genes; of "
        f"one side {few.at[rows[0], 'coverage']:.0%} have a value, and "
        f"molecular.minimum_coverage asks for {minimum:.0%}. Map other names of genes by a table "
        "of aliases, or leave the sample out."
        for genes, rows in alike.items()
    ]


def _rows(rows: Sequence[int]) -> str:
    more = len(rows) - MOST_ROWS
    numbers = ", ".join(str(row + 2) for row in rows[:MOST_ROWS])
    return numbers + (f" and {more} more" if more > 0 else "")


def summary(table: pd.DataFrame, references: dict[str, Reference]) -> pd.DataFrame:
    """Describe the scores of each sample type: `SUMMARY`. `references` by sample type."""
    rows = []
    for name, group in table.groupby("sample_type", sort=False):
        first = group.iloc[0]
        by_centroids = first["method"] == Scoring.CENTROIDS
        rows.append(
            {
                **first[["sample_type", "method", "units", "identifiers", "genes_asked"]],
                "samples": len(group),
                "fewest_genes": group["genes_found"].min(),
                "lowest_score": group["score"].min(),
                "highest_score": group["score"].max(),
                "reachable_score": reachable_score(references[str(name)].table)
                if by_centroids
                else None,
                "positive_above": first["positive_above"],
                "positive_samples": int(group["positive"].sum()),
            }
        )
    return pd.DataFrame(rows, columns=SUMMARY.names)


def with_scores(molecular: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Fill the computed scores (`SCORED`) into the rows of the molecular sheet that they are of."""
    known = table.set_index(["sample_type", "sample"])["score"]
    pairs = pd.MultiIndex.from_frame(molecular[["sample_type", "sample"]])
    found = pd.Series(known.reindex(pairs).to_numpy(), index=molecular.index)
    return molecular.assign(score=found.combine_first(molecular["score"]))
