"""Rule correlate_burden: tumour burden against the molecular score and class."""

from livermet.jobs import job
from livermet.phenotype.burden import BURDEN, correlate_burden
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table

with job(snakemake) as log:
    table = read_feature_table(snakemake.input.features, snakemake.params.name)
    burden = correlate_burden(table, snakemake.params.seed)
    for row in burden.itertuples():
        log.info("%s: %d studies%s", row.subset, row.studies, f" ({row.reason})" * bool(row.reason))
    write_table(burden, snakemake.output.burden, BURDEN)
