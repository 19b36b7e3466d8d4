"""Rule perturb_lesions: the features of a batch's lesions in perturbed masks."""

import SimpleITK as sitk

from livermet.images import read_image
from livermet.jobs import job
from livermet.ledger.batches import write_parts
from livermet.radiomics.perturbation import PERTURBED, Perturbations, perturbed_features
from livermet.radiomics.provenance import provenance_line, rules_told
from livermet.radiomics.scans import LesionRules

with job(snakemake) as log:
    # ITK would take every core of the machine.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    mask, params = snakemake.wildcards.mask, snakemake.params
    components = dict(params.components)
    if mask == "reference":
        # Only a prediction's small components are left out, as in detection.
        components["minimum_lesion_voxels"] = 1
    tables = []
    for series, ct, labels in zip(
        params.by_series, snakemake.input.cts, snakemake.input.labels, strict=True
    ):
        log.info("%s: perturbed masks of the lesions in '%s'", series, mask)
        tables.append(
            perturbed_features(
                read_image(ct),
                read_image(labels),
                series,
                params.settings,
                Perturbations(**params.perturbations),
                params.seed,
                params.aggregations,
                rules=LesionRules(**params.lesions),
                **components,
            )
        )
    version, rules = params.versions["pyradiomics-bhklab"], rules_told(params.lesions)
    provenance = provenance_line(params.settings, version, mask, rules)
    write_parts(tables, snakemake.output.table, PERTURBED, provenance)
