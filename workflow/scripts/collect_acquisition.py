"""Rule collect_acquisition: one table of how each series was acquired and what ingest found."""

from pathlib import Path

from livermet.files import read_json
from livermet.ingest.acquisition import ACQUISITION, acquisition_table
from livermet.ingest.warned import WARNINGS, warning_counts
from livermet.jobs import job
from livermet.tables import write_table

with job(snakemake) as log:
    given = snakemake.input
    records: dict[str, dict] = {}
    for path in [*given.acquisition, *given.quality, *given.reference]:
        records.setdefault(Path(path).parent.name, {}).update(read_json(path))
    table = acquisition_table(snakemake.params.rows, records)
    write_table(table, snakemake.output.table, ACQUISITION)
    counts = warning_counts(records)
    write_table(counts, snakemake.output.warnings, WARNINGS)
    for row in counts.itertuples():
        log.info("%s: %s: %d of %d series", row.about, row.warning, row.series, row.asked)
    log.info("%d series are ingested and whole", len(table))
