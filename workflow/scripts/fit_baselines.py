"""Rule fit_baselines: fit the rules that every classifier must beat, in the corrected folds."""

from livermet.jobs import job
from livermet.phenotype.baselines import fit_baselines
from livermet.phenotype.corrected import prepared
from livermet.phenotype.fits import write_fits
from livermet.phenotype.table import read_feature_table

with job(snakemake) as log:
    table = prepared(read_feature_table(snakemake.input.features, snakemake.params.name))
    fits = fit_baselines(table, snakemake.params.seed)
    log.info("baselines: %s", ", ".join(fit.model for fit in fits))
    write_fits(fits, *snakemake.output)
