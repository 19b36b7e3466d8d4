"""Training and fine-tuning of one fold: resumed when interrupted, started afresh when changed."""

import hashlib
import json
import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from livermet.errors import InputError, stop_on
from livermet.nnunet.layout import (
    CONFIGURATION,
    case_folder,
    dataset_name,
    missing_case_files,
    nnunet_roots,
)
from livermet.nnunet.trainer import TrainingSettings, nnUNetTrainerLivermet, seed_everything

LOG = logging.getLogger("livermet")
LATEST = "checkpoint_latest.pth"
CHECKPOINTS = (LATEST, "checkpoint_best.pth", "checkpoint_final.pth")


@dataclass(frozen=True)
class Base:
    """The fold that fine-tuning starts from: its final checkpoint and the content of model.json."""

    checkpoint: Path
    sha256: str
    record: dict


@dataclass(frozen=True)
class Fold:
    """All that a fold's training depends on, apart from the machine.

    `plan` and `description` are the contents of the plans and of dataset.json, `split` is the
    fold's entry in splits_final.json, `cases` maps each series to the checksums of the files that
    it was preprocessed from, `patients` maps series to patients,
    `code` scripts to hashes of their logic.
    """

    model: str
    training_set: str
    number: int
    plan: dict
    description: dict
    split: dict[str, list[str]]
    cases: dict[str, dict[str, str]]
    patients: dict[str, str]
    settings: TrainingSettings
    seed: int
    code: dict[str, str]
    base: Base | None = None

    @property
    def trained_patients(self) -> list[str]:
        """Patients that shape the weights, those of the base included."""
        earlier = self.base.record["trained_patients"] if self.base else []
        return sorted({self.patients[series] for series in self.split["train"]} | set(earlier))

    @property
    def held_out_patients(self) -> list[str]:
        """Patients of the training set that this fold does not see."""
        return sorted({self.patients[series] for series in self.split["val"]})

    @property
    def state(self) -> str:
        """Hash of everything that the training starts from, the base's checkpoint included."""
        content = asdict(self)
        content["base"] = self.base.sha256 if self.base else None
        # How often a training is saved does not make it another.
        del content["settings"]["save_every"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def fold_of(
    model: str,
    number: int,
    network: Mapping,
    prepared: Mapping,
    save_every: int,
    base: Base | None = None,
) -> Fold:
    """Gather what a fold's training depends on.

    `network` is all that decides the model's weights, as the rules know it (rules/training.smk);
    `prepared` holds the contents of plan, description, splits and cases.
    """
    return Fold(
        model=model,
        training_set=network["planning"]["training_set"],
        number=number,
        plan=prepared["plan"],
        description=prepared["description"],
        split=prepared["splits"][number],
        cases=prepared["cases"],
        patients=network["patients"],
        settings=TrainingSettings(**network["settings"], save_every=save_every),
        seed=network["seed"],
        code=network["code"] | network["planning"]["code"],
        base=base,
    )


def train_fold(fold: Fold, root: str | Path, device: torch.device, threads: int) -> dict:
    """Train a fold to its end below nnU-Net's root folder; give the content of model.json.

    Splits and preprocessed cases are read from `root`; checkpoint_final.pth is left in the fold's
    folder. An interrupted training is resumed from its last checkpoint if nothing has changed.
    nnU-Net's validation at the end is left out: out-of-fold prediction does that work once, for
    the same patients. Raises InputError for a patient on both sides of the split, and when a
    background process dies.
    """
    check_held_out(fold)
    folder = case_folder(root, dataset_name(fold.model, fold.training_set))  # type: ignore[arg-type]
    stop_on(missing_case_files(folder, fold.cases))
    seed_everything(fold.seed + fold.number)
    torch.set_num_threads(1 if device.type == "cuda" else threads)
    torch.backends.cudnn.benchmark = True
    with nnunet_roots(root, augmentation_workers(threads)):
        trainer = nnUNetTrainerLivermet(
            {**deepcopy(fold.plan), "continue_training": False},
            CONFIGURATION,
            fold.number,
            deepcopy(fold.description),
            device,
        )
        trainer.follow(fold.settings)
        folder = Path(trainer.output_folder)  # type: ignore[assignment]
        resumable = keep_or_clear_checkpoints(folder, fold.state)  # type: ignore[arg-type]
        trainer.initialize()
        if resumable:
            trainer.load_checkpoint(str(folder / LATEST))  # type: ignore[operator]
            LOG.info("resumed after %d of %d epochs", trainer.current_epoch, trainer.num_epochs)
        elif fold.base:
            load_weights(trainer.network, fold.base.checkpoint)
            LOG.info("started from the weights of %s", fold.base.checkpoint)
        try:
            trainer.run_training()
        except RuntimeError as error:
            if "background workers" not in str(error):
                raise
            raise InputError(
                "A background process of nnU-Net's augmentation died, most often for want of "
                "memory: give the rule more mem_mb or fewer threads."
            ) from error
    return record_of(fold, device)


def check_held_out(fold: Fold) -> None:
    """Stop if a patient held out of the fold shapes its weights, directly or through its base."""
    both = sorted(set(fold.held_out_patients) & set(fold.trained_patients))
    if both:
        raise InputError(
            f"Fold {fold.number} of {fold.model} holds out patients that it, or the fold it starts "
            f"from, is trained on: {', '.join(both)}. Retrain the base from the present ledger."
        )


def keep_or_clear_checkpoints(folder: Path, state: str) -> bool:
    """Delete the checkpoints in a fold's folder unless they were written from the same state.

    Returns whether an interrupted training can be resumed. The state is recorded in resume.json,
    after the deletion, so that a kill between the two leaves nothing that could be resumed wrongly.
    Parts of checkpoints that a kill left behind go in any case.
    """
    for part in folder.glob(".*.pth"):
        part.unlink()
    record = folder / "resume.json"
    if record.exists() and json.loads(record.read_text()) == {"state": state}:
        return (folder / LATEST).exists()
    folder.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    for name in CHECKPOINTS:
        if (folder / name).exists():
            LOG.info("%s was written from other inputs or settings: deleted", folder / name)
            (folder / name).unlink()
    beside = folder / ".resume.json"
    beside.write_text(json.dumps({"state": state}))
    beside.replace(record)
    return False


def load_weights(network: torch.nn.Module, checkpoint: Path) -> None:
    """Load the weights of a checkpoint into a network, on whatever device either was made.

    As nnU-Net's load_pretrained_weights, with two differences: it loads through the CPU, so that a
    GPU's checkpoint serves a host without one; and it transfers the segmentation layers too, which
    nnU-Net leaves out because its target may have other labels. Here the labels are the same, so
    leaving them out would throw away what was learnt. Raises InputError where the networks differ.
    """
    weights = torch.load(checkpoint, map_location="cpu", weights_only=False)["network_weights"]
    inner = getattr(network, "_orig_mod", network)  # the network inside a compiled one
    shapes = {name: tensor.shape for name, tensor in inner.state_dict().items()}
    if shapes != {name: tensor.shape for name, tensor in weights.items()}:
        raise InputError(
            f"{checkpoint} holds another network than the plan to fine-tune with: train the base "
            "again with the present plan."
        )
    inner.load_state_dict(weights)


def record_of(fold: Fold, device: torch.device) -> dict:
    """Make the content of model.json: what the network learnt from, and how."""
    base = fold.base
    return {
        "model": fold.model,
        "fold": fold.number,
        "training_set": fold.training_set,
        "dataset": dataset_name(fold.model, fold.training_set),
        "trained_on": sorted(fold.split["train"]),
        "held_out": sorted(fold.split["val"]),
        "trained_patients": fold.trained_patients,
        "held_out_patients": fold.held_out_patients,
        "cases": fold.cases,
        "epochs": fold.settings.epochs,
        "settings": asdict(fold.settings),
        "seed": fold.seed + fold.number,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "versions": {name: version(name) for name in ("nnunetv2", "torch", "numpy")},
        "base": base
        and {
            "model": base.record["model"],
            "fold": base.record["fold"],
            "training_set": base.record["training_set"],
            "checkpoint_sha256": base.sha256,
        },
    }


def augmentation_workers(threads: int) -> int:
    """Say how many processes augment: none where a job has two threads or fewer."""
    return 0 if threads <= 2 else threads
