"""Rule compare_weights: the printed class weights beside those that the paper's search finds."""

from livermet.jobs import job
from livermet.phenotype.table import read_feature_table
from livermet.reproduction.comparison import WEIGHT_SEARCH, compare_weights
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    table = read_feature_table(snakemake.input.features, snakemake.params.name)
    found = {
        classifier: read_table(path)
        for classifier, path in zip(
            snakemake.params.classifiers, snakemake.input.found, strict=True
        )
    }
    weights = compare_weights(found, table)
    for row in weights.itertuples():
        log.info("%s: %g printed, %g found", row.model, row.printed_weight, row.found_weight)
    write_table(weights, snakemake.output.weights, WEIGHT_SEARCH)
