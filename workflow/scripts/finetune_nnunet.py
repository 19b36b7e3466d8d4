"""Rule finetune_nnunet: go on from one fold of the base with the fine-tuning training set."""

from pathlib import Path

from livermet.files import read_json, write_json
from livermet.jobs import job
from livermet.nnunet.device import choose_device
from livermet.nnunet.trainer import TrainingSettings
from livermet.nnunet.training import Base, Fold, train_fold
from livermet.provenance import file_checksum

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    with job(snakemake):
        given, network = snakemake.input, snakemake.params.network
        number = int(snakemake.wildcards.fold)
        checkpoint = Path(given.base_checkpoint[0])
        fold = Fold(
            model="nnunet_finetuned",
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
            base=Base(
                checkpoint=checkpoint,
                sha256=file_checksum(checkpoint),
                record=read_json(given.base_record[0]),
            ),
        )
        device = choose_device(snakemake.resources.device)
        root = Path(snakemake.output.record).parents[4]  # root/results/dataset/trainer/fold
        record = train_fold(fold, root, device, snakemake.threads)
        write_json(record, snakemake.output.record)
