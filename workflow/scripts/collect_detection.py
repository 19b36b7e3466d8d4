"""Rule collect_detection: one table of scans and one of lesions for a model."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job

with job(snakemake) as log:
    # As text, so that every value passes as it was written.
    scans, lesions = (
        pd.concat(
            [read_table(path, dtype=str, keep_default_na=False) for path in paths],
            ignore_index=True,
        )
        for paths in (snakemake.input.scans, snakemake.input.lesions)
    )
    log.info("%d scans with %d lesions", len(scans), len(lesions))
    write_table(scans, snakemake.output.scans)
    write_table(lesions, snakemake.output.lesions)
