"""Rule make_phantom_dicom: write one phantom as a DICOM series, and its true labels as NIfTI."""

from livermet.demo.dicom import write_dicom_series
from livermet.demo.phantoms import phantom_images
from livermet.images import write_image
from livermet.jobs import job

with job(snakemake) as log:
    row = snakemake.params.phantom
    ct, reference = phantom_images(row)
    write_image(reference, snakemake.output.reference)
    write_dicom_series(ct, row, snakemake.output.dicom)
    log.info("phantom %s: %d lesions, %d slices", row["series"], row["lesions"], ct.GetDepth())
