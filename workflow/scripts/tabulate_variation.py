"""Rule tabulate_variation: how lesions of a scan and studies of a patient differ."""

import joblib

from livermet.jobs import job
from livermet.phenotype.chosen import corrected_choice
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import prepared
from livermet.phenotype.fits import read_rows
from livermet.phenotype.table import read_feature_table
from livermet.tables import read_table, write_table
from livermet.validation.segmentation_error import Chosen
from livermet.validation.variation import (
    HETEROGENEITY,
    LESION_CALLS,
    OVER_TIME,
    STUDY_PAIRS,
    heterogeneity,
    over_time,
    score_lesions,
    study_pairs,
    tabulate_lesion_calls,
)

with job(snakemake) as log:
    given, output = snakemake.input, snakemake.output
    choice = corrected_choice(read_rows([given.choice]))
    rows = read_rows([*given.held_out, given.tested])
    rows = rows[rows["model"].eq(choice.model) & rows["weighting"].eq(choice.weighting)]
    facts = read_table(given.facts, dtype={"series": str}).set_index("series")
    changes = over_time(rows, facts["burden_ml"], choice.model)
    write_table(changes, output.over_time, OVER_TIME)
    write_table(study_pairs(rows, facts["burden_ml"], choice.model), output.pairs, STUDY_PAIRS)
    log.info("%d pairs of studies", changes.loc[changes["pairs_of"].eq("all"), "pairs"].sum())
    if given.lesions:
        table = prepared(read_feature_table(given.features, snakemake.params.name))
        table = with_batches(table, given.batches)
        models: dict = {}
        for path in given.models:
            models |= joblib.load(path)
        chosen = Chosen.of(choice.model, models[choice.model][choice.weighting], table)
        lesions = read_table(given.lesions, dtype={"series": str})
        write_table(heterogeneity(table, lesions), output.heterogeneity, HETEROGENEITY)
        scored = score_lesions(table, lesions, chosen)
        calls = tabulate_lesion_calls(scored, rows, chosen.name)
        write_table(calls, output.calls, LESION_CALLS)
        log.info("%d lesions of %d series", len(scored), scored["series"].nunique())
