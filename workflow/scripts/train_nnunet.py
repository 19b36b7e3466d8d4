"""Rule train_nnunet: train one fold of nnU-Net on the base training set."""

from pathlib import Path

from livermet.files import read_json, write_json
from livermet.jobs import job
from livermet.nnunet.device import choose_device
from livermet.nnunet.trainer import TrainingSettings
from livermet.nnunet.training import Fold, train_fold

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    with job(snakemake):
        given, network = snakemake.input, snakemake.params.network
        number = int(snakemake.wildcards.fold)
        fold = Fold(
            model="nnunet",
            training_set=network["planning"]["training_set"],
            number=number,
            plan=read_json(given.plan[0]),
            description=read_json(given.description[0]),
            split=read_json(given.splits[0])[number],
            cases=read_json(given.cases[0]),
            patients=network["patients"],
            settings=TrainingSettings(
                **network["settings"], save_every=snakemake.resources.save_every
            ),
            seed=network["seed"],
            code=network["code"] | network["planning"]["code"],
        )
        device = choose_device(snakemake.resources.device)
        root = Path(snakemake.output.record).parents[4]  # root/results/dataset/trainer/fold
        record = train_fold(fold, root, device, snakemake.threads)
        write_json(record, snakemake.output.record)
