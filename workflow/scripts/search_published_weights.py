"""Rule search_published_weights: score one part of the paper's 200 class weights."""

from livermet.jobs import job
from livermet.phenotype.columns import WEIGHTS
from livermet.phenotype.published import CANDIDATE_WEIGHTS, search_weights
from livermet.phenotype.table import read_feature_table
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    params, wildcards = snakemake.params, snakemake.wildcards
    table = read_feature_table(snakemake.input.features, params.name)
    selection = read_table(snakemake.input.selection, dtype={"fold": str})
    first, last = params.numbers
    weights = CANDIDATE_WEIGHTS[first - 1 : last]
    log.info("%s: weights %g to %g", wildcards.classifier, weights[0], weights[-1])
    found = search_weights(table, selection, wildcards.classifier, params.trees, weights)
    write_table(found, snakemake.output.weights, WEIGHTS)
