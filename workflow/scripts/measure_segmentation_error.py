"""Rule measure_segmentation_error: what other masks of the same lesions change of the calls."""

import joblib
import pandas as pd

from livermet.jobs import job
from livermet.phenotype.chosen import corrected_choice
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import prepared
from livermet.phenotype.fits import read_rows
from livermet.phenotype.table import read_feature_table
from livermet.tables import read_table, write_table
from livermet.validation.segmentation_error import (
    SCORED_MASKS,
    SEGMENTATION_ERROR,
    SHIFT,
    Chosen,
    read_single_fold,
    score_perturbed,
    score_single_folds,
    tabulate_error,
    tabulate_shift,
)

with job(snakemake) as log:
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    draws = {"draws": params.draws, "seed": params.seed}
    table = prepared(read_feature_table(given.features, params.name))
    table = with_batches(table, given.batches)
    choice = corrected_choice(read_rows([given.choice]))
    models: dict = {}
    for path in given.models:
        models |= joblib.load(path)
    chosen = Chosen.of(choice.model, models[choice.model][choice.weighting], table)
    parts = []
    if given.perturbed:
        masks = pd.concat([read_table(path, dtype={"series": str}) for path in given.perturbed])
        masks = masks[masks["aggregation"].eq(params.aggregation)]
        parts.append(score_perturbed(table, masks, chosen))
    by_fold = {
        fold: read_single_fold(path, params.name)
        for fold, path in zip(params.folds, given.single_folds, strict=True)
    }
    if by_fold:
        parts.append(score_single_folds(table, by_fold, chosen))
    scored = pd.concat(parts, ignore_index=True)
    error = tabulate_error(scored, chosen.name, **draws)
    for row in error.itertuples():
        log.info("%s: %d of %d masks change the call", row.source, row.flips, row.masks)
    write_table(scored, output.scored, SCORED_MASKS)
    write_table(error, output.error, SEGMENTATION_ERROR)
    if by_fold:
        shift = tabulate_shift(table, by_fold, read_rows([given.selection]), **draws)
        write_table(shift, output.shift, SHIFT)
