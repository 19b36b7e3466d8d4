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
        number = int(snakemake.wildcards.fold)
        checkpoint = Path(snakemake.input.base_checkpoint)
        fold = Fold(
            model="nnunet_finetuned",
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
            base=Base(
                checkpoint=checkpoint,
                sha256=file_checksum(checkpoint),
                record=read_json(snakemake.input.base_record),
            ),
        )
        device = choose_device(snakemake.resources.device)
        root = Path(snakemake.output.record).parents[4]  # root/results/dataset/trainer/fold
        record = train_fold(fold, root, device, snakemake.threads)
        write_json(record, snakemake.output.record)
