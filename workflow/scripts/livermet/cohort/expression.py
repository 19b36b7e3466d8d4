"""Tables of expression, references and aliases as people make them: read, checked, on one scale.

A table of expression has one row a gene and one column a sample; its first column names the genes.
Genes are known by the names that the reference has, exactly: other names are mapped by the user's
own table of aliases and by nothing else, since a name can have been two genes' in two years.
"""

import csv
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
import pandas as pd

from livermet.cohort.assays import Assay
from livermet.errors import InputError, stop_on
from livermet.spreadsheets import without_unseen
from livermet.vocabulary import Scoring, Units

# Cells that stand for a value that was not measured.
NOT_MEASURED = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A")
ENSEMBL = re.compile(r"(ENS[A-Z]*G\d{11})\.\d+")
IDENTIFIERS = {"Ensembl": re.compile(r"ENS[A-Z]*G\d{11}"), "Entrez": re.compile(r"\d+")}
SYMBOLS = "symbols"
# What spreadsheets make of symbols that begin as a month does: 1-Mar, Sep-02, 2023-12-01 00:00:00.
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
DATE = re.compile(
    rf"\d{{1,2}}[-. /]+({MONTHS})[a-z]*|({MONTHS})[a-z]*[-. /]+\d{{1,4}}|"
    r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.I,
)
MONTH = re.compile(rf"({MONTHS})[a-z]*-?\d+$", re.I)
# Rows of a table of counts that count no gene, as HTSeq, STAR and spreadsheets write them.
NO_GENE = re.compile(
    r"__\w+|N_(unmapped|multimapping|noFeature|ambiguous)|(grand )?totals?|sum", re.I
)
# log2 of more than this is no expression: 2 to the 30th is a billion.
MOST_LOG2 = 30.0
# The largest number in a whole table of millionths lies in the thousands.
LEAST_LARGEST = 25.0
MILLION = 1e6
# Rounding, and tables whose numbers were rounded, stay within this of a million.
MOST_MILLIONTHS = 1.02e6
# A library's size is the sum of its counts, and ranks are among all genes: of both, not a panel's.
WHOLE_TABLE = 5000
LEAST_CENTROID_GENES = 10
LEAST_SET_GENES = 5
# What a file raises that is no text, or that ends early.
BROKEN = (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error, csv.Error)
# Of so many samples a mean of 0 for nearly every gene is no chance.
LEAST_STANDARDISED, SHARE_STANDARDISED, NEAR_0 = 5, 0.9, 0.01
CENTROID_COLUMNS = ("gene", "ne", "non_ne")
SET_COLUMNS = ("gene", "set")
SIDES = ("ne", "non_ne")
BACKGROUND = "background"
MOST_NAMED = 5


@dataclass(frozen=True)
class Reference:
    """What samples are scored against, by gene: two centroids, or the sides of a gene set.

    table: indexed by gene; columns ne and non_ne (log2), or the column set (ne, non_ne,
    background).
    identifiers: 'Ensembl', 'Entrez' or 'symbols'. checksum: of what it says, whatever the order
    of its rows and its separators.
    """

    table: pd.DataFrame
    identifiers: str
    checksum: str

    @property
    def sides(self) -> pd.Series:
        """The side of each gene: 'ne', 'non_ne' or 'background'."""
        if "set" in self.table:
            return self.table["set"]
        higher = self.table["ne"] > self.table["non_ne"]
        return higher.map({True: "ne", False: "non_ne"})


def named(names: Iterable[str]) -> str:
    """List names for a sentence; past five they are counted."""
    names = list(names)
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def identifiers_of(genes: Sequence[str]) -> str:
    """Say by what names genes are known, by what most of them look like."""
    for kind, pattern in IDENTIFIERS.items():
        if 2 * sum(bool(pattern.fullmatch(gene)) for gene in genes) > len(genes):
            return kind
    return SYMBOLS


def plain_gene(name: str) -> str:
    """Take blanks, seen and unseen, and the version of an Ensembl number from a gene's name."""
    name = without_unseen(name).strip()
    versioned = ENSEMBL.fullmatch(name)
    return versioned.group(1) if versioned else name


def read_reference(path: str | Path, method: str) -> Reference:
    """Read and check the centroids, or the gene set, that a method scores samples against.

    Raises InputError that lists missing columns, genes without a name or that stand twice, values
    that are no numbers of log2, and a reference too small to score anything by.
    """
    columns = CENTROID_COLUMNS if method == Scoring.CENTROIDS else SET_COLUMNS
    table = _named_columns(path, columns)
    table["gene"] = table["gene"].map(plain_gene)
    problems = _unnamed_or_twice(path, table["gene"])
    if method == Scoring.CENTROIDS:
        problems += _numbers_of_centroids(path, table)
    else:
        problems += _words_of_sets(path, table)
    stop_on(problems)
    content = "\n".join(sorted("\t".join(map(str, row)) for row in table.to_numpy().tolist()))
    checksum = hashlib.sha256(f"{method}\n{content}".encode()).hexdigest()
    return Reference(table.set_index("gene"), identifiers_of(list(table["gene"])), checksum)


def _numbers_of_centroids(path: str | Path, table: pd.DataFrame) -> list[str]:
    problems = []
    for column in SIDES:
        numbers = pd.to_numeric(table[column], errors="coerce")
        bad = ~np.isfinite(numbers)
        problems += [
            f"{path}, row {row + 2}: {column} '{table[column][row]}' is not a number; write it "
            "with a decimal point."
            for row in table.index[bad]
        ]
        if not problems and numbers.abs().max() > MOST_LOG2:
            problems.append(
                f"{path}: {column} reaches {numbers.abs().max():g}, which is no log2 of an "
                "expression; centroids are means of log2 values."
            )
        table[column] = numbers.astype(float)
    if problems:
        return problems
    if len(table) < LEAST_CENTROID_GENES:
        return [
            f"{path} has {len(table)} genes; a correlation over fewer than "
            f"{LEAST_CENTROID_GENES} says little of a sample."
        ]
    higher = table["ne"] > table["non_ne"]
    if higher.all() or not higher.any() or any(table[side].nunique() < 2 for side in SIDES):
        return [
            f"{path}: no gene is higher in the centroid {'non_ne' if higher.all() else 'ne'}, or a "
            "centroid is the same for every gene; correct its columns ne and non_ne."
        ]
    return []


def _words_of_sets(path: str | Path, table: pd.DataFrame) -> list[str]:
    words = (*SIDES, BACKGROUND)
    table["set"] = table["set"].str.strip()
    odd = table.index[~table["set"].isin(words)]
    if len(odd):
        return [
            f"{path}, row {row + 2}: set '{table['set'][row]}' is unknown; it takes "
            f"{', '.join(words)}."
            for row in odd[:MOST_NAMED]
        ]
    counts = table["set"].value_counts()
    problems = []
    if counts.get("ne", 0) < LEAST_SET_GENES or 0 < counts.get("non_ne", 0) < LEAST_SET_GENES:
        problems.append(
            f"{path}: a side of the gene set has fewer than {LEAST_SET_GENES} genes; ne needs "
            "some, non_ne may have none at all."
        )
    if counts.get(BACKGROUND, 0) < WHOLE_TABLE:
        problems.append(
            f"{path} has {counts.get(BACKGROUND, 0)} genes of set background; an enrichment is "
            f"a set's rank among all genes, at least {WHOLE_TABLE}: add a row for each other gene "
            "of the table of expression."
        )
    return problems


def read_aliases(path: str | Path) -> dict[str, str]:
    """Read the user's own table of aliases: another name of a gene, to its name in the reference.

    Raises InputError where an alias is given to two genes.
    """
    table = _named_columns(path, ("alias", "gene")).map(plain_gene)
    several = table.drop_duplicates()
    twice = several.loc[several["alias"].duplicated(), "alias"].unique()
    stop_on(
        [f"{path}: alias '{name}' is given to two genes; an alias is one gene's." for name in twice]
    )
    return dict(zip(table["alias"], table["gene"], strict=True))


def checksum_of_aliases(aliases: dict[str, str]) -> str:
    """Hash what a table of aliases says, whatever the order of its rows."""
    return hashlib.sha256("\n".join(sorted(map("\t".join, aliases.items()))).encode()).hexdigest()


def read_expression(path: str | Path, samples: Sequence[str]) -> pd.DataFrame:
    """Read the columns of some samples from a table of genes by samples.

    The result is indexed by gene, in the file's order; a cell that was not measured is NaN. Values
    are as in the file. Raises InputError where the table is transposed, lacks a sample, names one
    twice, or has a cell that is no number.
    """
    head, first = _first_rows(path)
    # R writes no name above the names of rows.
    names = ["gene", *head] if len(first) == len(head) + 1 else ["gene", *head[1:]]
    stop_on(_unusable_head(path, names, samples, first))
    _stop_on_short_rows(path, len(names))
    # All columns, since pandas overlooks a row of too many cells where it reads some of them.
    table = _read(
        path,
        header=None,
        skiprows=1,
        names=range(len(names)),
        dtype={0: str},
        keep_default_na=False,
        na_values={place: list(NOT_MEASURED) for place in range(1, len(names))},
        low_memory=False,
    )
    table = table.rename(columns=dict(enumerate(names))).set_index("gene")[list(samples)]
    table.index = table.index.map(plain_gene)
    # A row of separators alone.
    table = table[(table.index != "") | table.notna().any(axis=1)]
    stop_on(
        [
            _no_number(path, table, sample)
            for sample in samples
            if not pd.api.types.is_numeric_dtype(table[sample])
            or pd.api.types.is_bool_dtype(table[sample])
        ]
    )
    return table.astype(float)


def _stop_on_short_rows(path: str | Path, width: int) -> None:
    """Refuse a table of which a row ends early: what pandas would take for not measured is lost."""
    with _opened(path) as stream:
        try:
            for number, row in enumerate(csv.reader(stream, delimiter=_separator(path)), 1):
                if number > 1 and any(row) and len(row) < width:
                    raise InputError(
                        f"{path}, row {number}: it has {len(row)} cells and its header tells "
                        f"{width}, so that values are lost; copy the table again, or write the "
                        "separators of its empty cells."
                    )
        except BROKEN as error:
            raise _broken(path) from error


def _opened(path: str | Path) -> IO[str]:
    opened = gzip.open if str(path).endswith(".gz") else open
    return cast(IO[str], opened(path, "rt", encoding="utf-8-sig", newline=""))


def _no_number(path: str | Path, table: pd.DataFrame, sample: str) -> str:
    texts = table[sample].astype(object)
    is_word = texts.map(lambda cell: isinstance(cell, bool))
    bad = (pd.to_numeric(texts, errors="coerce").isna() & texts.notna()) | is_word
    row = int(np.flatnonzero(bad)[0])
    return (
        f"{path}, row {row + 2}: the value '{texts.iloc[row]}' of gene '{table.index[row]}' in "
        f"sample '{sample}' is not a number; write numbers with a decimal point and leave empty "
        "what was not measured."
    )


def _unusable_head(
    path: str | Path, names: list[str], samples: Sequence[str], first: list[str]
) -> list[str]:
    if len(names) < 2:
        return [
            f"{path} has one column; write it separated by "
            f"{'commas' if _separator(path) == ',' else 'tabs'}, as its ending says."
        ]
    if len(first) != len(names):
        return [
            f"{path} has {len(first)} cells in its second row and {len(names)} names in its first; "
            "a row has one cell a column."
        ]
    twice = [sample for sample in samples if names.count(sample) > 1]
    lacking = [sample for sample in samples if sample not in names]
    if lacking and len(lacking) == len(samples) and _names_of_rows(path) & set(samples):
        return [
            f"{path} has samples in its rows; turn it, so that a row is a gene and a column a "
            "sample."
        ]
    return [
        f"{path} has two columns '{sample}'; give each sample one column and a name of its own."
        for sample in twice
    ] + (
        [
            f"{path} has no column for the samples {named(lacking)} of the molecular sheet; its "
            f"columns are {named(names[1:])}. Correct the column 'sample' of the sheet, or add "
            "them."
        ]
        if lacking
        else []
    )


def _names_of_rows(path: str | Path) -> set[str]:
    table = _read(path, usecols=[0], dtype=str)
    return set(table.iloc[:, 0].dropna().str.strip())


def _first_rows(path: str | Path) -> tuple[list[str], list[str]]:
    """Read the first two rows of a table."""
    _stop_unless_table(path)
    try:
        with _opened(path) as stream:
            rows = csv.reader(stream, delimiter=_separator(path))
            head, first = next(rows, []), next(rows, [])
    except BROKEN as error:
        raise _broken(path) from error
    if not first:
        raise InputError(f"{path} has no row below its header; a row is a gene.")
    return [name.strip() for name in head], first


def _read(path: str | Path, **options) -> pd.DataFrame:
    """Read a table by pandas; what is no table is told in one sentence."""
    try:
        return pd.read_csv(path, sep=_separator(path), encoding="utf-8-sig", **options)
    except BROKEN as error:
        raise _broken(path) from error
    except pd.errors.ParserError as error:
        raise InputError(
            f"{path} has rows of more cells than its header names; a row has one cell a column."
        ) from error


def _broken(path: str | Path) -> InputError:
    return InputError(
        f"{path} is not text in UTF-8, or broke off while it was copied; save it as "
        "'text, UTF-8', or copy it again."
    )


def _stop_unless_table(path: str | Path) -> None:
    stem = str(path).lower().removesuffix(".gz")
    if not stem.endswith((".tsv", ".txt", ".csv")):
        raise InputError(
            f"{path} has to end in .tsv or .txt (tabs) or .csv (commas), with or without .gz; save "
            "a spreadsheet as one of these."
        )
    if not Path(path).is_file():
        raise InputError(f"There is no table at {path}; correct its key of molecular.assays.")


def _separator(path: str | Path) -> str:
    return "," if str(path).lower().removesuffix(".gz").endswith(".csv") else "\t"


def _named_columns(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    head, _ = _first_rows(path)
    lacking = [column for column in columns if column not in head]
    if lacking:
        separator = "commas" if _separator(path) == "," else "tabs"
        raise InputError(
            f"{path} lacks the column {', '.join(lacking)}; its columns are "
            f"{', '.join(columns)}, separated by {separator}, as its ending says."
        )
    table = _read(path, dtype=str, keep_default_na=False)
    table.columns = table.columns.str.strip()
    return table[list(columns)]


def _unnamed_or_twice(path: str | Path, genes: pd.Series) -> list[str]:
    unnamed = genes.index[genes == ""]
    twice = genes[genes.duplicated() & (genes != "")].unique()
    return [f"{path}, row {row + 2}: the gene has no name." for row in unnamed[:MOST_NAMED]] + [
        f"{path}: gene '{gene}' stands twice; a gene has one row." for gene in twice[:MOST_NAMED]
    ]


def on_reference(
    expression: pd.DataFrame, reference: Reference, aliases: dict[str, str], assay: Assay
) -> pd.DataFrame:
    """Return log2 expression of the reference's genes, NaN for those that a table lacks.

    Raises InputError where a gene of the reference stands in two rows, under one name or two,
    where the names are of another kind, and where the numbers cannot be of the units.
    """
    path = assay.expression
    stop_on(_other_identifiers(expression, reference, assay) + wrong_units(expression, assay))
    wanted, genes = reference.table.index, expression.index
    renamed = genes.map(lambda gene: aliases[gene] if aliases.get(gene) in wanted else gene)
    stop_on(_made_dates(renamed, wanted, path))
    double = renamed[renamed.duplicated() & renamed.isin(wanted)].unique()
    stop_on(
        [
            f"{path}: gene '{gene}' stands in several rows "
            f"({', '.join(dict.fromkeys(genes[renamed == gene]))}); keep one of them, or make one "
            "of all."
            for gene in double[:MOST_NAMED]
        ]
    )
    values = log2_expression(expression, assay.units or "")
    values.index = renamed
    return values[values.index.isin(wanted)].reindex(wanted)


def _other_identifiers(expression: pd.DataFrame, reference: Reference, assay: Assay) -> list[str]:
    found = identifiers_of(list(expression.index))
    if found == reference.identifiers:
        return []
    return [
        f"{assay.expression} names genes by {found} and {assay.reference} by "
        f"{reference.identifiers}; write both in the same names."
    ]


def _made_dates(genes: pd.Index, wanted: pd.Index, path: str | None) -> list[str]:
    """Tell of symbols such as MARCH1 and SEPT2 that a spreadsheet has made dates of."""
    dates = [gene for gene in genes if DATE.fullmatch(gene)]
    lost = [gene for gene in wanted.difference(genes) if MONTH.match(gene)]
    if not dates or not lost:
        return []
    return [
        f"{path} lacks {named(lost)} of the reference and names genes by dates, {named(dates)}: a "
        "spreadsheet has made them of symbols; write the symbols again."
    ]


def log2_expression(values: pd.DataFrame, units: str) -> pd.DataFrame:
    """Return log2(x + 1) of numbers of some units; counts are made millionths of their sum first.

    `values`: genes by samples. Each sample is scaled by itself, so that none moves with others.
    """
    if units == Units.LOG2:
        return values.copy()
    if units == Units.COUNTS:
        values = values / values.sum() * MILLION
    return np.log2(values + 1)


def wrong_units(values: pd.DataFrame, assay: Assay) -> list[str]:
    """Say why the numbers of a table cannot be of the units that the config names."""
    path, units = assay.expression, assay.units
    largest, smallest = float(np.nanmax(values.to_numpy())), float(np.nanmin(values.to_numpy()))
    begin = f"{path} cannot be {units} (molecular.assays.{assay.name}.units): "
    if np.isinf(values.to_numpy()).any():
        return [f"{path} has infinite numbers, as log2 of 0 is; write log2(x + 1)."]
    if units == Units.LOG2:
        if _is_standardised(values):
            return [
                f"{begin}its genes have a mean or a median of 0 over the samples, as z-scores "
                "have; these move with the cohort. Give the values before they were standardised."
            ]
        if largest <= MOST_LOG2:
            return []
        return [f"{begin}its largest number is {largest:g}; name the units before the logarithm."]
    if smallest < 0:
        return [f"{begin}it has numbers below 0, as logarithms and z-scores have."]
    if units == Units.COUNTS:
        return _wrong_counts(values, begin, assay)
    if largest <= LEAST_LARGEST:
        return [f"{begin}its largest number is {largest:g}, as of logarithms; write log2 if so."]
    over = values.columns[values.sum() > MOST_MILLIONTHS]
    if units in (Units.TPM, Units.CPM) and len(over):
        return [
            f"{begin}the sum of {named(over)} is more than a million; counts and FPKM have other "
            "sums."
        ]
    return []


def _is_standardised(values: pd.DataFrame) -> bool:
    varied = values[values.max(axis=1) > values.min(axis=1)]
    if len(values.columns) < LEAST_STANDARDISED or varied.empty:
        return False
    # Of what is 0 or more, a median of 0 is a gene that is off.
    middles = [varied.mean(axis=1), varied[varied.min(axis=1) < 0].median(axis=1)]
    shares = [int((middle.abs() < NEAR_0).sum()) / len(varied) for middle in middles]
    return max(shares) > SHARE_STANDARDISED


def _wrong_counts(values: pd.DataFrame, begin: str, assay: Assay) -> list[str]:
    if len(values) < WHOLE_TABLE:
        return [
            f"{begin}it has {len(values)} genes, and counts are scaled by a sample's sum over all, "
            f"at least {WHOLE_TABLE}; give the whole table."
        ]
    if rows := [gene for gene in values.index if NO_GENE.fullmatch(gene)]:
        return [
            f"{assay.expression} has rows that count no gene, {named(rows)}, by which samples would"
            " be scaled; take them out."
        ]
    empty = values.columns[values.sum() <= 0]
    return [f"{begin}nothing was counted in {named(empty)}."] if len(empty) else []
