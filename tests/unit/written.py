"""Tables as a later stage reads them: an empty text and a missing value are the same cell."""

from io import StringIO

import pandas as pd

# As the page and the checklists read tables: 'none' is a word of theirs and no missing value.
AS_WRITTEN = {"keep_default_na": False, "na_values": [""]}


def read_back(table: pd.DataFrame) -> pd.DataFrame:
    """Write a table and read it again."""
    return pd.read_csv(StringIO(table.to_csv(index=False)), **AS_WRITTEN)
