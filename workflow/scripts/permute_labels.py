"""Rule permute_labels: cross-validate the whole procedure under exchanged labels."""

from livermet.jobs import job
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import Preparation, Settings
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table
from livermet.validation.permutation import AUCS, permutation_aucs

with job(snakemake) as log:
    params, classifier = snakemake.params, snakemake.wildcards.classifier
    table = read_feature_table(snakemake.input.features, params.name)
    table = with_batches(table, snakemake.input.batches)
    settings = Settings(
        params.lasso_target, params.trees, params.seed, Preparation(**params.preparation)
    )
    first, last = params.numbers
    log.info("%s: permutations %d to %d", classifier, first, last)
    numbers = range(first, last + 1)
    aucs = permutation_aucs(table, classifier, params.folds, params.deals, numbers, settings)
    write_table(aucs, snakemake.output.aucs, AUCS)
