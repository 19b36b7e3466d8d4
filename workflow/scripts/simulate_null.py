"""Rule simulate_null: both protocols on phantom tables without any relation to find."""

import pandas as pd

from livermet.jobs import job
from livermet.tables import write_table
from livermet.validation.null import COHORTS, simulate

with job(snakemake) as log:
    params = snakemake.params
    first, last = params.seeds
    cohorts = []
    for seed in range(first, last + 1):
        cohorts.append(
            simulate(seed, params.folds, params.draws, params.lasso_alpha, params.lasso_target)
        )
        log.info("null cohort %d of %d to %d", seed, first, last)
    write_table(pd.concat(cohorts, ignore_index=True), snakemake.output.cohorts, COHORTS)
