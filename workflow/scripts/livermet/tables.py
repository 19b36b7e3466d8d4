"""Tables as files: checked by their contracts, then written whole.

Apart from `livermet.files`, so that a job without tables does not import pandas, which takes half
of a small job's time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from livermet.contracts import Contract, check
from livermet.files import whole_file

PROVENANCE_MARK = "# "
# Options of `read_table` where 'none' is a word, of a weighting or a transform: empty cells alone
# are missing values.
AS_WRITTEN: Mapping[str, Any] = {"keep_default_na": False, "na_values": [""]}


def write_table(
    table: pd.DataFrame, path: str | Path, contract: Contract, provenance: str = ""
) -> None:
    """Write a table without its index; comma separated for .csv, tab separated otherwise.

    A table that breaks its contract is not written: a ContractError tells how. `provenance`, one
    line that says how its numbers were made, stands above the header after '# '.
    """
    check(table, contract, path)
    with whole_file(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        if provenance:
            stream.write(f"{PROVENANCE_MARK}{provenance}\n")
        table.to_csv(stream, sep="," if str(path).endswith(".csv") else "\t", index=False)


def read_table(path: str | Path, **options) -> pd.DataFrame:
    """Read a table written by `write_table`; `options` go to pandas.read_csv."""
    separator = "," if str(path).endswith(".csv") else "\t"
    return pd.read_csv(path, sep=separator, skiprows=provenance_lines(path), **options)


def provenance_lines(path: str | Path) -> int:
    """Count the lines of provenance above a table's header: 1 where it begins with '# ', or 0."""
    with open(path, "rb") as stream:
        return int(stream.read(len(PROVENANCE_MARK)) == PROVENANCE_MARK.encode())
