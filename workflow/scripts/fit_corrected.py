"""Rule fit_corrected: fit and tune one classifier in each fold, over all weightings."""

from livermet.jobs import job
from livermet.phenotype import corrected
from livermet.phenotype.combat import with_batches
from livermet.phenotype.fits import write_fits
from livermet.phenotype.table import read_feature_table
from livermet.tables import read_table

with job(snakemake) as log:
    params, classifier = snakemake.params, snakemake.wildcards.classifier
    table = corrected.prepared(read_feature_table(snakemake.input.features, params.name))
    table = with_batches(table, snakemake.input.batches)
    selection = read_table(snakemake.input.selection, dtype={"fold": str})
    settings = corrected.Settings(
        params.lasso_target,
        params.trees,
        params.seed,
        corrected.Preparation(**params.preparation),
    )
    fit = corrected.fit(table, selection, classifier, params.weightings, settings)
    for weighting, folds in fit.cross_validation_table().groupby("weighting", sort=False):
        log.info(
            "%s, class weights %s: mean of folds F1 %.3f, AUC %.3f",
            classifier,
            weighting,
            folds["f1"].mean(),
            folds["auc"].mean(),
        )
    write_fits([fit], *snakemake.output)
