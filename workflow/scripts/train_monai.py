"""Rule train_monai: train MONAI's U-Net or SegResNet, or go on where a killed training stopped."""

from importlib.metadata import version
from pathlib import Path

import SimpleITK as sitk
import torch

from livermet.batches import loading_processes
from livermet.checkpoints import Checkpoints, digests
from livermet.device import can_compile, choose_device
from livermet.faults import plain_faults
from livermet.files import write_json
from livermet.interruption import Clock
from livermet.jobs import job
from livermet.monai.cases import cases_of
from livermet.monai.networks import save_state
from livermet.monai.progress import TRAINING, training_table
from livermet.monai.settings import VALIDATION_FOLD, Settings
from livermet.monai.training import Machine, train
from livermet.provenance.code import file_checksum
from livermet.provenance.journal import PROJECT, commit_of
from livermet.tables import write_table

# They decide how much further a network is trained and how often it is looked at, no more.
NO_ORIGIN = ("epochs", "validation_every")
PACKAGES = ("monai", "numpy", "simpleitk", "torch")

with job(snakemake) as log:
    network, model = snakemake.params.network, snakemake.wildcards.model
    torch.set_num_threads(snakemake.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    device = choose_device(snakemake.resources.device)
    settings = Settings.of(model, network["settings"])
    series = [*network["training"], *network["validation"]]
    paths = dict(
        zip(series, zip(snakemake.input.ct, snakemake.input.reference, strict=True), strict=True)
    )
    log.info(
        "%s on %s: %d training and %d validation series",
        model,
        device,
        len(network["training"]),
        len(network["validation"]),
    )
    trained, held_out = (
        sorted({network["patients"][name] for name in network[side]})
        for side in ("training", "validation")
    )
    checksums = {
        name: {"ct": file_checksum(ct), "reference": file_checksum(reference)}
        for name, (ct, reference) in paths.items()
    }
    of_settings = {key: value for key, value in network["settings"].items() if key not in NO_ORIGIN}
    folder = Path(snakemake.output.model).parent
    checkpoints = Checkpoints(
        folder,
        digests(
            cases=checksums,
            split=[network[key] for key in ("training_set", "training", "validation", "patients")],
            settings=[model, of_settings],
            seed=network["seed"],
            code=network["code"],
            versions=network["versions"],
        ),
        settings.epochs,
        ".pt",
        older=("checkpoint_latest.pt",),
    )
    clock = Clock(snakemake.resources.save_minutes, checkpoints.state.seconds)
    leaner = "a smaller segmentation.monai.batch_size or patch_size"
    done = max((one.epoch for one in checkpoints.state.checkpoints), default=0)
    with plain_faults(leaner), clock.listening():
        training, validation = (
            cases_of(
                folder / "cases",
                {name: paths[name] for name in network[side]},
                checksums,
                settings,
                side == "validation",
                {key: network[key] for key in ("code", "versions")},
                # Cases that are made are kept, so that a job may leave between two.
                lambda: clock.saved(done),
            )
            for side in ("training", "validation")
        )
        progress = train(
            settings,
            training,
            validation,
            seed=network["seed"],
            machine=Machine(
                device,
                loading_processes(snakemake.threads),
                can_compile(bool(snakemake.resources.compile), device),
            ),
            checkpoints=checkpoints,
            clock=clock,
        )
    save_state(
        {"model": model, "settings": settings.as_values(), "weights": progress.best_weights},
        snakemake.output.model,
    )
    write_json(
        {
            "model": model,
            "fold": VALIDATION_FOLD,
            "training_set": network["training_set"],
            "trained_on": network["training"],
            "held_out": network["validation"],
            "trained_patients": trained,
            "held_out_patients": held_out,
            "cases": checksums,
            "settings": settings.as_values(),
            "seed": network["seed"],
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "versions": {package: version(package) for package in PACKAGES},
            "iterations": progress.iteration,
            "best": progress.best,
            "training": {
                "seconds": round(checkpoints.state.seconds, 1),
                "seconds_per_epoch": round(checkpoints.state.seconds / settings.epochs, 2),
                "resumed_after_iterations": checkpoints.state.resumed,
                "changes_of_epochs": checkpoints.state.extended,
            },
            "commit": commit_of(PROJECT),
        },
        snakemake.output.record,
    )
    write_table(training_table(progress.rows), snakemake.output.training, TRAINING)
