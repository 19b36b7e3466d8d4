"""Rule ingest_series: DICOM slices or a volume become a canonical CT with its records."""

from livermet.files import write_json
from livermet.images import write_image
from livermet.ingest.series import ingest_dicom, ingest_volume
from livermet.jobs import job
from livermet.untold import untold

with job(snakemake) as log, untold():
    series, image = snakemake.wildcards.series, snakemake.input.image
    if snakemake.params.kind == "dicom":
        ct, acquisition, quality = ingest_dicom(
            series, image, log=log, accept=snakemake.params.accept
        )
    else:
        ct, acquisition, quality = ingest_volume(series, image, accept=snakemake.params.accept)
    for sentence in quality["warnings"]:
        log.info("%s", sentence)
    write_image(ct, snakemake.output.ct)
    write_json(acquisition, snakemake.output.acquisition)
    write_json(quality, snakemake.output.quality)
