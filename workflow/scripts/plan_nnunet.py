"""Rules plan_<nnU-Net>: measure a dataset and plan its network, or take the plan of its base."""

from pathlib import Path

from livermet.files import read_json, write_json
from livermet.jobs import job
from livermet.nnunet.layout import nnunet_roots
from livermet.nnunet.planning import extract_fingerprint, plan_dataset, transfer_plan

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    folder = Path(snakemake.output.plan).parent  # root/preprocessed/dataset
    with job(snakemake), nnunet_roots(folder.parents[1], workers=1):
        extract_fingerprint(folder.name, snakemake.threads)
        if snakemake.input.base:
            plan = transfer_plan(read_json(snakemake.input.base[0]), folder.name)
            write_json(read_json(snakemake.input.description[0]), snakemake.output.description)
        else:
            planning = snakemake.params.planning
            plan = plan_dataset(folder.name, planning["plans"], planning["plan_changes"])
        write_json(plan, snakemake.output.plan)
