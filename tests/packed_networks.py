"""Packed models whose networks nobody has trained: what they mark means nothing, but stays."""

from pathlib import Path

import torch

from livermet.config.loading import PROJECT, load_config
from livermet.monai.networks import build_network, save_state
from livermet.monai.settings import Settings, settings_of
from livermet.pack.folder import write_manifest
from livermet.pack.layout import (
    CARD,
    PHENOTYPE,
    SEGMENTATION,
    WEIGHTS,
)
from livermet.pack.making import needed_settings
from livermet.pack.phenotype import Phenotype

MONAI = {"spacing_mm": [8, 8, 8], "patch_size": [16, 16, 16]}
SHAPE = {"channels": [4, 8], "strides": [2], "residual_units": 0}


def settings() -> dict:
    """The defaults, with networks that are quick and voxels that are coarse."""
    config = load_config([PROJECT / "config" / "config.yaml"])
    monai = config["segmentation"]["monai"]
    del monai["jobs"]
    monai |= MONAI | {"unet": monai["unet"] | SHAPE}
    config["radiomics"]["settings"]["resampledPixelSpacing"] = [8, 8, 8]
    # What is left of noise would be hundreds of lesions.
    config["detection"]["minimum_lesion_voxels"] = 8
    return config


def pack_monai(folder: Path, phenotype: Phenotype | None = None, seed: int = 0) -> Path:
    """Pack a U-Net of MONAI of random weights."""
    torch.manual_seed(seed)
    config = settings()
    section = config["segmentation"]["monai"]
    made = Settings.of("unet", settings_of(section, "unet"))
    weights = build_network(made).state_dict()
    (folder / SEGMENTATION).mkdir(parents=True)
    state = {"model": "unet", "settings": made.as_values(), "weights": weights}
    save_state(state, folder / SEGMENTATION / WEIGHTS)
    return _finished(folder, config, "unet", "monai", [WEIGHTS], phenotype)


def _finished(folder, config, model, family, networks, phenotype) -> Path:
    if phenotype:
        phenotype.save(folder / PHENOTYPE)
    (folder / CARD).write_text("# Networks of random weights\n")
    facts = {
        "run": "phantoms",
        "model": model,
        "family": family,
        "networks": networks,
        "training_set": "none",
        "classifier": phenotype.classifier if phenotype else None,
        "phenotype_lacks": "" if phenotype else "It was left out when the model was packed.",
        "settings": needed_settings(config, model),
        "commit": "",
    }
    write_manifest(folder, facts, [family, *([PHENOTYPE] if phenotype else [])])
    return folder
