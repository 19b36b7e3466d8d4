"""Rule collect_acquisition: one table of how each series was acquired and what ingest found."""

from pathlib import Path

import pandas as pd

from livermet.files import read_json, write_table
from livermet.jobs import job

with job(snakemake) as log:
    given, rows = snakemake.input, snakemake.params.rows
    records: dict[str, dict] = {}
    for path in given.acquisition:
        name = Path(path).parent.name
        phase = {"phase": rows[name]["phase"] or None}
        records[name] = dict(sorted({**read_json(path), **phase}.items()))
    for path in [*given.quality, *given.reference]:
        records[Path(path).parent.name].update(read_json(path))
    table = pd.DataFrame(
        [{"series": name, "cohort": row["cohort"]} | records[name] for name, row in rows.items()]
    )
    # A list in a cell (spacing, size, warnings) is joined; what is empty stays an empty cell.
    lists = table.apply(lambda column: column.map(lambda value: isinstance(value, list)).any())
    for column in table.columns[lists]:
        table[column] = table[column].map(
            lambda value: "; ".join(map(str, value)) if isinstance(value, list) else value
        )
    write_table(table, snakemake.output.table)
    log.info("%d series are ingested and whole", len(table))
