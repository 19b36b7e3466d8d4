"""Rule extract_radiomics: the features of one scan's lesions, of their union and of each one."""

import SimpleITK as sitk

from livermet.files import write_table
from livermet.images import read_image
from livermet.jobs import job
from livermet.radiomics.provenance import provenance_line
from livermet.radiomics.scans import LESION_COLUMNS, UNION_COLUMNS, scan_features

with job(snakemake) as log:
    # ITK would take every core of the machine.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    series = snakemake.wildcards.series
    log.info("%s: features of the lesions in the mask '%s'", series, snakemake.wildcards.mask)
    components = dict(snakemake.params.components)
    if snakemake.wildcards.mask == "reference":
        # Only a prediction's small components are left out, as in detection.
        components["minimum_lesion_voxels"] = 1
    union, lesions = scan_features(
        read_image(snakemake.input.ct),
        read_image(snakemake.input.labels),
        settings=snakemake.params.settings,
        per_lesion=snakemake.params.per_lesion,
        **components,
    )
    if reason := union["reason"].item():
        log.info("%s: features are missing: %s", series, reason)
    provenance = provenance_line(
        snakemake.params.settings,
        snakemake.params.versions["pyradiomics-bhklab"],
        snakemake.wildcards.mask,
    )
    for table, columns, path in (
        (union, UNION_COLUMNS, snakemake.output.union),
        (lesions, LESION_COLUMNS, snakemake.output.lesions),
    ):
        write_table(table.assign(series=series)[list(columns)], path, provenance)
