"""Rule measure_detection: compare one scan's prediction with its reference."""

from livermet.detection import LESION_COLUMNS, measure_scan, scan_table
from livermet.files import write_table
from livermet.images import read_image
from livermet.jobs import job

with job(snakemake) as log:
    series, model = snakemake.wildcards.series, snakemake.wildcards.model
    reference = snakemake.input.reference
    scores, lesions = measure_scan(
        read_image(snakemake.input.prediction),
        read_image(reference) if reference else None,
        **snakemake.params.settings,
    )
    if scores.has_reference:
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
    write_table(scan_table(series, model, snakemake.params.kind, scores), snakemake.output.scan)
    lesions = lesions.assign(series=series, model=model)[list(LESION_COLUMNS)]
    write_table(lesions, snakemake.output.lesions)
