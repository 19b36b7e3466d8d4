"""Tables of expression as people make them: read exactly, or refused with the cause."""

import gzip

import expression_phantoms as phantoms
import numpy as np
import pandas as pd
import pytest

from livermet.cohort.assays import Assay
from livermet.cohort.expression import (
    log2_expression,
    on_reference,
    read_aliases,
    read_expression,
    read_reference,
    wrong_units,
)
from livermet.errors import InputError


def written(tmp_path, text, name="expression.tsv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


TABLE = "gene\tS1\tS2\nCHGA\t1.5\t2\nSYP\t0\t\nASCL1\t3e2\tNA\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TABLE, "a.tsv"),
        (TABLE.replace("\t", ","), "a.csv"),
        (TABLE.replace("\n", "\r\n"), "a.txt"),
        ("\ufeff" + TABLE, "a.tsv"),
        # R writes no name above the names of rows.
        (TABLE.removeprefix("gene\t"), "a.tsv"),
        (gzip.compress(TABLE.encode()), "a.tsv.gz"),
        (TABLE.replace("SYP", "\u200bSYP\u00a0"), "a.tsv"),
        (TABLE + "\n\t\t\n", "a.tsv"),
    ],
    ids=["tabs", "commas", "Windows", "byte order mark", "R", "gzip", "unseen", "empty rows"],
)
def test_a_table_is_read_in_every_form(tmp_path, text, name):
    table = read_expression(written(tmp_path, text, name), ["S2", "S1"])
    assert list(table.columns) == ["S2", "S1"]
    assert table["S1"].to_dict() == {"CHGA": 1.5, "SYP": 0, "ASCL1": 300}
    assert table.at["CHGA", "S2"] == 2
    assert table["S2"].isna().sum() == 2


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (TABLE, "a.xlsx", "has to end in .tsv or .txt (tabs) or .csv (commas)"),
        (TABLE, "a.csv", "has one column; write it separated by commas, as its ending says"),
        (TABLE.encode("utf-16"), "a.tsv", "is not text in UTF-8"),
        (gzip.compress(TABLE.encode())[:30], "a.tsv.gz", "or broke off while it was copied"),
        ("gene\tS1\tS2\n", "a.tsv", "has no row below its header"),
        (TABLE.replace("1.5", "1,5"), "a.tsv", "row 2: the value '1,5' of gene 'CHGA'"),
        (TABLE.replace("NA\n", "NA\t7\t8\n"), "a.tsv", "has rows of more cells than its header"),
        (TABLE.replace("S2", "S3"), "a.tsv", "has no column for the samples S2 of the molecular"),
        (TABLE.replace("S2", "S1"), "a.tsv", "has two columns 'S1'"),
        (TABLE.replace("S2", "S2\tS3"), "a.tsv", "has 3 cells in its second row and 4 names"),
        (TABLE.replace("0\t\n", "0\n"), "a.tsv", "row 3: it has 2 cells and its header tells 3"),
        (TABLE[:-4], "a.tsv", "row 4: it has 2 cells and its header tells 3"),
        ("gene\tS1\tS2\nCHGA\tTrue\t2\n", "a.tsv", "the value 'True' of gene 'CHGA'"),
        ("sample\tCHGA\tSYP\nS1\t1\t2\nS2\t3\t4\n", "a.tsv", "has samples in its rows; turn it"),
    ],
    ids=[
        "spreadsheet",
        "ending",
        "UTF-16",
        "broken",
        "empty",
        "comma",
        "cells",
        "sample",
        "twice",
        "names",
        "short row",
        "broken off",
        "words",
        "transposed",
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, text, name, said):
    with pytest.raises(InputError) as caught:
        read_expression(written(tmp_path, text, name), ["S1", "S2"])
    assert said in str(caught.value)


def test_ensembl_numbers_are_known_without_their_version(tmp_path):
    text = "id\tS1\nENSG00000100604.13\t5\nENSG00000102003\t6\n"
    table = read_expression(written(tmp_path, text), ["S1"])
    assert list(table.index) == ["ENSG00000100604", "ENSG00000102003"]


def test_log2_of_each_unit():
    values = pd.DataFrame({"a": [3.0, 1.0, 0.0], "b": [30.0, 10.0, 0.0]}, list("xyz"))
    assert log2_expression(values, "tpm")["a"].tolist() == [2, 1, 0]
    assert log2_expression(values, "log2").equals(values)
    # Of 4 counts in all, 3 are 750,000 of a million; a sample with ten times as many is the same.
    counts = log2_expression(values, "counts")
    assert counts["a"].tolist() == pytest.approx([np.log2(750001), np.log2(250001), 0])
    assert counts["b"].tolist() == pytest.approx(counts["a"].tolist())


def whole(largest, sum_to=None):
    """6,000 genes of a sample; the first is the largest."""
    values = np.full(6000, 1.0)
    values[0] = largest
    if sum_to:
        values[1:] = (sum_to - largest) / 5999
    return pd.DataFrame({"S1": values}, [f"g{number}" for number in range(6000)])


@pytest.mark.parametrize(
    ("units", "values", "said"),
    [
        ("tpm", whole(9000, 1e6), None),
        ("tpm", whole(14), "its largest number is 14, as of logarithms; write log2 if so"),
        ("tpm", whole(9000, 5e6), "the sum of S1 is more than a million"),
        ("cpm", -whole(9000), "it has numbers below 0"),
        ("fpkm", whole(9000, 5e6), None),
        ("log2", whole(14), None),
        ("log2", whole(9000), "its largest number is 9000; name the units before the logarithm"),
        ("log2", whole(-np.inf), "has infinite numbers, as log2 of 0 is"),
        ("counts", whole(9), None),
        ("counts", whole(9).iloc[:50], "it has 50 genes, and counts are scaled by a sample's sum"),
        (
            "counts",
            whole(9).rename({"g7": "__no_feature"}),
            "has rows that count no gene, __no_feature, by which samples would be scaled",
        ),
        ("counts", whole(9).rename({"g7": "N_unmapped"}), "rows that count no gene, N_unmapped"),
        ("counts", whole(9).rename({"g7": "Total"}), "rows that count no gene, Total"),
        ("counts", whole(0) * 0, "nothing was counted in S1"),
    ],
)
def test_numbers_that_cannot_be_of_the_units_are_refused(units, values, said):
    told = wrong_units(values, Assay("biopsy", "e.tsv", units, "c.tsv"))
    assert [said in sentence for sentence in told] == ([True] if said else [])


def test_a_long_table_that_broke_off_is_told(tmp_path):
    whole_table = phantoms.expression({"S1": True, "S2": False})
    packed = phantoms.write(whole_table, tmp_path / "a.tsv.gz").read_bytes()
    path = written(tmp_path, packed[: len(packed) // 2], "b.tsv.gz")
    with pytest.raises(InputError, match="or broke off while it was copied"):
        read_expression(path, ["S1", "S2"])


def test_z_scores_of_a_cohort_are_refused():
    table = np.log2(phantoms.expression({f"S{n}": n % 2 == 0 for n in range(6)}) + 1)
    assay = Assay("biopsy", "e.tsv", "log2", "c.tsv")
    assert wrong_units(table, assay) == []
    standardised = table.sub(table.mean(axis=1), axis=0).div(table.std(axis=1), axis=0).round(3)
    (told,) = wrong_units(standardised, assay)
    assert "its genes have a mean or a median of 0 over the samples, as z-scores have" in told
    (told,) = wrong_units(table.sub(table.median(axis=1), axis=0), assay)
    assert "a mean or a median of 0" in told


def centroids(tmp_path, change=lambda table: table, name="centroids.tsv"):
    return phantoms.write(change(phantoms.centroids()), tmp_path / name)


def test_centroids_are_known_by_what_they_say(tmp_path):
    one = read_reference(centroids(tmp_path), "centroids")
    turned = centroids(tmp_path, lambda table: table.iloc[::-1], "turned.csv")
    assert read_reference(turned, "centroids").checksum == one.checksum
    other = centroids(tmp_path, lambda table: table.assign(ne=table["ne"] + 0.1), "other.tsv")
    assert read_reference(other, "centroids").checksum != one.checksum
    assert one.sides.value_counts().to_dict() == {"ne": 10, "non_ne": 10}
    assert one.identifiers == "symbols"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="ne"), "lacks the column ne; its columns are gene, ne"),
        (lambda table: table.assign(ne="high"), "row 2: ne 'high' is not a number"),
        (lambda table: 2**table * 1e3, "which is no log2 of an expression"),
        (lambda table: table.iloc[:5], "has 5 genes; a correlation over fewer than 10"),
        (lambda table: pd.concat([table, table.iloc[:1]]), "gene 'NEG1' stands twice"),
        (lambda table: table.assign(non_ne=table["ne"] - 1), "no gene is higher in the centroid"),
    ],
)
def test_centroids_that_cannot_be_right_are_refused(tmp_path, change, said):
    with pytest.raises(InputError) as caught:
        read_reference(centroids(tmp_path, change), "centroids")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.replace("non_ne", "nonne"), "set 'nonne' is unknown; it takes ne"),
        (lambda table: table.iloc[:20], "has 0 genes of set background; an enrichment is"),
        (lambda table: table.iloc[7:], "a side of the gene set has fewer than 5 genes"),
    ],
)
def test_gene_sets_that_cannot_be_right_are_refused(tmp_path, change, said):
    path = phantoms.write(change(phantoms.gene_set()), tmp_path / "set.tsv")
    with pytest.raises(InputError) as caught:
        read_reference(path, "ssgsea")
    assert said in str(caught.value)


ASSAY = Assay("biopsy", "expression.tsv", "log2", "centroids.tsv")


def placed(tmp_path, names, aliases=None):
    reference = read_reference(centroids(tmp_path), "centroids")
    values = pd.DataFrame({"S1": np.arange(len(names), dtype=float)}, names)
    return on_reference(values, reference, aliases or {}, ASSAY)["S1"]


def test_genes_are_known_by_their_names_and_by_the_users_aliases_alone(tmp_path):
    names = ["CYR61", *phantoms.GENES[1:], "more"]
    assert np.isnan(placed(tmp_path, names)["NEG1"])
    known = placed(tmp_path, names, {"CYR61": "NEG1", "other": "NEG2"})
    assert known["NEG1"] == 0
    assert known.notna().all()
    assert list(known.index) == phantoms.GENES


def test_a_gene_in_two_rows_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"gene 'NEG1' stands in several rows \(NEG1, CYR61\)"):
        placed(tmp_path, [*phantoms.GENES, "CYR61"], {"CYR61": "NEG1"})
    with pytest.raises(InputError, match="gene 'OTH2' stands in several rows"):
        placed(tmp_path, [*phantoms.GENES, "OTH2"])
    # Rows that the reference does not ask for may be as they are.
    assert placed(tmp_path, [*phantoms.GENES, "more", "more"]).notna().all()


@pytest.mark.parametrize("date", ["1-Mar", "Mar-01", "01. Mar", "2023-03-01 00:00:00"])
def test_symbols_that_a_spreadsheet_made_dates_of_are_told(tmp_path, date):
    table = phantoms.centroids().rename({"NEG1": "MARCH1"})
    reference = read_reference(phantoms.write(table, tmp_path / "c.tsv"), "centroids")
    genes = [date, *phantoms.GENES[1:]]
    values = pd.DataFrame({"S1": np.arange(20.0)}, genes)
    with pytest.raises(InputError, match=f"lacks MARCH1 of the reference and .* dates, {date}"):
        on_reference(values, reference, {}, ASSAY)
    # The user may say whose name it was; and what the reference does not ask for may be lost.
    assert on_reference(values, reference, {date: "MARCH1"}, ASSAY)["S1"].notna().all()
    assert np.isnan(placed(tmp_path, genes)["NEG1"])


def test_names_of_another_kind_are_told(tmp_path):
    numbers = [f"ENSG{number:011d}" for number in range(20)]
    with pytest.raises(InputError, match=r"names genes by Ensembl and centroids.tsv by symbols"):
        placed(tmp_path, numbers)


def test_an_alias_is_one_genes(tmp_path):
    path = written(tmp_path, "alias\tgene\nCYR61\tCCN1\nCYR61\tCCN2\n", "aliases.tsv")
    with pytest.raises(InputError, match="alias 'CYR61' is given to two genes"):
        read_aliases(path)
