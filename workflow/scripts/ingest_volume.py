"""Rule ingest_volume: a CT stored as NIfTI or NRRD becomes a canonical CT with its records."""

from livermet.files import write_json
from livermet.images import write_image
from livermet.ingest.series import ingest_volume
from livermet.jobs import job

with job(snakemake) as log:
    ct, acquisition, quality = ingest_volume(
        snakemake.wildcards.series, snakemake.input.image, snakemake.params.phase
    )
    for sentence in quality["warnings"]:
        log.info("%s", sentence)
    write_image(ct, snakemake.output.ct)
    write_json(acquisition, snakemake.output.acquisition)
    write_json(quality, snakemake.output.quality)
