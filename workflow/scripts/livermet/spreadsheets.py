"""The text of a sheet as people make it: saved by spreadsheet programs, edited by hand.

What has one meaning only is read, and told as a note: another encoding or separator, headers in
other words, empty rows and columns. What could mean two things is a problem, told by its row as a
spreadsheet numbers it.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from livermet.errors import InputError

# Problems of one kind that are told one by one; the rest is counted.
MOST_TOLD = 20
# A title may stand above the header.
MOST_ROWS_ABOVE_HEADER = 10
SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "vertical bars"}
BYTE_ORDER_MARKS = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
SAVE_AS_TEXT = (
    "save it from there as text with tabs (in Excel: File, Save As, 'Text (Tab delimited)' or "
    "'Unicode Text') and name that file in the config"
)
# What a file of another kind begins with.
OTHER_KINDS = (
    (b"PK\x03\x04", "a workbook (.xlsx, .ods) or a zip file", SAVE_AS_TEXT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook of an older Excel (.xls)", SAVE_AS_TEXT),
    (b"%PDF", "a PDF", "give the table as text with tabs"),
    (b"{\\rtf", "a formatted text (.rtf)", "save it as plain text"),
    (b"\x1f\x8b", "compressed (gzip)", "unpack it"),
)
# Characters that no one sees and that `str.strip` leaves: of width 0, marks of direction.
UNSEEN = "Cf"
TOTAL = re.compile(r"(grand )?totals?|sum|summe|gesamt|count|anzahl|n ?=.*|mean|average", re.I)


class Problem(NamedTuple):
    """What is wrong with a row of a sheet."""

    row: int
    sentence: str


@dataclass
class Sheet:
    """A sheet's cells as text without blanks around them.

    table: one row a row of the sheet, its index is the row as a spreadsheet numbers it.
    problems: whole sentences. notes: what was read although it is not written as it should be.
    bad: the rows that a problem has been told of.
    """

    path: str
    table: pd.DataFrame
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)

    def tell(self, problems: Iterable[Problem]) -> None:
        """Tell problems of one kind, by their rows; past 20 they are counted."""
        found = list(problems)
        self.problems += [f"{self.path}, row {row}: {what}" for row, what in found[:MOST_TOLD]]
        more = sorted({problem.row for problem in found[MOST_TOLD:]})
        if more:
            self.problems.append(
                f"{self.path}: {len(more)} more rows, {rows_in_words(more)}, have the same fault "
                f"as row {found[MOST_TOLD - 1].row}; correct them alike."
            )
        self.bad |= {problem.row for problem in found}

    def note(self, column: str, rows: Sequence[int], what: str) -> None:
        """Tell once what was read otherwise than it is written, by column and rows."""
        if rows:
            self.notes.append(f"{self.path}, {rows_in_words(rows)}: {column} {what}.")


def read_sheet(path: str | Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Sheet:
    """Read a sheet's cells under the names of `columns`, and of `optional` those that it has.

    Raises InputError for what is no text or has not these columns, and FileNotFoundError.
    """
    told = str(path)
    text, notes = _text_of(Path(path))
    separator, rows = _rows_of(told, text, columns)
    if separator != "\t":
        notes.append(
            f"{told}: its columns are separated by {SEPARATORS[separator]} and not by tabs; read "
            "so."
        )
    sheet = Sheet(told, pd.DataFrame(columns=list(columns), dtype=str), notes=notes)
    rows = _below_title(sheet, rows, columns)
    places = _places_of(sheet, rows, columns, optional)
    names = list(places)
    kept, empty, short = {}, [], []
    for number, cells in rows[1:]:
        if not any(cells):
            empty.append(number)
            continue
        width = len(rows[0][1])
        if any(cells[width:]):
            sheet.tell(
                [
                    Problem(
                        number,
                        f"it has {len(cells)} cells and the header {width}, so that they cannot "
                        f"be told apart; put a cell that holds {SEPARATORS[separator]} between "
                        "quotation marks, or take what is too much out.",
                    )
                ]
            )
            continue
        if len(cells) < width:
            short.append(number)
        cells = [*cells, *[""] * (width - len(cells))]
        kept[number] = [cells[places[name]] for name in names]
    if kept:
        sheet.table = pd.DataFrame.from_dict(kept, orient="index", columns=names, dtype=str)
    sheet.note("empty", _before_last(empty, kept), "and passed over")
    _pass_over_totals(sheet)
    short = [row for row in short if row in sheet.table.index]
    sheet.note("cells are missing at the end", short, "and were taken as empty")
    return sheet


def rows_in_words(rows: Sequence[int]) -> str:
    """Say 'row 3' or 'rows 3, 4, 5 and 7 more'."""
    most = 5
    listed = ", ".join(map(str, rows[:most]))
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"row{'s' if len(rows) > 1 else ''} {listed}{more}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean ...?' where a known name is like an unknown one, else nothing."""
    folded = {plain_name(one): one for one in known if one}
    near = get_close_matches(plain_name(name), folded, n=1)
    return f"; did you mean '{folded[near[0]]}'?" if near else ""


def plain_name(name: str) -> str:
    """Return a name without case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", name.casefold())


def _text_of(path: Path) -> tuple[str, list[str]]:
    """Decode a file, and say by which encoding where it is not UTF-8."""
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name the sheet's file.") from None
    except PermissionError:
        raise InputError(f"{path} may not be read; ask for the right to read it.") from None
    for mark, kind, remedy in OTHER_KINDS:
        if content.startswith(mark):
            raise InputError(f"{path} is {kind} and not a tab-separated text; {remedy}.")
    # Latin-1 reads any bytes; Windows-1252 is the same with more characters and five gaps.
    for encoding in (_encoding_of(content), "cp1252", "latin-1"):
        with suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            break
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise InputError(f"{path} is not a text; give a tab-separated table, in UTF-8.")
    if encoding.startswith("utf-8"):
        return text, []
    return text, [
        f"{path}: it is no UTF-8 and was read as {encoding}; if letters with accents come out "
        "wrong, save it as UTF-8."
    ]


def read_text(path: Path) -> str:
    """Return the text of any table, whatever its encoding.

    Raises InputError for what is no text, and FileNotFoundError.
    """
    return _text_of(path)[0]


def _encoding_of(content: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    # UTF-16 without a mark: every second byte of a plain letter is zero.
    beginning = content[:2000]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        halves = beginning[first::2], beginning[1 - first :: 2]
        if halves[0] and halves[0].count(0) > 0.8 * len(halves[0]) and not halves[1].count(0):
            return encoding
    return "utf-8"


def _rows_of(
    path: str, text: str, columns: Sequence[str]
) -> tuple[str, list[tuple[int, list[str]]]]:
    """Take a text apart by the separator under which most columns are known."""
    # Excel's own line, which it does not count as a row.
    declared = re.match(r'"?sep=(.)"?\n', text)
    text = text[declared.end() :] if declared else text
    text = text.rstrip("\n") + "\n"
    if not text.strip():
        raise InputError(f"{path} is empty; its columns are {', '.join(columns)}.")
    known = {plain_name(column) for column in columns}
    top = "".join(text.splitlines(keepends=True)[:MOST_ROWS_ABOVE_HEADER])

    def found(separator: str) -> int:
        lines = csv.reader(io.StringIO(top, newline=""), delimiter=separator)
        return max((len(known & set(map(plain_name, line))) for line in lines), default=0)

    counts = {separator: found(separator) for separator in SEPARATORS}
    separator = max(counts, key=lambda one: counts[one])
    if counts[separator] < 2:
        header = next(line for line in text.splitlines() if line.strip())
        by_blanks = len(known & set(map(plain_name, header.split()))) > 1
        raise InputError(
            f"{path}: its columns are separated by blanks; separate them by tabs."
            if by_blanks
            else f"{path} is not a tab-separated table with the columns {', '.join(columns)}: its "
            "header, split at tabs, semicolons or commas, has not two of them; write these names "
            "into its first row, separated by tabs."
        )
    return separator, list(_parsed(path, text, separator))


def _parsed(path: str, text: str, separator: str) -> Iterable[tuple[int, list[str]]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row = 0
    unpaired = (
        "a quotation mark has no partner, so that cells cannot be told apart; take it out, or "
        'write each " within a cell twice and one around the cell.'
    )
    while True:
        row += 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error:
            raise InputError(f"{path}, row {row}: {unpaired}") from None
        if any("\n" in cell and separator in cell for cell in cells):
            raise InputError(f"{path}, row {row}: {unpaired}")
        yield row, [_stripped(cell) for cell in cells]


def _stripped(cell: str) -> str:
    return re.sub(r"\s*\n\s*", " ", without_unseen(cell).strip())


def without_unseen(text: str) -> str:
    """Leave out characters that no one sees, as text that was pasted from a page has them."""
    if text.isascii():
        return text
    return "".join(one for one in text if unicodedata.category(one) != UNSEEN)


def _below_title(
    sheet: Sheet, rows: list[tuple[int, list[str]]], columns: Sequence[str]
) -> list[tuple[int, list[str]]]:
    known = {plain_name(column) for column in columns}
    counts = [
        len(known & set(map(plain_name, cells))) for _, cells in rows[:MOST_ROWS_ABOVE_HEADER]
    ]
    header = counts.index(max(counts))
    sheet.note("stand above the header", [row for row, _ in rows[:header]], "and were passed over")
    return rows[header:]


def _places_of(
    sheet: Sheet,
    rows: list[tuple[int, list[str]]],
    columns: Sequence[str],
    optional: Sequence[str],
) -> dict[str, int]:
    """Return where each column stands; raise InputError listing all that is wrong with them."""
    header = rows[0][1]
    taken = [*columns, *optional]
    known = {plain_name(column): column for column in taken}
    names = [known.get(plain_name(cell), "") for cell in header]
    problems, blank = [], []
    for place, cell in enumerate(header):
        if names[place]:
            continue
        letter = _letter_of(place)
        if cell:
            problems.append(
                f"{sheet.path} has a column '{cell}' that livermet does not know; its columns are "
                f"{', '.join(columns)}{did_you_mean(cell, set(taken) - set(names))}"
            )
        elif any(cells[place : place + 1] != [""] for _, cells in rows[1:] if len(cells) > place):
            problems.append(
                f"{sheet.path}, column {letter}: cells stand below an empty header; name the "
                "column, or empty it."
            )
        else:
            blank.append(letter)
    missing = [column for column in columns if column not in names]
    problems = [
        f"{sheet.path} lacks the column '{column}'; its columns are {', '.join(columns)}."
        for column in missing
    ] + [sentence if sentence[-1] in ".?" else f"{sentence}." for sentence in problems]
    for column, count in Counter(filter(None, names)).items():
        if count > 1:
            letters = [_letter_of(place) for place, name in enumerate(names) if name == column]
            problems.append(
                f"{sheet.path} has the column '{column}' more than once (columns "
                f"{' and '.join(letters)}); keep one of them."
            )
    if problems:
        raise InputError("\n".join(problems))
    other = [
        f"'{cell}' as {name}"
        for cell, name in zip(header, names, strict=True)
        if name and cell != name
    ]
    if other:
        sheet.notes.append(f"{sheet.path}: headers were read: {', '.join(other)}.")
    if blank:
        some = ", ".join(blank[:5]) + (f" and {len(blank) - 5} more" if len(blank) > 5 else "")
        sheet.notes.append(f"{sheet.path}: empty columns were passed over: {some}.")
    return {column: names.index(column) for column in taken if column in names}


def _letter_of(place: int) -> str:
    """Return a column's letters, as a spreadsheet has them: A, B, ..., Z, AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _before_last(empty: Sequence[int], kept: Iterable[int]) -> list[int]:
    last = max(kept, default=0)
    return [row for row in empty if row < last]


def _pass_over_totals(sheet: Sheet) -> None:
    """Leave out a last row that counts or sums the others."""
    table = sheet.table
    if len(table) < 2:
        return
    cells = [cell for cell in table.iloc[-1] if cell]
    # A row of the sheet has more than a word and a number or two.
    if any(TOTAL.fullmatch(cell.rstrip(" :")) for cell in cells) and len(cells) <= 3:
        sheet.note(
            "looks like a total of the others", [int(table.index[-1])], "and was passed over"
        )
        sheet.table = table.iloc[:-1]
