"""Rule train_nnunet: train one fold of nnU-Net on the base training set."""

from pathlib import Path

from livermet.files import read_json, write_json
from livermet.jobs import job
from livermet.nnunet.device import choose_device
from livermet.nnunet.trainer import TrainingSettings
from livermet.nnunet.training import Fold, train_fold

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    with job(snakemake):
        number = int(snakemake.wildcards.fold)
        fold = Fold(
            model="nnunet",
            training_set=snakemake.params.training_set,
            number=number,
            plan=read_json(snakemake.input.plan),
            description=read_json(snakemake.input.description),
            split=read_json(snakemake.input.splits)[number],
            cases=read_json(snakemake.input.cases),
            patients=snakemake.params.patients,
            settings=TrainingSettings(**snakemake.params.settings),
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
        device = choose_device(snakemake.resources.device)
        root = Path(snakemake.output.record).parents[4]  # root/results/dataset/trainer/fold
        record = train_fold(fold, root, device, snakemake.threads)
        write_json(record, snakemake.output.record)
