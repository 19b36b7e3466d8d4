"""Rule bootstrap_metrics: test metrics with intervals, and scores over the folds, of a protocol."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.phenotype.metrics import bootstrap_metrics, summarise_folds

# Names stay text, and the weighting 'none' is no missing value.
AS_WRITTEN = {
    "dtype": dict.fromkeys(["series", "study", "patient", "fold", "weighting"], str),
    "keep_default_na": False,
    "na_values": [""],
}

with job(snakemake) as log:
    draws, seed = snakemake.params.draws, snakemake.params.seed
    predictions, folds = (
        pd.concat([read_table(path, **AS_WRITTEN) for path in paths], ignore_index=True)
        for paths in (snakemake.input.predictions, snakemake.input.cross_validation)
    )
    metrics = bootstrap_metrics(folds, predictions, draws, seed)
    log.info("%d models, %d draws", len(metrics.groupby(["model", "weighting"])), draws)
    write_table(metrics, snakemake.output.metrics)
    validated = summarise_folds(folds, predictions, draws, seed)
    write_table(validated, snakemake.output.cross_validation)
