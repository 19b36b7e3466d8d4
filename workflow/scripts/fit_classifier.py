"""Rule fit_classifier: fit and score one classifier under one protocol, over all weightings."""

import joblib

from livermet.files import read_table, whole_file, write_table
from livermet.jobs import job
from livermet.phenotype import corrected, published
from livermet.phenotype.fits import PUBLISHED
from livermet.phenotype.table import read_feature_table

with job(snakemake) as log:
    params, wildcards = snakemake.params, snakemake.wildcards
    table = read_feature_table(snakemake.input.features, params.name)
    selection = read_table(snakemake.input.selection, dtype={"fold": str})
    what = (table, selection, wildcards.classifier, params.weightings, params.trees)
    log.info("%s, protocol %s: fitting", wildcards.classifier, wildcards.protocol)
    if wildcards.protocol == PUBLISHED:
        fit = published.fit(*what, search_weights=params.published_weights == "searched")
    else:
        fit = corrected.fit(*what, target=params.lasso_target, seed=params.seed)
    scores = fit.cross_validation_table()
    for weighting, folds in scores.groupby("weighting", sort=False):
        log.info(
            "class weights %s: mean of folds F1 %.3f, AUC %.3f",
            weighting,
            folds["f1"].mean(),
            folds["auc"].mean(),
        )
    write_table(fit.prediction_table(), snakemake.output.predictions)
    write_table(scores, snakemake.output.cross_validation)
    with whole_file(snakemake.output.models) as beside:
        joblib.dump(fit.models, beside, compress=3)
