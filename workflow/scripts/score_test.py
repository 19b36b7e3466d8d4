"""Rule score_test: choose a model by cross-validation, and score the test set with it, once."""

import joblib
import pandas as pd

from livermet.jobs import job
from livermet.phenotype.baselines import BASELINES
from livermet.phenotype.choice import CHOICE, choose
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import UNWEIGHTED, prepared, score_test
from livermet.phenotype.fits import PREDICTIONS, read_rows
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table

with job(snakemake) as log:
    table = prepared(read_feature_table(snakemake.input.features, snakemake.params.name))
    table = with_batches(table, snakemake.input.batches)
    choice = choose(read_rows(snakemake.input.deals))
    chosen = choice[choice["chosen"]].iloc[0]
    log.info("chosen: %s (mean AUC over deals %.3f)", chosen["model"], chosen["auc"])
    if not (chosen["beats_chance"] and chosen["beats_volume"]):
        log.info("no model beats both chance and volume alone")
    models = {}
    for path in snakemake.input.models:
        models |= joblib.load(path)
    scored = [(chosen["model"], chosen["weighting"]), *((name, UNWEIGHTED) for name in BASELINES)]
    predictions = pd.concat(
        [score_test(table, models[name][weighting], name, weighting) for name, weighting in scored]
    )
    write_table(choice, snakemake.output.choice, CHOICE)
    write_table(predictions, snakemake.output.predictions, PREDICTIONS)
