"""The sheets that describe a study: one row a series, one row a molecular sample.

Every problem of both sheets is told at once, each as one sentence that names sheet, row and column.
What was written otherwise and has one meaning only is read, and told as a note.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import pandas as pd

from livermet.contracts import NUMBER, PATIENT, TEXT, Column, Contract
from livermet.errors import InputError, stop_on
from livermet.spreadsheets import Problem, Sheet, did_you_mean, read_sheet

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
# Words that a person writes for it; read as an empty cell where nothing else can be meant.
NOT_KNOWN = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "\u2013", "?", "unknown", "not known"}
)
# Texts that tables count by: two ways of writing one word would be counted apart.
COUNTED_TEXTS = ("phase", "sex", "sample_type")
DATE_FORM = "write it as YYYY-MM-DD"
# Row 1 of a sheet is its header.
FIRST_ROW = 2
FIRST_YEAR, LAST_YEAR = 1900, 2261
# Excel counts days from here; of numbers between these two a date of CT is meant (1980 to 2064).
EXCEL_DAY_ZERO, EXCEL_DAYS = pd.Timestamp(1899, 12, 30), range(29221, 60000)
OLDEST_YEARS = 130
YEARS_IN = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
# Names of files may have 255 bytes, and names of series get endings.
MOST_LETTERS = 100
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
            "NIfTI, NRRD or MetaImage file, or a folder that holds one DICOM series; an absolute "
            "path, or one below data_root of the config",
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


# For those who make a sheet.
SERIES_COLUMNS, MOLECULAR_COLUMNS = SERIES_SHEET.names, MOLECULAR_SHEET.names


def read_series(path: str | Path, cohorts: Iterable[str]) -> pd.DataFrame:
    """Read and check the sheet of series, indexed by series; dates become datetimes.

    `cohorts` are the names that the config knows. Raises InputError listing all that is wrong.
    """
    sheet = check_series(path, cohorts)
    stop_on(sheet.problems)
    return by_series(sheet)


def read_molecular(path: str | Path, computed: Collection[str] = ()) -> pd.DataFrame:
    """Read and check the sheet of molecular samples; scores are floats, dates are datetimes.

    `computed` are the sample types whose scores are computed from expression: their cells of
    `score` are empty and come back as missing. The index is that of `samples_of`.
    """
    sheet = check_molecular(path, computed)
    stop_on(sheet.problems)
    return samples_of(sheet)


def read_sheets(
    series: str | Path,
    molecular: str | Path,
    cohorts: Iterable[str],
    computed: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read both sheets and hold them against each other; return them and what was read otherwise.

    `computed` are those of `read_molecular`. Raises InputError listing all that is wrong with
    either.
    """
    sheets = check_series(series, cohorts), check_molecular(molecular, computed)
    stop_on([*sheets[0].problems, *sheets[1].problems, *near_patients(*sheets)])
    return by_series(sheets[0]), samples_of(sheets[1]), sheets[0].notes + sheets[1].notes


def samples_of(sheet: Sheet) -> pd.DataFrame:
    """Return the rows of the molecular sheet; row 2 of the sheet has the index 0."""
    return sheet.table.set_axis(sheet.table.index - FIRST_ROW)


def by_series(sheet: Sheet) -> pd.DataFrame:
    """Return the rows of a sheet of series that nothing is wrong with, indexed by series."""
    rows = sheet.table[~sheet.table.index.isin(sheet.bad)]
    return rows.set_index("series", drop=False)


def check_series(path: str | Path, cohorts: Iterable[str]) -> Sheet:
    """Read the sheet of series and say what is wrong with each row.

    Problems are a missing column, a repeated series or image, an unknown cohort, an unreadable date
    or age, a patient in two cohorts or under two names.
    """
    sheet = _opened(path, SERIES_SHEET)
    table = sheet.table
    _tell_empty(sheet, ["series", "patient", "study_date", "cohort", "image"])
    for column in ("reference", "liver_mask", "lesions_read", "age"):
        _empty_unknown(sheet, column)
    _tell_odd_names(sheet)
    repeated = table["series"].duplicated() & (table["series"] != "")
    sheet.tell(
        Problem(
            row,
            f"series '{name}' stands in the sheet already; give each series one row and a name of "
            "its own.",
        )
        for row, name in table.loc[repeated, "series"].items()
    )
    _tell_unknown_words(sheet, "cohort", [cohort for cohort in cohorts if cohort])
    _lower_words(sheet, "lesions_read", LESIONS_READ)
    _tell_unknown_words(sheet, "lesions_read", LESIONS_READ, empty=True)
    _read_dates(sheet, "study_date")
    _read_ages(sheet)
    _tell_two_cohorts(sheet)
    _tell_two_names(sheet)
    _note_zeros(sheet)
    _tell_repeated_files(sheet)
    _note_near_words(sheet)
    _note_two_sexes(sheet)
    return sheet


def check_molecular(path: str | Path, computed: Collection[str] = ()) -> Sheet:
    """Read the sheet of molecular samples and say what is wrong with each row.

    `computed` are those of `read_molecular`.
    """
    sheet = _opened(path, MOLECULAR_SHEET, may_lack=["score"] if computed else [])
    _tell_empty(sheet, ["patient", "sample_date", "sample_type"])
    _read_dates(sheet, "sample_date")
    absent = _types_of_no_row(sheet, computed)
    sheet.problems += absent
    # Rows of a type that is written otherwise in the config would seem to lack their scores.
    _read_scores(sheet, [*sheet.table["sample_type"]] if absent else computed)
    _note_near_words(sheet)
    return sheet


def _types_of_no_row(sheet: Sheet, types: Iterable[str]) -> list[str]:
    found = [name for name in sheet.table["sample_type"].unique() if name]
    return [
        f"Config key 'molecular.assays.{name}': no row of {sheet.path} has the sample type "
        f"'{name}'; it has {', '.join(found)}. Write both alike, capital letters too."
        for name in types
        if found and name not in found
    ]


def near_patients(series: Sheet, molecular: Sheet) -> list[str]:
    """Name the patients of the molecular sheet whom the sheet of series knows by a near name.

    Near are names that differ in case, blanks, punctuation or leading zeros alone: their samples
    would else be of a stranger, and be left out.
    """
    # What is no pseudonym may be a patient's name, which is not repeated.
    known = series.table["patient"].drop_duplicates()
    known = known[known.str.fullmatch(NAME_PATTERN)]
    samples = molecular.table["patient"]
    strangers = samples[~samples.isin(known) & (samples != "")]
    exact = {_parts_of(name): (row, name) for row, name in known.items()}
    bare = {without_zeros(name): (row, name) for row, name in known.items()}
    found = []
    for row, name in strangers.items():
        near = exact.get(_parts_of(name)) or bare.get(without_zeros(name))
        if near:
            found.append(
                Problem(
                    row,
                    f"patient '{name}' has no series, but '{near[1]}' has ({series.path}, row "
                    f"{near[0]}); did you mean '{near[1]}'? Write the patient alike in both "
                    "sheets.",
                )
            )
    of_samples = Sheet(molecular.path, molecular.table)
    of_samples.tell(found)
    return of_samples.problems


def missing_sheets(
    series: str | Path, molecular: str | Path | None, data_root: str | Path
) -> list[str]:
    """Say which of a study's sheets is not there, what it holds and where the scans go.

    `molecular` is None for a study without samples, which has one sheet.
    """
    sentences = [
        _missing_sheet(path, sheet.names)
        for path, sheet in ((series, SERIES_SHEET), (molecular, MOLECULAR_SHEET))
        if path is not None and not Path(path).exists()
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


def _opened(path: str | Path, contract: Contract, may_lack: Collection[str] = ()) -> Sheet:
    """Read a sheet's cells; what is wrong with the whole of it becomes its only problems.

    Columns that it `may_lack` are empty then; the contract's optional ones are left out.
    """
    needed = [name for name in contract.names if name not in may_lack]
    optional = [column.name for column in contract.optional]
    try:
        sheet = read_sheet(path, needed, [*may_lack, *optional])
        for name in may_lack:
            if name not in sheet.table:
                sheet.table[name] = ""
        return sheet
    except FileNotFoundError:
        problems = [_missing_sheet(path, contract.names)]
    except InputError as error:
        problems = str(error).splitlines()
    return Sheet(str(path), pd.DataFrame(columns=contract.names, dtype=str), problems)


# Cells that are read in one way only.


def _empty_unknown(sheet: Sheet, column: str) -> None:
    cells = sheet.table[column]
    unknown = cells.str.casefold().isin(NOT_KNOWN)
    sheet.table[column] = cells.mask(unknown, "")
    sheet.note(
        column, list(cells.index[unknown]), "says that it is not known and was read as empty"
    )


def _lower_words(sheet: Sheet, column: str, words: Sequence[str]) -> None:
    cells = sheet.table[column]
    lower = cells.str.lower()
    other = (lower != cells) & lower.isin(words)
    sheet.table[column] = cells.mask(other, lower)
    sheet.note(column, list(cells.index[other]), "was read in lower case")


def _read_dates(sheet: Sheet, column: str) -> None:
    """Make dates of a column's texts: YYYY-MM-DD, and what begins with the year."""
    cells = sheet.table[column]
    # The year first, then month and day; a time behind them, as of a spreadsheet, counts nothing.
    parts = cells.str.extract(
        r"^(\d{4})(?:([-/.]) ?(\d{1,2})\2 ?(\d{1,2})|(\d\d)(\d\d))"
        r"(?:[T ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)?$"
    )
    month, day = parts[2].fillna(parts[4]), parts[3].fillna(parts[5])
    written = parts[0] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    dates = pd.to_datetime(written, format="%Y-%m-%d", errors="coerce")
    dates = dates.where(dates.dt.year.between(FIRST_YEAR, LAST_YEAR))
    other = dates.notna() & (cells != written)
    sheet.note(column, list(cells.index[other]), "is no YYYY-MM-DD and was read by its year first")
    sheet.tell(
        Problem(row, f"{column} '{text}' is not a date as it should be; {_date_remedy(text)}.")
        for row, text in cells[dates.isna() & (cells != "")].items()
    )
    sheet.table[column] = dates


def _date_remedy(text: str) -> str:
    """Say how to write a date, and which one may be meant."""
    by_parts = re.fullmatch(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", text)
    if by_parts:
        first, _, second, year = by_parts.groups()
        meant = list(dict.fromkeys(_days_of(year, [(second, first), (first, second)])))
        if meant:
            return (
                f"{DATE_FORM} ({' or '.join(meant)}, as the day or the month stands first)"
                if (len(meant) > 1)
                else f"{DATE_FORM} ({meant[0]})"
            )
    if re.fullmatch(r"\d{5}(\.\d+)?", text) and int(text[:5]) in EXCEL_DAYS:
        day = EXCEL_DAY_ZERO + pd.Timedelta(days=int(text[:5]))
        return (
            f"it looks like a day number of Excel ({day:%Y-%m-%d}, where days count from 1900); "
            f"{DATE_FORM}"
        )
    return DATE_FORM


def _days_of(year: str, months_and_days: Iterable[tuple[str, str]]) -> Iterable[str]:
    for month, day in months_and_days:
        date = pd.to_datetime(f"{year}-{month}-{day}", format="%Y-%m-%d", errors="coerce")
        if not pd.isna(date):
            yield f"{date:%Y-%m-%d}"


def _read_ages(sheet: Sheet) -> None:
    """Make years of ages: 83, 83.5, 83,5, 83y, 83 years, and DICOM's 083Y and 018M."""
    cells = sheet.table["age"]
    ages = cells.map(_years_of).astype(float)
    plain = cells.str.fullmatch(r"\d+(\.\d+)?")
    sheet.note(
        "age",
        list(cells.index[~plain & ages.notna()]),
        "has a unit or a comma and was read in years",
    )
    odd = ~ages.between(0, OLDEST_YEARS) & (cells != "")
    sheet.tell(
        Problem(
            row,
            f"age '{text}' is not a number of years from 0 to {OLDEST_YEARS}; write it as 83, or "
            "leave the cell empty.",
        )
        for row, text in cells[odd].items()
    )
    sheet.table["age"] = ages


def _years_of(text: str) -> float:
    if dicom := re.fullmatch(r"(\d{3})([DWMY])", text):
        return int(dicom[1]) * YEARS_IN[dicom[2]]
    years = re.fullmatch(
        r"(\d+(?:[.,]\d+)?) ?(y|yr|yrs|years?|y\.?o\.?|years old|j|jahre?)?\.?", text, re.I
    )
    return float(years[1].replace(",", ".")) if years else float("nan")


def _read_scores(sheet: Sheet, computed: Collection[str]) -> None:
    """Make numbers of scores; a comma is read as the decimal point where it can be nothing else.

    Rows whose sample type is among `computed` may have none.
    """
    cells = sheet.table["score"]
    usual = cells.str.replace("\u2212", "-")
    commas = usual.str.fullmatch(r"[+-]?\d*,\d+")
    # 1,234 may be a thousand or more, unless the column has another cell that shows what is meant.
    thousands = usual.str.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}")
    read = commas & (~thousands | bool((commas & ~thousands).any()))
    usual = usual.mask(read, usual.str.replace(",", "."))
    numbers = pd.to_numeric(usual, errors="coerce").astype(float)
    numbers = numbers.where(numbers.abs() != float("inf"))
    computed_rows = sheet.table["sample_type"].isin(list(computed))
    sheet.note("score", list(cells.index[read]), "has a decimal comma and was read with a point")
    sheet.tell(
        Problem(
            row,
            f"score '{text}' is not a number; write it with a decimal point, or take the row out.",
        )
        for row, text in cells[numbers.isna() & ~(computed_rows & (cells == ""))].items()
    )
    sheet.table["score"] = numbers


# What is wrong with rows.


def _tell_empty(sheet: Sheet, columns: Sequence[str]) -> None:
    for column in columns:
        empty = sheet.table.index[sheet.table[column] == ""]
        sheet.tell(Problem(row, f"the column '{column}' is empty; fill it in.") for row in empty)


def _tell_odd_names(sheet: Sheet) -> None:
    remedy = (
        "use letters, digits, '.', '_' and '-' only, at most 100 of them, begin with a letter or "
        "digit, and write no NA or None."
    )
    for column in ("series", "patient"):
        cells = sheet.table[column]
        odd = ~cells.str.fullmatch(NAME_PATTERN) & (cells != "") | cells.isin(MISSING_WORDS)
        odd |= cells.str.len() > MOST_LETTERS
        # What is no pseudonym may be a patient's name, which is not repeated.
        sheet.tell(
            Problem(
                row,
                f"series '{name}' would not make a name; {remedy}"
                if column == "series"
                else f"the cell of the column 'patient' would not make a pseudonym; {remedy}",
            )
            for row, name in cells[odd].items()
        )


def _tell_unknown_words(
    sheet: Sheet, column: str, words: Sequence[str], empty: bool = False
) -> None:
    cells = sheet.table[column]
    taken = ", ".join([*words, *(["an empty cell"] if empty else [])])
    sheet.tell(
        Problem(row, f"{column} '{name}' is unknown; it takes {taken}{did_you_mean(name, words)}.")
        for row, name in cells[~cells.isin(words) & (cells != "")].items()
    )


def _tell_two_cohorts(sheet: Sheet) -> None:
    homes = sheet.table[["patient", "cohort"]].drop_duplicates()
    homes = homes[(homes != "").all(axis=1)]
    homes = homes[homes["patient"].duplicated(keep=False)]
    for patient, cohorts in homes.groupby("patient")["cohort"]:
        rows = " and ".join(map(str, cohorts.index))
        sheet.problems.append(
            f"{sheet.path}, rows {rows}: patient '{patient}' stands in cohorts "
            f"{' and '.join(sorted(cohorts))}; a patient has one cohort, otherwise one model's "
            "training patient would be another's test patient."
        )
        sheet.bad |= set(sheet.table.index[sheet.table["patient"] == patient])


def _tell_two_names(sheet: Sheet) -> None:
    """Tell patients whose names differ in case or punctuation alone: one patient would be two."""
    cells = sheet.table["patient"]
    named = cells[cells.str.fullmatch(NAME_PATTERN)].drop_duplicates()
    first: dict[tuple[str, ...], tuple[int, str]] = {}
    found = []
    for row, name in named.items():
        before = first.setdefault(_parts_of(name), (row, name))
        if before[1] != name:
            found.append(
                Problem(
                    row,
                    f"patient '{name}' differs from '{before[1]}' of row {before[0]} in case or "
                    f"punctuation alone; did you mean '{before[1]}'? Write a patient alike in all "
                    "rows, and give two patients names that differ in more: one patient under two "
                    "names would be in training and in test.",
                )
            )
    sheet.tell(found)


def _note_zeros(sheet: Sheet) -> None:
    """Note patients whose names differ in zeros before a number, or in '.0', as Excel leaves it."""
    cells = sheet.table["patient"]
    named = cells[cells.str.fullmatch(NAME_PATTERN)].drop_duplicates()
    first: dict[tuple[str, ...], tuple[int, str]] = {}
    for row, name in named.items():
        before = first.setdefault(without_zeros(name), (row, name))
        if before[1] != name and _parts_of(name) != _parts_of(before[1]):
            sheet.notes.append(
                f"{sheet.path}, row {row}: patient '{name}' differs from '{before[1]}' of row "
                f"{before[0]} in zeros alone, which spreadsheets drop or add; if they are one "
                "patient, write it alike, or it would be in training and in test."
            )


def _parts_of(name: str) -> tuple[str, ...]:
    """Return a name's words and numbers, so that AB-001, ab_001 and Ab001 are alike.

    '1-12' and '11-2' are not: what stands between two numbers parts them.
    """
    return tuple(re.findall(r"[^\W\d_]+|\d+", name.casefold()))


def without_zeros(name: str) -> tuple[str, ...]:
    """Return a name's words and numbers without zeros in front, and without '.0'."""
    return tuple(part.lstrip("0") or "0" for part in _parts_of(re.sub(r"\.0$", "", name)))


def _tell_repeated_files(sheet: Sheet) -> None:
    """Tell files that two rows name, as they are written; links and copies are looked for later."""
    # A row that was copied whole is told by its series.
    once = sheet.table[~sheet.table["series"].duplicated() | (sheet.table["series"] == "")]
    for column in ("image", "reference", "liver_mask"):
        cells = once[column]
        sheet.tell(repeated(cells[cells != ""].map(os.path.normpath), once, column))
    image, reference = (
        sheet.table[column].map(os.path.normpath) for column in ("image", "reference")
    )
    same = (image == reference) & (sheet.table["image"] != "")
    sheet.tell(
        Problem(row, "image and reference name the same file; correct the one that is wrong.")
        for row in sheet.table.index[same]
    )


def repeated(identities: pd.Series, table: pd.DataFrame, column: str) -> list[Problem]:
    """Name the rows whose file has the identity of an earlier row's.

    A mask may belong to two reconstructions of a study; no scan and no other patient's mask may.
    """
    first = ~identities.duplicated()
    rows = dict(zip(identities[first], identities.index[first], strict=True))
    found = []
    for row, identity in identities[~first].items():
        before = rows[identity]
        if table.at[row, "patient"] != table.at[before, "patient"]:
            harm = "is another patient's: one patient would be in training and in test"
        elif column == "image":
            harm = "would count twice"
        else:
            continue
        found.append(
            Problem(
                row,
                f"the column '{column}' names the {_what(column)} of row {before} again, which "
                f"{harm}; correct one of the two rows, or take it out.",
            )
        )
    return found


def _what(column: str) -> str:
    return {"image": "scan", "liver_mask": "liver mask"}.get(column, column)


def _note_near_words(sheet: Sheet) -> None:
    for column in COUNTED_TEXTS:
        if column not in sheet.table:
            continue
        words = [word for word in sheet.table[column].drop_duplicates() if word]
        _note_alike(sheet, column, words, str.casefold)


def _note_alike(
    sheet: Sheet, column: str, words: Iterable[str], fold: Callable[[str], str]
) -> None:
    alike: dict[str, list[str]] = {}
    for word in words:
        alike.setdefault(fold(word), []).append(word)
    sheet.notes += [
        f"{sheet.path}: {column} is written {' and '.join(repr(word) for word in group)}, which "
        "tables count apart; write it alike if it is the same."
        for group in alike.values()
        if len(group) > 1
    ]


def _note_two_sexes(sheet: Sheet) -> None:
    told = sheet.table[(sheet.table["sex"] != "") & (sheet.table["patient"] != "")]
    counts = told.groupby("patient")["sex"].agg(lambda cells: cells.str.casefold().nunique())
    for patient in counts.index[counts > 1]:
        rows = list(told.index[told["patient"] == patient])
        sheet.note("sex", rows, "of one patient is not the same in each; correct what is wrong")


def read_phantoms(path: str | Path) -> pd.DataFrame:
    """Read the sheet of a demo's phantoms, indexed by series; numbers are numbers."""
    try:
        table = pd.read_csv(path, sep="\t", keep_default_na=False)
    except FileNotFoundError:
        raise InputError(
            f"There is no sheet of phantoms at {path}; set sheets.phantoms to null for real data."
        ) from None
    return table.set_index("series", drop=False)
