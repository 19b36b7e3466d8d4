"""Rule fit_published: fit and score one classifier as the paper did, over all weightings."""

from livermet.jobs import job
from livermet.phenotype import published
from livermet.phenotype.fits import write_fits
from livermet.phenotype.table import read_feature_table
from livermet.tables import read_table

with job(snakemake) as log:
    params, given = snakemake.params, snakemake.input
    table = read_feature_table(given.features, params.name)
    selection = read_table(given.selection, dtype={"fold": str})
    found = read_table(given.weights) if given.weights else None
    classifier = snakemake.wildcards.classifier
    fit = published.fit(table, selection, classifier, params.weightings, params.trees, found)
    log.info("%s: %d folds scored", classifier, len(fit.cross_validation_table()))
    write_fits([fit], *snakemake.output)
