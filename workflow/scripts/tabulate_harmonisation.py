"""Rule tabulate_harmonisation: the batches, and what they explain of each feature."""

from livermet.jobs import job
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import prepared
from livermet.phenotype.harmonisation import (
    BATCH_COUNTS,
    VARIANCE,
    compare_features,
    count_batches,
)
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table

with job(snakemake) as log:
    given = snakemake.input
    table = prepared(read_feature_table(given.features, snakemake.params.name))
    table = with_batches(table, given.batches)
    features = compare_features(table)
    medians = features[["before", "after", "held_out"]].median()
    log.info("variance explained by batch, median of features: %.3f, %.3f, held out %.3f", *medians)
    write_table(count_batches(table), snakemake.output.batches, BATCH_COUNTS)
    write_table(features, snakemake.output.features, VARIANCE)
