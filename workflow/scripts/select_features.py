"""Rule select_features: choose features by LASSO, as one protocol does."""

from livermet.jobs import job
from livermet.phenotype import corrected, published
from livermet.phenotype.combat import with_batches
from livermet.phenotype.fits import PUBLISHED, SELECTION
from livermet.phenotype.harmonisation import check_measured
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table

with job(snakemake) as log:
    params = snakemake.params
    table = read_feature_table(snakemake.input.features, params.name)
    if snakemake.wildcards.protocol == PUBLISHED:
        selection = published.select(table, params.lasso_alpha)
    else:
        table = with_batches(corrected.prepared(table), snakemake.input.batches)
        if snakemake.input.batches:
            check_measured(table, params.minimum_patients)
        preparation = corrected.Preparation(**params.preparation)
        selection = corrected.select(table, params.lasso_target, params.seed, preparation)
    for fold, chosen in selection.groupby("fold"):
        log.info("fold %s: %d features selected", fold, chosen["feature"].notna().sum())
    write_table(selection, snakemake.output.selection, SELECTION)
