"""Rule make_phantom_ct: write one phantom's CT and its true labels as NIfTI."""

from livermet.demo.phantoms import phantom_images
from livermet.images import write_image
from livermet.jobs import job

with job(snakemake) as log:
    row = snakemake.params.phantom
    ct, reference = phantom_images(row)
    write_image(reference, snakemake.output.reference)
    write_image(ct, snakemake.output.ct)
    log.info("phantom %s: %d lesions, %s voxels", row["series"], row["lesions"], ct.GetSize())
