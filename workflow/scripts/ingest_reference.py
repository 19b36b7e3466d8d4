"""Rule ingest_reference: a human's segmentation becomes labels 0, 1, 2 on the grid of its CT."""

from livermet.files import write_json
from livermet.images import read_image, write_image
from livermet.ingest.reference import canonical_reference
from livermet.ingest.volume import read_volume
from livermet.jobs import job

with job(snakemake) as log:
    series = snakemake.wildcards.series
    reference = liver_mask = None
    if snakemake.input.reference:
        reference = read_volume(snakemake.input.reference, f"series {series}: its reference")
    if snakemake.input.liver_mask:
        liver_mask = read_volume(snakemake.input.liver_mask, f"series {series}: its liver mask")
    image, record = canonical_reference(
        series,
        read_image(snakemake.input.ct),
        reference,
        snakemake.params.labels,
        liver_mask,
    )
    log.info(
        "liver voxels: %s, lesion voxels: %s, liver from: %s",
        record["reference_voxels_liver"],
        record["reference_voxels_lesion"],
        record["liver_from"],
    )
    write_image(image, snakemake.output.reference)
    write_json(record, snakemake.output.record)
