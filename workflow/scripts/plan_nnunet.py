"""Rule plan_nnunet: let nnU-Net measure the base dataset and plan the network."""

from livermet.files import write_json
from livermet.jobs import job
from livermet.nnunet.layout import nnunet_roots
from livermet.nnunet.planning import extract_fingerprint, plan_dataset

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    with job(snakemake), nnunet_roots(snakemake.params.root, workers=1):
        extract_fingerprint(snakemake.params.dataset, snakemake.threads)
        plan = plan_dataset(snakemake.params.dataset, snakemake.params.overrides)
        write_json(plan, snakemake.output.plan)
