"""Rule import_feature_table: check a finished feature table and complete its columns."""

from livermet.jobs import job
from livermet.phenotype.table import as_published_columns, import_table, imported_table
from livermet.tables import write_table

with job(snakemake) as log:
    params = snakemake.params
    table = import_table(snakemake.input.table, params.name, params.folds, params.seed)
    log.info(
        "%d series of %d studies of %d patients, %d series for test",
        len(table),
        table["study"].nunique(),
        table["patient"].nunique(),
        (table["group"] == "test").sum(),
    )
    published = as_published_columns(table, params.name)
    write_table(published, snakemake.output.features, imported_table(params.name))
