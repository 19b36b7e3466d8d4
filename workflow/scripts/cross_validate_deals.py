"""Rule cross_validate_deals: cross-validate a model over several deals of the folds."""

from dataclasses import replace

from livermet.jobs import job
from livermet.phenotype.baselines import fit_untuned_baselines
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import (
    Preparation,
    Settings,
    fit_untuned,
    prepared,
    training_rows,
)
from livermet.phenotype.deals import DEALS, TREES_DEALT, score_deals
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table

with job(snakemake) as log:
    params, model = snakemake.params, snakemake.wildcards.fitted
    table = prepared(read_feature_table(snakemake.input.features, params.name))
    training = training_rows(with_batches(table, snakemake.input.batches))
    settings = Settings(
        params.lasso_target, params.trees, params.seed, Preparation(**params.preparation)
    )
    settings = replace(settings, trees=min(settings.trees, TREES_DEALT))

    def fit(dealt):
        """Fit the model, or all baselines, in the folds that were dealt."""
        if model == "baselines":
            return fit_untuned_baselines(dealt)
        return fit_untuned(dealt, [model], settings)

    aucs = score_deals(training, fit, params.folds, params.deals, settings.seed)
    for name, rows in aucs.groupby("model", sort=False):
        log.info("%s: mean AUC %.3f over %d deals", name, rows["auc"].mean(), params.deals)
    write_table(aucs, snakemake.output.deals, DEALS)
