"""Rule train_monai: train MONAI's U-Net or SegResNet, or go on where a killed training stopped."""

from importlib.metadata import version
from pathlib import Path

import SimpleITK as sitk
import torch

from livermet.files import write_json
from livermet.jobs import job
from livermet.monai.networks import device_of, save_state
from livermet.monai.progress import TRAINING, training_table
from livermet.monai.settings import VALIDATION_FOLD, Settings
from livermet.monai.training import fingerprint_of, train
from livermet.monai.volumes import read_case
from livermet.provenance.code import file_checksum
from livermet.tables import write_table

PACKAGES = ("monai", "numpy", "simpleitk", "torch")

with job(snakemake) as log:
    network, model = snakemake.params.network, snakemake.wildcards.model
    torch.set_num_threads(snakemake.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    device = device_of(snakemake.resources.device)
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
    training, validation = (
        [read_case(*paths[name], settings.spacing_mm) for name in names]
        for names in (network["training"], network["validation"])
    )
    # The checkpoint is undeclared, so that Snakemake leaves it where a killed job left it.
    checkpoint = Path(snakemake.output.model).with_name("checkpoint_latest.pt")
    progress = train(
        settings,
        training,
        validation,
        seed=network["seed"],
        device=device,
        checkpoint=checkpoint,
        fingerprint=fingerprint_of(
            model=model,
            network=network,
            checksums=checksums,
        ),
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
            "device": str(device),
            "versions": {package: version(package) for package in PACKAGES},
            "iterations": progress.iteration,
            "best": progress.best,
        },
        snakemake.output.record,
    )
    write_table(training_table(progress.rows), snakemake.output.training, TRAINING)
    checkpoint.unlink(missing_ok=True)
