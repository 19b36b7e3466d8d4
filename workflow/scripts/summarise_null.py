"""Rule summarise_null: what both protocols find where there is nothing to find."""

import pandas as pd

from livermet.jobs import job
from livermet.tables import read_table, write_table
from livermet.validation.null import NULL, summarise_null

with job(snakemake) as log:
    cohorts = pd.concat([read_table(path) for path in snakemake.input.cohorts])
    summary = summarise_null(cohorts)
    log.info("%d null cohorts", cohorts["seed"].nunique())
    write_table(summary, snakemake.output.summary, NULL)
