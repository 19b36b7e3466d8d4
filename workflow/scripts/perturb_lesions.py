"""Rule perturb_lesions: the features of one scan's lesions in perturbed masks."""

import SimpleITK as sitk

from livermet.files import write_table
from livermet.images import read_image
from livermet.jobs import job
from livermet.radiomics.perturbation import Perturbations, perturbed_features
from livermet.radiomics.provenance import provenance_line

with job(snakemake) as log:
    # ITK would take every core of the machine.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    series, params = snakemake.wildcards.series, snakemake.params
    log.info("%s: perturbed masks of the lesions in '%s'", series, snakemake.wildcards.mask)
    components = dict(params.components)
    if snakemake.wildcards.mask == "reference":
        # Only a prediction's small components are left out, as in detection.
        components["minimum_lesion_voxels"] = 1
    table = perturbed_features(
        read_image(snakemake.input.ct),
        read_image(snakemake.input.labels),
        series,
        params.settings,
        Perturbations(**params.perturbations),
        params.seed,
        params.aggregations,
        **components,
    )
    version = params.versions["pyradiomics-bhklab"]
    provenance = provenance_line(params.settings, version, snakemake.wildcards.mask)
    write_table(table, snakemake.output.table, provenance)
