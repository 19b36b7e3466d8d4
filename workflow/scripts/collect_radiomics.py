"""Rule collect_radiomics: a cohort's lesions, and its features by each aggregation of them."""

import numpy as np

from livermet.jobs import job
from livermet.ledger.batches import as_values, read_batches, stop_on_missing
from livermet.radiomics.aggregation import aggregate
from livermet.radiomics.features import FEATURES
from livermet.radiomics.provenance import provenance_line, rules_told
from livermet.radiomics.tables import (
    COHORT_LESIONS,
    cohort_features,
    feature_table,
    one_voxel,
    with_matches,
)
from livermet.tables import read_table, write_table
from livermet.vocabulary import Aggregation

with job(snakemake) as log:
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    mask = snakemake.wildcards.mask
    # As text, so that every value passes as it was written.
    unions, lesions = (
        read_batches(paths, params.series) for paths in (given.unions, given.lesions)
    )
    stop_on_missing(unions, params.series, f"the features of the mask '{mask}'")
    matching = read_table(given.matching, dtype={"series": str, "patient": str})
    made = [params.settings, params.versions["pyradiomics-bhklab"], mask]
    numbers = ["volume_ml", *FEATURES]
    measured = lesions.assign(**lesions[numbers].replace("", np.nan).astype(float))
    for aggregation, path in zip(params.aggregations, output.features, strict=True):
        rows = aggregate(unions, measured, aggregation)
        if not one_voxel(params.settings):
            # Voxels of the scans' own tell no series from the others.
            rows = rows.assign(voxel_mm="")
        features = feature_table(rows, matching, params.name)
        told = [f"aggregation {aggregation}"]
        if aggregation != Aggregation.UNION:
            told.append(rules_told(params.lesions))
        provenance = provenance_line(*made, *told)
        write_table(as_values(features), path, cohort_features(params.name), provenance)
    log.info(
        "%d series with a mask, %d included by the matching, %d in the table, %d without lesions",
        len(unions),
        matching["included"].sum(),
        len(features),
        (features["Num_Lesions"].astype(int) == 0).sum(),
    )
    if given.scans:
        tables = (
            read_table(path, dtype=str, keep_default_na=False)
            for path in (given.scans, given.detected, given.groups)
        )
        side = "reference" if mask == "reference" else "prediction"
        other = params.final_model if mask == "reference" else "reference"
        lesions = with_matches(lesions, *tables, side, params.rule)
        matched = f"matched with the mask {other} by {params.rule}"
    else:
        lesions = lesions.assign(matched="", matched_lesions="")
        matched = "not matched, as the run has no predictions"
    rules = rules_told(params.lesions)
    provenance = provenance_line(*made, "one row a lesion", rules, matched)
    lesions = as_values(lesions[COHORT_LESIONS.names])
    write_table(lesions, output.lesions, COHORT_LESIONS, provenance)
