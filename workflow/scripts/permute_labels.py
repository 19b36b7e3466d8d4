"""Rule permute_labels: cross-validate the whole procedure under exchanged labels."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import Preparation, Settings
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table
from livermet.validation.permutation import AUCS, permutation_aucs

with job(snakemake) as log:
    params = snakemake.params
    table = read_feature_table(snakemake.input.features, params.name)
    table = with_batches(table, snakemake.input.batches)
    settings = Settings(
        params.lasso_target, params.trees, params.seed, Preparation(**params.preparation)
    )
    first, last = params.numbers
    aucs = []
    for number in range(first, last + 1):
        one = range(number, number + 1)
        aucs.append(
            permutation_aucs(table, params.classifiers, params.folds, params.deals, one, settings)
        )
        log.info("permutation %d of %d to %d", number, first, last)
    write_table(pd.concat(aucs, ignore_index=True), snakemake.output.aucs, AUCS)
