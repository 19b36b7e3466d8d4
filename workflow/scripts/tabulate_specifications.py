"""Rule tabulate_specifications: all procedures that could be chosen, by their AUC."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.baselines import VOLUME
from livermet.phenotype.chosen import corrected_choice
from livermet.phenotype.corrected import UNWEIGHTED
from livermet.phenotype.fits import read_rows
from livermet.tables import AS_WRITTEN, read_table, write_table
from livermet.validation.specification_curve import (
    CURVE,
    LEFT_OUT,
    tabulate_curve,
    tabulate_left_out,
)
from livermet.validation.specifications import Specification, absent_aggregations

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    scored = pd.concat([read_table(path, **AS_WRITTEN) for path in given.scored], ignore_index=True)
    chosen = corrected_choice(read_rows([given.choice]))
    own = Specification(**{**params.own, "learner": chosen.model})
    baselines = read_rows([given.baselines, given.tested])
    published = None
    if given.published:
        predictions, folds = read_rows(given.published), read_rows([given.published_folds])
        published = tuple(rows[rows["weighting"].eq(UNWEIGHTED)] for rows in (predictions, folds))
    curve = tabulate_curve(
        scored,
        own,
        baselines[baselines["model"].eq(VOLUME)],
        published,
        params.draws,
        params.seed,
    )
    left_out = tabulate_left_out(scored, absent_aggregations(params.aggregations))
    for row in curve[curve["corrected"] | curve["published"]].itertuples():
        log.info("%s, %s: cross-validated AUC %.3f", row.learner, row.target, row.auc)
    write_table(curve, snakemake.output.curve, CURVE)
    write_table(left_out, snakemake.output.left_out, LEFT_OUT)
