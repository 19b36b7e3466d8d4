"""A table of pseudonyms that a hospital gives: patient and pseudonym, two columns."""

import re
from pathlib import Path

from livermet.archive.pseudonyms import plain
from livermet.errors import InputError, stop_on
from livermet.sheets import NAME_PATTERN
from livermet.spreadsheets import read_sheet, rows_in_words

COLUMNS = ("patient", "pseudonym")


def read_pseudonyms(path: Path) -> dict[str, str]:
    """Read pseudonyms by the patients' identities.

    Raises InputError listing all that is wrong, by rows and without repeating a cell: an empty one,
    a patient or a pseudonym twice, a pseudonym that is the patient's identity or no name.
    """
    try:
        table = read_sheet(path, COLUMNS).table
    except FileNotFoundError:
        raise InputError(
            f"There is no table of pseudonyms at {path}; its columns are {' and '.join(COLUMNS)}."
        ) from None
    identities, names = table["patient"].map(plain), table["pseudonym"]
    is_name = names.map(lambda name: bool(re.fullmatch(NAME_PATTERN, name)))
    own = [
        bool(identity) and identity in plain(name)
        for identity, name in zip(identities, names, strict=True)
    ]
    stop_on(
        [
            f"{path}, {rows_in_words(list(table.index[wrong]))}: {what}."
            for wrong, what in (
                ((identities == "") | (names == ""), "a cell is empty; fill it in"),
                (
                    ~is_name & (names != ""),
                    "a pseudonym has other characters than letters, digits, '.', '_' and '-'",
                ),
                (own, "the pseudonym holds the patient's own identity; give another"),
                (
                    identities.duplicated() & (identities != ""),
                    "a patient stands in the table already; keep one row of each",
                ),
                (
                    names.str.casefold().duplicated() & (names != ""),
                    "a pseudonym is another patient's already; give each its own",
                ),
            )
            if any(wrong)
        ]
    )
    return dict(zip(table["patient"], names, strict=True))
