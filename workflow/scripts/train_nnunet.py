"""Rules train_<nnU-Net>: train one fold, from the beginning or from the same fold of its base."""

from pathlib import Path

from livermet.device import can_compile, choose_device
from livermet.files import read_json, write_json
from livermet.jobs import job
from livermet.nnunet.training import Base, fold_of, train_fold
from livermet.nnunet.weights import Pretrained, check_planned
from livermet.provenance.code import file_checksum
from livermet.provenance.journal import PROJECT, commit_of

if __name__ == "__main__":  # nnU-Net starts processes that import this file
    with job(snakemake):
        given, resources = snakemake.input, snakemake.resources
        begun: Base | Pretrained | None = None
        if given.base_checkpoint:
            checkpoint = Path(given.base_checkpoint[0])
            begun = Base(checkpoint, file_checksum(checkpoint), read_json(given.base_record[0]))
        elif given.pretrained:
            checkpoint = Path(given.pretrained[0])
            begun = Pretrained(checkpoint, file_checksum(checkpoint))
            check_planned(begun, snakemake.params.network["pretrained"], snakemake.wildcards.fold)
        prepared = {
            name: read_json(given[name][0]) for name in ("plan", "description", "splits", "cases")
        }
        fold = fold_of(
            snakemake.rule.removeprefix("train_"),
            int(snakemake.wildcards.fold),
            snakemake.params.network,
            prepared,
            resources.save_every,
            begun,
        )
        device = choose_device(resources.device)
        root = Path(snakemake.output.record).parents[4]  # root/results/dataset/trainer/fold
        record = train_fold(
            fold,
            root,
            device,
            snakemake.threads,
            resources.save_minutes,
            can_compile(bool(resources.compile), device),
        )
        write_json(record | {"commit": commit_of(PROJECT)}, snakemake.output.record)
