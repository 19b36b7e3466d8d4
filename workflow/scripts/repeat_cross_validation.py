"""Rule repeat_cross_validation: nested cross-validation over all patients, again and again."""

from livermet.jobs import job
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import Preparation, Settings, prepared
from livermet.phenotype.table import read_feature_table
from livermet.tables import write_table
from livermet.validation.repeats import REPEATED, repeat_baselines, repeat_cross_validation

with job(snakemake) as log:
    params, model = snakemake.params, snakemake.wildcards.repeated
    table = prepared(read_feature_table(snakemake.input.features, params.name))
    table = with_batches(table, snakemake.input.batches)
    log.info("%s: %d repeats over %d patients", model, params.repeats, table["patient"].nunique())
    if model == "baselines":
        predictions = repeat_baselines(table, params.folds, params.repeats, params.seed)
    else:
        settings = Settings(
            params.lasso_target, params.trees, params.seed, Preparation(**params.preparation)
        )
        predictions = repeat_cross_validation(table, model, params.folds, params.repeats, settings)
    write_table(predictions, snakemake.output.predictions, REPEATED)
