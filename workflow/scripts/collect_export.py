"""Rule collect_export: which series were written as DICOM, and why the others were not."""

import pandas as pd

from livermet.export.exported import EXPORTED, without_source
from livermet.jobs import job
from livermet.ledger.batches import as_values, read_batches, stop_on_missing
from livermet.tables import write_table

with job(snakemake) as log:
    params = snakemake.params
    table = without_source(params.model, params.without_source)
    if params.series:
        batches = read_batches(snakemake.input.tables, params.series)
        stop_on_missing(batches, params.series, "the exported series")
        table = pd.concat([as_values(batches), table], ignore_index=True)
    log.info("%d of %d series exported", table["exported"].sum(), len(table))
    write_table(table, snakemake.output.table, EXPORTED)
