"""Training and fine-tuning of one fold: resumed when interrupted, started afresh when changed."""

import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from livermet.batches import loading_processes
from livermet.checkpoints import Checkpoints, digests
from livermet.errors import InputError, stop_on
from livermet.faults import plain_faults
from livermet.interruption import Clock
from livermet.nnunet.layout import (
    CONFIGURATION,
    case_folder,
    dataset_name,
    missing_case_files,
    nnunet_roots,
)
from livermet.nnunet.trainer import FINAL, TrainingSettings, nnUNetTrainerLivermet
from livermet.nnunet.weights import Opened, Pretrained, begin_from, fitting, read_pretrained
from livermet.randomness import seed_everything

LOG = logging.getLogger("livermet")
# What nnU-Net, and earlier versions of livermet, keep beside: moved aside with what is refused.
OLDER = ("checkpoint_latest.pth", "checkpoint_best.pth", FINAL)
# What decides no weight: how often a network is saved, and how much further it is trained.
NO_ORIGIN = ("save_every", "epochs")


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
    `code` scripts to hashes of their logic, `versions` packages to their versions. A fold begins
    from the `base` or from weights of others (`pretrained`), or from random ones.
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
    versions: dict[str, str]
    base: Base | None = None
    pretrained: Pretrained | None = None

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
    def origin(self) -> dict[str, str]:
        """Digests of all that decides the weights, those that it begins from included."""
        settings = asdict(self.settings)
        begun = self.base or self.pretrained
        return digests(
            cases=self.cases,
            split=[self.model, self.training_set, self.number, self.split, self.patients],
            plan=[self.plan, self.description],
            settings={name: settings[name] for name in settings if name not in NO_ORIGIN},
            seed=self.seed,
            code=self.code,
            versions=self.versions,
            base=begun.sha256 if begun else None,
        )


def fold_of(
    model: str,
    number: int,
    network: Mapping,
    prepared: Mapping,
    save_every: int,
    begun: Base | Pretrained | None = None,
) -> Fold:
    """Gather what a fold's training depends on.

    `network` is all that decides the model's weights, as the rules know it (rules/training.smk);
    `prepared` holds the contents of plan, description, splits and cases; `begun` is what the fold
    begins from.
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
        versions=network["planning"]["versions"],
        base=begun if isinstance(begun, Base) else None,
        pretrained=begun if isinstance(begun, Pretrained) else None,
    )


def train_fold(
    fold: Fold,
    root: str | Path,
    device: torch.device,
    threads: int,
    minutes: float = 0,
    compiled: bool = False,
) -> dict:
    """Train a fold to its end below nnU-Net's root folder; give the content of model.json.

    Splits and preprocessed cases are read from `root`; checkpoint_final.pth is left in the fold's
    folder. An interrupted training is resumed from its last checkpoint if nothing has changed that
    decides the weights; `minutes` is the time between checkpoints (0: only the settings' epochs);
    `compiled` says whether torch.compile is used.
    nnU-Net's validation at the end is left out: out-of-fold prediction does that work once, for
    the same patients. Raises InputError for a patient on both sides of the split, and for what goes
    wrong while it trains (`livermet.faults`); InterruptionError where a signal asked it to leave.
    """
    check_held_out(fold)
    folder = case_folder(root, dataset_name(fold.model, fold.training_set))  # type: ignore[arg-type]
    stop_on(missing_case_files(folder, fold.cases))
    seed = fold.seed + fold.number
    seed_everything(seed)
    torch.set_num_threads(1 if device.type == "cuda" else threads)
    torch.backends.cudnn.benchmark = True
    # Batches come from processes of our own (livermet/batches.py), none from nnU-Net's.
    with (
        nnunet_roots(root, workers=0),
        plain_faults("a smaller segmentation.nnunet.plan_changes.batch_size or patch_size"),
    ):
        trainer = nnUNetTrainerLivermet(
            {**deepcopy(fold.plan), "continue_training": False},
            CONFIGURATION,
            fold.number,
            deepcopy(fold.description),
            device,
        )
        trainer.follow(fold.settings)
        checkpoints = Checkpoints(
            trainer.output_folder, fold.origin, fold.settings.epochs, ".pth", OLDER
        )
        clock = Clock(minutes, checkpoints.state.seconds)
        trainer.keep(checkpoints, clock)
        trainer.run_on(seed, loading_processes(threads), compiled)
        trainer.initialize()
        others = read_pretrained(fold.pretrained.checkpoint) if fold.pretrained else None
        newest = checkpoints.newest()
        if newest:
            path, checkpoint = newest
            checkpoints.going_on_from(checkpoint)
            trainer.go_on_from(path)
            LOG.info(
                "resumed after %d of %d epochs and %d iterations more",
                trainer.current_epoch,
                trainer.num_epochs,
                len(trainer.losses),
            )
        elif fold.base:
            load_weights(trainer.network, fold.base.checkpoint)
            LOG.info("started from the weights of %s", fold.base.checkpoint)
        elif others:
            _begin_from_others(trainer.network, others)
        if newest and trainer.current_epoch >= trainer.num_epochs:
            LOG.info("the training had ended before: its last checkpoint is the network")
            checkpoints.finish(path, Path(trainer.output_folder, FINAL))
        else:
            with clock.listening():
                trainer.run_training()
    return record_of(fold, device, trainer, others)


def _begin_from_others(network: torch.nn.Module, others: Opened) -> None:
    anew = begin_from(network, others.weights)
    LOG.info("started from weights of others, by %s: who trained them is not known", others.trainer)
    if anew:
        LOG.warning("begun anew, since they know other classes: %s", ", ".join(anew))


def check_held_out(fold: Fold) -> None:
    """Stop if a patient held out of the fold shapes its weights, directly or through its base."""
    both = sorted(set(fold.held_out_patients) & set(fold.trained_patients))
    if both:
        raise InputError(
            f"Fold {fold.number} of {fold.model} holds out patients that it, or the fold it starts "
            f"from, is trained on: {', '.join(both)}. Retrain the base from the present ledger."
        )


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


def record_of(
    fold: Fold, device: torch.device, trainer: nnUNetTrainerLivermet, others: Opened | None = None
) -> dict:
    """Make the content of model.json: what the network learnt from, and how.

    `others` are the weights of others that it began from.
    """
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
        "plan": fold.plan,
        "epochs": fold.settings.epochs,
        "training": course_of(trainer),
        "settings": asdict(fold.settings),
        "seed": fold.seed + fold.number,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        # As they are installed, which tells the build of torch too.
        "versions": {name: version(name) for name in sorted(fold.versions) if name != "python"},
        "base": base
        and {
            "model": base.record["model"],
            "fold": base.record["fold"],
            "training_set": base.record["training_set"],
            "checkpoint_sha256": base.sha256,
        },
        # Of a fine-tuned network: those that its base began from.
        "pretrained": told_of(fold, trainer.network, others)
        or (base and base.record.get("pretrained")),
    }


def told_of(fold: Fold, network: torch.nn.Module, others: Opened | None) -> dict | None:
    """Tell of the weights of others that a fold began from, whose patients nobody here knows."""
    if not fold.pretrained or not others:
        return None
    inner: Any = getattr(network, "_orig_mod", network)
    return {
        "checkpoint_sha256": fold.pretrained.sha256,
        "trainer": others.trainer,
        "configuration": others.configuration,
        "epochs": others.epochs,
        "begun_anew": fitting(others.weights, inner.state_dict())[1],
        "patients": "not known",
    }


def course_of(trainer: nnUNetTrainerLivermet) -> dict:
    """Tell how a training went: its time, where it was interrupted, and its curve.

    The curve has a value an epoch: loss of training and of validation, nnU-Net's pseudo Dice of
    liver and lesion (over patches), learning rate.
    """
    state, log = trainer.checkpoints.state, trainer.logger.get_checkpoint()
    return {
        "seconds": round(state.seconds, 1),
        "seconds_per_epoch": round(state.seconds / trainer.num_epochs, 2),
        "resumed_after_iterations": state.resumed,
        "changes_of_epochs": state.extended,
        "curve": {
            "training_loss": [float(value) for value in log["train_losses"]],
            "validation_loss": [float(value) for value in log["val_losses"]],
            "pseudo_dice": [[float(v) for v in row] for row in log["dice_per_class_or_region"]],
            "learning_rate": [float(value) for value in log["lrs"]],
        },
    }
