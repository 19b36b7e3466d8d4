"""Rule order_training: write down what a training is to do."""

from livermet.files import write_json
from livermet.jobs import job

with job(snakemake) as log:
    write_json(snakemake.params.order, snakemake.output.order)
    log.info("ordered: %s", ", ".join(sorted(snakemake.params.order)))
