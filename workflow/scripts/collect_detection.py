"""Rule collect_detection: one table of each kind for a model, of all scans that it predicts."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job

with job(snakemake) as log:
    for name, path in snakemake.output.items():
        # As text, so that every value passes as it was written.
        table = pd.concat(
            [
                read_table(part, dtype=str, keep_default_na=False)
                for part in getattr(snakemake.input, name)
            ],
            ignore_index=True,
        )
        log.info("%s: %d rows", name, len(table))
        write_table(table, path)
