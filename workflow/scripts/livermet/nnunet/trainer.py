"""The external trainer: nnU-Net's own, with schedule, optimiser and augmentation by settings.

nnU-Net's commands find the class by its name when nnUNet_extTrainer names this folder and livermet
can be imported, so that a checkpoint of this project also serves `nnUNetv2_predict`. livermet
itself takes the class directly: the search imports every trainer that nnU-Net ships, which takes
seconds and fails where torchvision does not fit torch (a CPU build of torch beside it).
"""

import random
from dataclasses import asdict, dataclass

import numpy as np
import torch
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from livermet.errors import InputError
from livermet.files import whole_file


@dataclass(frozen=True)
class TrainingSettings:
    """What the config sets of a training; the defaults are nnU-Net's."""

    epochs: int = 1000
    iterations_per_epoch: int = 250
    validation_iterations: int = 50
    initial_learning_rate: float = 1e-2
    optimizer: str = "sgd"  # or "adamw"
    foreground_oversampling: float = 0.33  # share of a batch's patches that hold foreground
    mirroring: bool = True  # in training, and allowed in prediction
    save_every: int = 50  # epochs between checkpoints: what a kill can cost

    def __post_init__(self):
        if self.optimizer not in ("sgd", "adamw"):
            raise InputError(
                f"segmentation.nnunet: optimizer is '{self.optimizer}'; use 'sgd' or 'adamw'."
            )


class _SparseLogger(MetaLogger):
    """nnU-Net's logger, which draws its progress figure (a second of work) only when saving."""

    draw_every = 1

    def plot_progress_png(self, output_folder: str) -> None:
        if len(self.get_value("epoch_end_timestamps", None)) % self.draw_every == 0:
            super().plot_progress_png(output_folder)


class nnUNetTrainerLivermet(nnUNetTrainer):  # noqa: N801, named as nnU-Net names trainers
    """nnU-Net's trainer, following `TrainingSettings`, with checkpoints that are whole or absent.

    Call `follow` before `initialize`; without it the class trains as nnU-Net's own does.
    """

    settings = TrainingSettings()

    def follow(self, settings: TrainingSettings) -> None:
        """Take schedule and optimiser from the settings."""
        self.settings = settings
        self.num_epochs = settings.epochs
        self.num_iterations_per_epoch = settings.iterations_per_epoch
        self.num_val_iterations_per_epoch = settings.validation_iterations
        self.initial_lr = settings.initial_learning_rate
        self.oversample_foreground_percent = settings.foreground_oversampling
        self.save_every = settings.save_every
        self.logger = _SparseLogger(self.output_folder, resume=False)
        self.logger.draw_every = settings.save_every
        self.print_to_log_file("Settings:", asdict(settings), add_timestamp=False)

    def configure_optimizers(self):
        """Return SGD as nnU-Net does, or AdamW with the same weight decay and schedule."""
        if self.settings.optimizer == "sgd":
            return super().configure_optimizers()
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.initial_lr, weight_decay=self.weight_decay
        )
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):  # noqa: N802
        """Return nnU-Net's augmentation, without mirroring where the settings say so."""
        rotation, dummy_2d, patch_size, mirror_axes = (
            super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        )
        if not self.settings.mirroring:
            mirror_axes = None
            self.inference_allowed_mirroring_axes = None
        return rotation, dummy_2d, patch_size, mirror_axes

    def save_checkpoint(self, filename: str) -> None:
        """Write a checkpoint beside its place, then rename it: a kill leaves the older one."""
        with whole_file(filename) as beside:
            super().save_checkpoint(str(beside))

    def plot_network_architecture(self) -> None:
        """Draw nothing: nnU-Net's drawing needs a package that is no longer maintained."""

    def _save_debug_information(self) -> None:
        """Write nothing: nnU-Net's debug.json names the host and the absolute paths of its data."""


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch.

    nnU-Net's augmentation processes seed themselves and its GPU kernels are not deterministic, so
    two trainings agree closely but not bit by bit (nnU-Net issues 1423 and 2871).
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
