"""The sheets that describe a study: one row a series, one row a molecular sample.

Every problem of a sheet is told at once, each as one sentence that names the row.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from livermet.contracts import NUMBER, PATIENT, TEXT, Column, Contract
from livermet.errors import InputError, stop_on

MOST_MISSING = 20
TREATMENT_LINE = Column(
    "treatment_line",
    TEXT,
    "the treatment at that time, in words of your own, such as 1 and 2; a sample is matched only "
    "with a CT of the same one",
    missing="in all rows of a patient whose lines nobody has marked",
)
LESIONS_READ = ("present", "absent")
# Words that table readers, ours and a user's, take for a missing value.
MISSING_WORDS = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None")
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
# What a user writes, and what the demo writes of its phantoms; how they are read says the rest.
SERIES_SHEET = Contract(
    files=("series.tsv",),
    row="a series: one reconstructed volume",
    columns=(
        Column("series", TEXT, "name of the series, which becomes the name of a folder"),
        Column("patient", TEXT, "pseudonym of the patient, who has one cohort"),
        Column(
            "study_date", TEXT, "date of the CT, as YYYY-MM-DD; patient and date make the study"
        ),
        Column("cohort", TEXT, "cohorts.source or cohorts.target of the config"),
        Column(
            "image",
            TEXT,
            "NIfTI or NRRD file, or a folder that holds one DICOM series; an absolute path, or one "
            "below data_root of the config",
        ),
        Column(
            "reference",
            TEXT,
            "segmentation by a human on the grid of the CT; labels as reference_labels says",
            missing="where there is none",
        ),
        Column(
            "liver_mask",
            TEXT,
            "mask of the liver, for references that hold lesions only",
            missing="where there is none",
        ),
        Column(
            "lesions_read",
            TEXT,
            "whether the radiology report reads liver lesions",
            words=LESIONS_READ,
            missing="where it is not known",
        ),
        Column(
            "phase",
            TEXT,
            "contrast phase as the site names it",
            missing="where it is not known",
        ),
        Column("sex", TEXT, "sex of the patient, for table 1", missing="where it is not known"),
        Column(
            "age",
            NUMBER,
            "age of the patient at the study, for table 1",
            unit="years",
            missing="where it is not known",
        ),
    ),
    key=("series",),
    optional=(TREATMENT_LINE,),
)
MOLECULAR_SHEET = Contract(
    files=("molecular.tsv",),
    row="a molecular sample",
    columns=(
        PATIENT,
        Column("sample_date", TEXT, "date of the sample, as YYYY-MM-DD"),
        Column("sample_type", TEXT, "biopsy, cfdna or a name of the site"),
        Column(
            "score",
            NUMBER,
            "continuous molecular score; the class is positive above phenotype.positive_above",
            missing="where molecular.assays computes it",
        ),
    ),
    optional=(
        Column(
            "sample",
            TEXT,
            "the sample's column in the table of expression that its score is computed from",
            missing="where the score is given",
        ),
        TREATMENT_LINE,
    ),
)


def read_series(path: str | Path, cohorts: Iterable[str]) -> pd.DataFrame:
    """Read and check the sheet of series, indexed by series; dates become datetimes.

    `cohorts` are the names that the config knows. Raises InputError listing every missing column,
    duplicate series, unknown cohort, unreadable date and patient that stands in two cohorts.
    """
    table = _read_sheet(path, SERIES_SHEET)
    cohorts = [cohort for cohort in cohorts if cohort]
    problems = _rows_without(path, table, ["series", "patient", "study_date", "cohort", "image"])
    for column in ("series", "patient"):
        odd = ~table[column].str.fullmatch(NAME_PATTERN) & (table[column] != "")
        odd |= table[column].isin(MISSING_WORDS)
        problems += [
            f"{path}, row {row}: {column} '{name}' would not make a name; use letters, "
            "digits, '.', '_' and '-' only, begin with a letter or digit, and write no NA or None."
            for row, name in _numbered(table.loc[odd, column])
        ]
    repeated = table["series"].duplicated() & (table["series"] != "")
    problems += [
        f"{path}, row {row}: series '{name}' stands in the sheet already; give each series one row "
        "and a name of its own."
        for row, name in _numbered(table.loc[repeated, "series"])
    ]
    problems += _not_among(path, table, "cohort", cohorts)
    problems += _not_among(path, table, "lesions_read", (*LESIONS_READ, ""))
    table["study_date"], bad_dates = _dates(path, table, "study_date")
    problems += bad_dates
    table["age"], bad_ages = _numbers(path, table, "age", required=False)
    problems += bad_ages
    homes = table.drop_duplicates(["patient", "cohort"])
    homes = homes[homes["patient"].duplicated(keep=False)].groupby("patient")["cohort"]
    problems += [
        f"{path}: patient '{patient}' stands in cohorts {' and '.join(sorted(names))}; a patient "
        "has one cohort, otherwise one model's training patient would be another's test patient."
        for patient, names in homes
    ]
    stop_on(problems)
    return table.set_index("series", drop=False)


def read_molecular(path: str | Path, computed: Collection[str] = ()) -> pd.DataFrame:
    """Read and check the sheet of molecular samples; scores are floats, dates are datetimes.

    `computed` are the sample types whose scores are computed from expression: their cells of
    `score` are empty and come back as missing.
    """
    table = _read_sheet(path, MOLECULAR_SHEET, may_lack=["score"] if computed else [])
    problems = _rows_without(path, table, ["patient", "sample_date", "sample_type"])
    table["sample_date"], bad_dates = _dates(path, table, "sample_date")
    # Before the scores, which such a type would seem to lack.
    stop_on(_types_of_no_row(path, table, computed))
    given = ~table["sample_type"].isin(computed)
    table["score"], bad_scores = _numbers(path, table, "score", required=given)
    stop_on(problems + bad_dates + bad_scores)
    return table


def _types_of_no_row(path: str | Path, table: pd.DataFrame, types: Iterable[str]) -> list[str]:
    found = [name for name in table["sample_type"].unique() if name]
    return [
        f"Config key 'molecular.assays.{name}': no row of {path} has the sample type '{name}'; it "
        f"has {', '.join(found)}. Write both alike, capital letters too."
        for name in types
        if name not in found
    ]


def missing_sheets(series: str | Path, molecular: str | Path, data_root: str | Path) -> list[str]:
    """Say which of a study's sheets is not there, what it holds and where the scans go."""
    sentences = [
        _missing_sheet(path, sheet.names)
        for path, sheet in ((series, SERIES_SHEET), (molecular, MOLECULAR_SHEET))
        if not Path(path).exists()
    ]
    if not Path(series).exists():
        sentences.append(
            f"The scans that the sheet of series names, DICOM folders or NIfTI, belong below "
            f"{Path(data_root)}/ (config key data_root), or take absolute paths."
        )
    return sentences


def _missing_sheet(path: str | Path, columns: list[str]) -> str:
    return (
        f"There is no sheet at {path}; make one with the tab-separated columns "
        f"{', '.join(columns)} (config/README.md explains each)."
    )


def missing_files(series: pd.DataFrame, data_root: str | Path) -> list[str]:
    """Name the images, references and liver masks of the sheet that are not there.

    Names are relative to `data_root` unless they are absolute. Past 20 they are counted.
    """
    problems = []
    for row in series.itertuples():
        for column in ("image", "reference", "liver_mask"):
            name = getattr(row, column)
            if name and not (Path(data_root) / name).exists():
                problems.append(
                    f"Series '{row.series}': {column} '{name}' is not there; put it at "
                    f"{Path(data_root) / name}, or correct the row in the sheet of series."
                )
    more = len(problems) - MOST_MISSING
    return problems if more <= 0 else [*problems[:MOST_MISSING], f"{more} more are not there."]


def _read_sheet(path: str | Path, sheet: Contract, may_lack: Collection[str] = ()) -> pd.DataFrame:
    columns, optional = sheet.names, [column.name for column in sheet.optional]
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(_missing_sheet(path, columns)) from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a tab-separated table: {error}.") from None
    for column in set(may_lack) - set(table.columns):
        table[column] = ""
    missing = [column for column in columns if column not in table.columns]
    unknown = [column for column in table.columns if column not in columns + optional]
    stop_on(
        [
            f"{path} lacks the column '{column}'; its columns are {', '.join(columns)}."
            for column in missing
        ]
        + [
            f"{path} has a column '{column}' that livermet does not know; its columns are "
            f"{', '.join(columns)}."
            for column in unknown
        ]
    )
    columns = columns + [column for column in optional if column in table.columns]
    return table[columns].apply(lambda column: column.str.strip())


def _numbered(values: pd.Series) -> Iterable[tuple[int, str]]:
    # Row 1 is the header, as in a spreadsheet.
    return ((index + 2, value) for index, value in values.items())


def _rows_without(path: str | Path, table: pd.DataFrame, columns: list[str]) -> list[str]:
    return [
        f"{path}, row {row}: the column '{column}' is empty; fill it in."
        for column in columns
        for row, _ in _numbered(table.loc[table[column] == "", column])
    ]


def _not_among(
    path: str | Path, table: pd.DataFrame, column: str, allowed: Iterable[str]
) -> list[str]:
    allowed = list(allowed)
    names = ", ".join(name or "an empty cell" for name in allowed)
    odd = table.loc[~table[column].isin(allowed) & (table[column] != ""), column]
    return [
        f"{path}, row {row}: {column} '{name}' is unknown; it takes {names}."
        for row, name in _numbered(odd)
    ]


def _dates(path: str | Path, table: pd.DataFrame, column: str) -> tuple[pd.Series, list[str]]:
    dates = pd.to_datetime(table[column], format="%Y-%m-%d", errors="coerce")
    bad = table.loc[dates.isna() & (table[column] != ""), column]
    return dates, [
        f"{path}, row {row}: {column} '{text}' is not a date; write it as YYYY-MM-DD."
        for row, text in _numbered(bad)
    ]


def _numbers(
    path: str | Path, table: pd.DataFrame, column: str, required: bool | pd.Series
) -> tuple[pd.Series, list[str]]:
    numbers = pd.to_numeric(table[column], errors="coerce")
    numbers = numbers.where(numbers.abs() != float("inf"))
    bad = table.loc[numbers.isna() & ((table[column] != "") | required), column]
    return numbers, [
        f"{path}, row {row}: {column} '{text}' is not a number; write it with a decimal point, "
        "or take the row out."
        for row, text in _numbered(bad)
    ]


def read_phantoms(path: str | Path) -> pd.DataFrame:
    """Read the sheet of a demo's phantoms, indexed by series; numbers are numbers."""
    try:
        table = pd.read_csv(path, sep="\t", keep_default_na=False)
    except FileNotFoundError:
        raise InputError(
            f"There is no sheet of phantoms at {path}; set sheets.phantoms to null for real data."
        ) from None
    return table.set_index("series", drop=False)
