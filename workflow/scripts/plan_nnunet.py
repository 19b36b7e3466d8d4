"""Rules plan_<nnU-Net>: let nnU-Net measure the base dataset and plan the network."""

from pathlib import Path

from livermet.files import write_json
from livermet.jobs import job
from livermet.nnunet.layout import nnunet_roots
from livermet.nnunet.planning import extract_fingerprint, plan_dataset

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    folder = Path(snakemake.output.plan).parent  # root/preprocessed/dataset
    with job(snakemake), nnunet_roots(folder.parents[1], workers=1):
        extract_fingerprint(folder.name, snakemake.threads)
        plan = plan_dataset(folder.name, snakemake.params.planning["plans"])
        write_json(plan, snakemake.output.plan)
