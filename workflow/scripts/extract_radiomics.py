"""Rule extract_radiomics: features of a batch's lesions, of each scan's union and each one."""

import SimpleITK as sitk

from livermet.images import read_image
from livermet.jobs import job
from livermet.ledger.batches import write_parts
from livermet.radiomics.provenance import provenance_line, rules_told
from livermet.radiomics.scans import LESIONS, UNIONS, LesionRules, scan_features

with job(snakemake) as log:
    # ITK would take every core of the machine.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    mask, params, output = snakemake.wildcards.mask, snakemake.params, snakemake.output
    components = dict(params.components)
    if mask == "reference":
        # Only a prediction's small components are left out, as in detection.
        components["minimum_lesion_voxels"] = 1
    unions, lesions = [], []
    for series, ct, labels in zip(
        params.by_series, snakemake.input.cts, snakemake.input.labels, strict=True
    ):
        log.info("%s: features of the lesions in the mask '%s'", series, mask)
        union, single = scan_features(
            read_image(ct),
            read_image(labels),
            settings=params.settings,
            per_lesion=params.per_lesion,
            rules=LesionRules(**params.lesions),
            **components,
        )
        if reason := union["reason"].item():
            log.info("%s: features are missing: %s", series, reason)
        unions.append(union.assign(series=series)[UNIONS.names])
        lesions.append(single.assign(series=series)[LESIONS.names])
    provenance = provenance_line(params.settings, params.versions["pyradiomics-bhklab"], mask)
    write_parts(unions, output.union, UNIONS, provenance)
    provenance = f"{provenance}; {rules_told(params.lesions)}"
    write_parts(lesions, output.lesions, LESIONS, provenance)
