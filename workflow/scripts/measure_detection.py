"""Rule measure_detection: compare one scan's prediction with its reference."""

import pandas as pd

from livermet.detection.scores import (
    GROUP_COLUMNS,
    LESION_COLUMNS,
    MATCHING_COLUMNS,
    measure_scan,
    scan_table,
)
from livermet.detection.thresholds import COUNT_COLUMNS, froc_counts
from livermet.files import write_table
from livermet.images import read_image
from livermet.jobs import job

with job(snakemake) as log:
    series, model = snakemake.wildcards.series, snakemake.wildcards.model
    settings = snakemake.params.settings
    reference = read_image(snakemake.input.reference) if snakemake.input.reference else None
    measured = measure_scan(read_image(snakemake.input.prediction), reference, **settings)
    scores = measured.scores
    if reference is not None:
        log.info(
            "%s: %d of %d reference lesions detected, %d false positives, lesion Dice %.3f",
            series,
            scores.detected_lesions,
            scores.reference_lesions,
            scores.false_positives,
            scores.lesion_dice,
        )
    else:
        log.info("%s: %d predicted lesions, no reference", series, scores.predicted_lesions)
    froc = pd.DataFrame(columns=list(COUNT_COLUMNS))
    if reference is not None and snakemake.input.probability:
        kept = {name: settings[name] for name in settings if name != "surface_tolerance_mm"}
        froc = froc_counts(read_image(snakemake.input.probability), reference, **kept)
    write_table(scan_table(series, model, snakemake.params.kind, scores), snakemake.output.scan)
    by_rule = [f"matched_{rule}" for rule in settings["matching"]]
    for table, columns, path in (
        (measured.lesions, [*LESION_COLUMNS, *by_rule], snakemake.output.lesions),
        (measured.matching, list(MATCHING_COLUMNS), snakemake.output.matching),
        (measured.groups, list(GROUP_COLUMNS), snakemake.output.groups),
        (froc, list(COUNT_COLUMNS), snakemake.output.froc),
    ):
        write_table(table.assign(series=series, model=model)[columns], path)
