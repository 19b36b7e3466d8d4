"""Rule bootstrap_metrics: test metrics with intervals, and scores over the folds, of a protocol."""

from livermet.jobs import job
from livermet.phenotype.baselines import BASELINES
from livermet.phenotype.fits import read_rows
from livermet.phenotype.metrics import (
    FOLDS_SUMMARY,
    TEST_METRICS,
    bootstrap_metrics,
    summarise_folds,
)
from livermet.tables import write_table

with job(snakemake) as log:
    draws, seed = snakemake.params.draws, snakemake.params.seed
    predictions = read_rows(snakemake.input.predictions)
    predictions = predictions[~predictions["model"].isin(BASELINES)]
    folds = read_rows(snakemake.input.cross_validation)
    metrics = bootstrap_metrics(folds, predictions, draws, seed)
    log.info("%d models, %d draws", len(metrics.groupby(["model", "weighting"])), draws)
    write_table(metrics, snakemake.output.metrics, TEST_METRICS)
    validated = summarise_folds(folds, predictions, draws, seed)
    write_table(validated, snakemake.output.cross_validation, FOLDS_SUMMARY)
