"""Rule repeat_xgboost: the published XGBoost again and again, and its answers without a race."""

import os

# Read when XGBoost is imported. Threads that spin while they wait take minutes on busy cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.table import read_feature_table
from livermet.reproduction.comparison import REPEATS, repeat_xgboost
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    params = snakemake.params
    table = read_feature_table(snakemake.input.features, params.name)
    selection = read_table(snakemake.input.selection, dtype={"fold": str})
    what = (table, selection, params.weightings, params.draws)
    log.info("%d repeats with %d threads", params.repeats, snakemake.threads)
    repeats = repeat_xgboost(*what, params.repeats, snakemake.threads)
    write_table(pd.concat(repeats), snakemake.output.repeats, REPEATS)
