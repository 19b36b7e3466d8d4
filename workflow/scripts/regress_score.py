"""Rule regress_score: the score as a target, and errors by its distance from the threshold."""

from livermet.cohort.matching import limits_of
from livermet.jobs import job
from livermet.phenotype.chosen import corrected_choice
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import Preparation, Settings, prepared, training_rows
from livermet.phenotype.fits import read_rows
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table
from livermet.validation.score_regression import (
    SCORE_REGRESSION,
    regress_deals,
    tabulate_errors,
)

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    table = prepared(read_feature_table(given.features, params.name))
    training = training_rows(with_batches(table, given.batches))
    settings = Settings("score", 1, params.seed, Preparation(**params.preparation))
    regressed = regress_deals(training, params.folds, params.deals, settings)
    chosen = corrected_choice(read_rows([given.choice]))
    held_out = read_rows(given.held_out)
    classified = held_out[
        held_out["model"].eq(chosen.model) & held_out["weighting"].eq(chosen.weighting)
    ]
    limits = limits_of(training, params.positive_above, params.thresholds)
    errors = tabulate_errors(regressed, classified, limits.set_axis(training["series"]))
    for row in errors[errors["distance"].eq("all")].itertuples():
        log.info("%s (%s): wrong side %.2f", row.model, row.target, row.wrong_side)
    write_table(errors, snakemake.output.table, SCORE_REGRESSION)
