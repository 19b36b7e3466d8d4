"""Rule summarise_repeats: metrics of the repeated cross-validation, with intervals by patient."""

from livermet.jobs import job
from livermet.phenotype.fits import read_rows
from livermet.tables import write_table
from livermet.validation.repeats import SUMMARY, summarise_repeats

with job(snakemake) as log:
    predictions = read_rows(snakemake.input.predictions)
    summary = summarise_repeats(predictions, snakemake.params.draws, snakemake.params.seed)
    log.info("%d models", summary["model"].nunique())
    write_table(summary, snakemake.output.summary, SUMMARY)
