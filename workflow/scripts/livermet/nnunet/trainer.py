"""The external trainer: nnU-Net's own, with schedule, optimiser and augmentation by settings.

nnU-Net's commands find the class by its name when nnUNet_extTrainer names this folder and livermet
can be imported, so that a checkpoint of this project also serves `nnUNetv2_predict`. livermet
itself takes the class directly: the search imports every trainer that nnU-Net ships, which takes
seconds and fails where torchvision does not fit torch (a CPU build of torch beside it).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from livermet.batches import batches_from
from livermet.checkpoints import Checkpoints
from livermet.errors import InputError
from livermet.faults import check_loss
from livermet.files import whole_file
from livermet.interruption import Clock
from livermet.nnunet.batches import SeededBatches
from livermet.randomness import generator_states, restore_generators

FINAL = "checkpoint_final.pth"
# The two streams of batches of a fold, told apart in their seeds.
TRAINING, VALIDATION = 0, 1
NEVER = 2**62


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
    save_every: int = 50  # epochs between checkpoints

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

    Call `follow`, `keep` and `run_on` before `initialize`. A checkpoint can be taken up in the
    middle of an epoch, since each batch has a number, and its number alone decides what is in it.
    """

    settings = TrainingSettings()
    checkpoints: Checkpoints
    clock = Clock(0)
    batch_seed, workers, compiled = 0, 0, False
    losses: list[dict[str, Any]]  # of the epoch that is going on
    states: dict[str, Any] | None = None

    def follow(self, settings: TrainingSettings) -> None:
        """Take schedule and optimiser from the settings."""
        self.settings, self.losses = settings, []
        self.num_epochs = settings.epochs
        self.num_iterations_per_epoch = settings.iterations_per_epoch
        self.num_val_iterations_per_epoch = settings.validation_iterations
        self.initial_lr = settings.initial_learning_rate
        self.oversample_foreground_percent = settings.foreground_oversampling
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

    def keep(self, checkpoints: Checkpoints, clock: Clock) -> None:
        """Say where checkpoints are kept, and when they are due."""
        self.checkpoints, self.clock = checkpoints, clock
        # `on_epoch_end` saves, after nnU-Net's own has counted the epoch.
        self.save_every = NEVER

    def run_on(self, seed: int, workers: int, compiled: bool) -> None:
        """Say how batches are drawn, and whether torch.compile is used, which nnU-Net would ask."""
        self.batch_seed, self.workers, self.compiled = seed, workers, compiled

    def _do_i_compile(self) -> bool:
        return self.compiled

    def get_dataloaders(self):
        """Return batches of training and of validation from where the training stands."""
        single = super().get_dataloaders()  # nnUNet_n_proc_DA is 0: loaders without processes
        epoch, length = self.current_epoch, self.num_iterations_per_epoch
        validated = self.num_val_iterations_per_epoch
        first = (epoch * length + len(self.losses), epoch * validated)
        end = (self.num_epochs * length, self.num_epochs * validated)
        workers = (self.workers, self.workers and max(1, self.workers // 2))
        return tuple(
            batches_from(
                SeededBatches(single[kind].data_loader, self.batch_seed, kind),
                first[kind],
                end[kind],
                workers[kind],
                pin_memory=self.device.type == "cuda",
            )
            for kind in (TRAINING, VALIDATION)
        )

    def run_training(self):
        """Train epoch by epoch, saving between any two iterations where that is due."""
        self.on_train_start()
        if self.states:
            restore_generators(self.states)
        try:
            while self.current_epoch < self.num_epochs:
                self.run_epoch()
        finally:
            # Their processes end with them.
            self.dataloader_train = self.dataloader_val = None
        self.on_train_end()

    def run_epoch(self) -> None:
        """Do what is left of an epoch. Raises InputError where the loss is no number."""
        # nnU-Net declares them as None, and sets them in `on_train_start`.
        training: Any = self.dataloader_train
        validation: Any = self.dataloader_val
        self.on_epoch_start()
        self.on_train_epoch_start()
        while len(self.losses) < self.num_iterations_per_epoch:
            step = self.train_step(next(training))
            self._check(step)
            self.losses.append(step)
            self._save_if_due()
        self.on_train_epoch_end(self.losses)
        with torch.no_grad():
            self.on_validation_epoch_start()
            validated = []
            for _ in range(self.num_val_iterations_per_epoch):
                validated.append(self.validation_step(next(validation)))
                self._check(validated[-1])
                self._save_if_due()
            self.on_validation_epoch_end(validated)
        self.losses = []
        self.on_epoch_end()

    def on_epoch_end(self):
        """Count the epoch, and save where that is due."""
        super().on_epoch_end()
        if self.current_epoch < self.num_epochs:
            if self.current_epoch % self.settings.save_every == 0:
                self.save()
            self._save_if_due()

    def on_train_end(self):
        """Save the finished network, under its final name too."""
        path = self.save()
        self.checkpoints.finish(path, Path(self.output_folder, FINAL))
        self.print_to_log_file("Training done.")

    def save(self) -> Path:
        """Save the training as it stands. Raises InterruptionError where it was asked to leave."""
        done = self.current_epoch * self.num_iterations_per_epoch + len(self.losses)
        state = self.state(self.current_epoch) | {
            "losses": self.losses,
            "generators": generator_states(),
        }
        path = self.checkpoints.save(
            lambda beside: torch.save(state, beside), self.current_epoch, done, self.clock.seconds
        )
        if self.current_epoch < self.num_epochs:
            self.clock.saved(self.current_epoch)
        return path

    def go_on_from(self, path: Path) -> None:
        """Take up a checkpoint; the generators' states are restored when training begins."""
        self.load_checkpoint(str(path))
        state = torch.load(path, map_location="cpu", weights_only=False)
        self.losses, self.states = state["losses"], state["generators"]

    def state(self, epoch: int) -> dict[str, Any]:
        """Return what nnU-Net's checkpoints hold, under its names; `epoch` epochs are done."""
        network: Any = getattr(self.network, "_orig_mod", self.network)  # inside a compiled one
        return {
            "network_weights": network.state_dict(),
            "optimizer_state": self.optimizer.state_dict(),
            "grad_scaler_state": self.grad_scaler and self.grad_scaler.state_dict(),
            "logging": self.logger.get_checkpoint(),
            "_best_ema": self._best_ema,
            "current_epoch": epoch,
            "init_args": self.my_init_kwargs,
            "trainer_name": type(self).__name__,
            "inference_allowed_mirroring_axes": self.inference_allowed_mirroring_axes,
        }

    def save_checkpoint(self, filename: str) -> None:
        """Write a checkpoint of nnU-Net's own beside its place, then rename it."""
        with whole_file(filename) as beside:
            torch.save(self.state(self.current_epoch + 1), beside)

    def _save_if_due(self) -> None:
        if self.clock.due:
            self.save()

    def _check(self, step: dict[str, Any]) -> None:
        check_loss(
            float(np.mean(step["loss"])),
            f"epoch {self.current_epoch}",
            "segmentation.nnunet's initial_learning_rate",
        )

    def plot_network_architecture(self) -> None:
        """Draw nothing: nnU-Net's drawing needs a package that is no longer maintained."""

    def _save_debug_information(self) -> None:
        """Write nothing: nnU-Net's debug.json names the host and the absolute paths of its data."""
