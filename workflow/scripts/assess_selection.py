"""Rule assess_selection: is the selection stable, and are there patients enough to select from."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import Preparation, prepared
from livermet.phenotype.table import read_feature_table
from livermet.statistics.sample_size import SAMPLE_SIZE, plan_sample_size
from livermet.statistics.stability import (
    STABILITY,
    SUMMARY,
    resample_selections,
    summarise_selections,
    tabulate_stability,
)
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    given, params, outputs = snakemake.input, snakemake.params, snakemake.output
    table = prepared(read_feature_table(given.features, params.name))
    table = with_batches(table, given.batches)
    corrected = read_table(given.corrected)
    others = [read_table(path) for path in given.published]
    log.info("selecting from halves of the training patients")
    chosen = resample_selections(
        table,
        params.lasso_target,
        params.seed,
        preparation=Preparation(**params.preparation),
    )
    log.info(
        "%d halves, %.1f features on average",
        len(chosen),
        chosen.to_numpy().sum() / max(len(chosen), 1),
    )
    write_table(tabulate_stability(chosen), outputs.stability, STABILITY)
    summary = summarise_selections(pd.concat([*others, corrected]), chosen)
    write_table(summary, outputs.summary, SUMMARY)
    plan = plan_sample_size(table, corrected, params.assumed_auc)
    write_table(plan, outputs.sample_size, SAMPLE_SIZE)
