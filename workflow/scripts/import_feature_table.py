"""Rule import_feature_table: check a finished feature table and complete its columns."""

from livermet.cohort.matching import limits_of
from livermet.errors import stop_on
from livermet.jobs import job
from livermet.phenotype.table import (
    as_published_columns,
    contradicted_classes,
    import_table,
    imported_table,
)
from livermet.tables import write_table

with job(snakemake) as log:
    params, path = snakemake.params, snakemake.input.table
    table = import_table(path, params.name, params.folds, params.seed)
    limits = limits_of(table, params.positive_above, params.thresholds)
    stop_on(contradicted_classes(table, limits, path))
    log.info(
        "%d series of %d studies of %d patients, %d series for test",
        len(table),
        table["study"].nunique(),
        table["patient"].nunique(),
        (table["group"] == "test").sum(),
    )
    published = as_published_columns(table, params.name)
    write_table(published, snakemake.output.features, imported_table(params.name))
