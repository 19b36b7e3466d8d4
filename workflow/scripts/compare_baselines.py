"""Rule compare_baselines: models against the trivial rules, and intervals by what is drawn."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.baselines import BASELINES
from livermet.phenotype.choice import CHOICE
from livermet.phenotype.corrected import UNWEIGHTED
from livermet.phenotype.fits import read_rows
from livermet.phenotype.metrics import (
    COMPARISONS,
    INTERVALS,
    compare_baselines,
    intervals_by_unit,
)
from livermet.tables import write_table

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    held_out, tested = read_rows(given.held_out), read_rows(given.tested)
    published = read_rows(given.published) if given.published else tested[:0]
    choice = read_rows([given.choice])
    write_table(choice, snakemake.output.choice, CHOICE)
    chosen = choice.loc[choice["chosen"], ["model", "weighting"]].iloc[0]
    unweighted = held_out[held_out["weighting"] == UNWEIGHTED]
    others = published[(published["weighting"] == UNWEIGHTED) & (published["set"] == "test")]
    scored = pd.concat([unweighted, tested, others], ignore_index=True)
    comparison = compare_baselines(scored, params.draws, params.seed)
    log.info("%d comparisons with %s", len(comparison), ", ".join(BASELINES))
    write_table(comparison, snakemake.output.baselines, COMPARISONS)
    kept = scored[scored["model"].isin([chosen["model"], *BASELINES])]
    kept = pd.concat([kept[kept["protocol"] == "corrected"], others], ignore_index=True)
    intervals = intervals_by_unit(kept, params.draws, params.seed)
    write_table(intervals, snakemake.output.intervals, INTERVALS)
