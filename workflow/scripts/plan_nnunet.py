"""Rules plan_<nnU-Net>: measure a dataset and plan its network, or take another's plan."""

from pathlib import Path

from livermet.files import read_json, write_json
from livermet.jobs import job
from livermet.nnunet.layout import nnunet_roots
from livermet.nnunet.planning import (
    adopt_plan,
    described,
    extract_fingerprint,
    plan_dataset,
    transfer_plan,
)
from livermet.nnunet.weights import read_pretrained

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    folder = Path(snakemake.output.plan).parent  # root/preprocessed/dataset
    with job(snakemake), nnunet_roots(folder.parents[1], workers=1):
        extract_fingerprint(folder.name, snakemake.threads)
        planning = snakemake.params.planning
        if snakemake.input.base:
            plan = transfer_plan(read_json(snakemake.input.base[0]), folder.name)
        elif snakemake.input.pretrained:
            others = described(read_pretrained(snakemake.input.pretrained[0]))
            plan = adopt_plan(others, folder.name, planning["plan_changes"])
        else:
            plan = plan_dataset(folder.name, planning["plans"], planning["plan_changes"])
        if snakemake.input.base or snakemake.input.pretrained:
            # As nnU-Net's own planning does.
            write_json(read_json(snakemake.input.description[0]), snakemake.output.description)
        write_json(plan, snakemake.output.plan)
