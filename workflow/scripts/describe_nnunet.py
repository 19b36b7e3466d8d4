"""Rule describe_nnunet: point nnU-Net at a training set's volumes."""

from pathlib import Path

from livermet.files import write_json
from livermet.jobs import job
from livermet.nnunet.dataset import describe_dataset

with job(snakemake) as log:
    series = snakemake.params.planning["places"]
    description = describe_dataset(
        dict(zip(series, snakemake.input.cts, strict=True)),
        dict(zip(series, snakemake.input.references, strict=True)),
        Path(snakemake.output.description).parent,
    )
    write_json(description, snakemake.output.description)
    log.info("described %d series", description["numTraining"])
