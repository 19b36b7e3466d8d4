"""Rule exchange_null: both protocols on the run's own features, labels exchanged by patient."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import Preparation, Settings
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table
from livermet.validation.null import COHORTS, TREES, Asked, exchange

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    table = read_feature_table(given.features, params.name)
    by_lesion = with_batches(read_feature_table(given.by_lesion, params.name), given.batches)
    settings = Settings(params.lasso_target, TREES, params.seed, Preparation(**params.preparation))
    asked = Asked(params.draws, params.lasso_alpha, settings)
    first, last = params.seeds
    cohorts = []
    for seed in range(first, last + 1):
        cohorts.append(exchange(table, by_lesion, seed, params.folds, asked))
        log.info("null cohort %d of %d to %d", seed, first, last)
    write_table(pd.concat(cohorts, ignore_index=True), snakemake.output.cohorts, COHORTS)
