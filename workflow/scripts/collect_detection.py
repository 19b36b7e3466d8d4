"""Rule collect_detection: one table of each kind for a model, of all scans that it predicts."""

from livermet.detection.measured import MEASURED
from livermet.jobs import job
from livermet.ledger.batches import as_values, read_batches, stop_on_missing
from livermet.tables import write_table

with job(snakemake) as log:
    given, series = snakemake.input, snakemake.params.series
    for name, path in snakemake.output.items():
        # As text, so that every value passes as it was written.
        table = read_batches(getattr(given, name), series)
        if name == "scans":
            stop_on_missing(table, series, f"the scores of {snakemake.wildcards.model}")
        log.info("%s: %d rows", name, len(table))
        write_table(as_values(table), path, MEASURED[name])
