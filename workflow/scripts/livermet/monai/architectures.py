"""MONAI's networks: what each can be told of its shape, and how it is built.

Read where no torch is, so that a network's library is imported when it is built. A network is
listed in `livermet/models.yaml` and here, by one name.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

INPUT_CHANNELS = 1
CLASSES = 3  # background, liver, lesion

# Where defaults come from.
SPLEEN = "MONAI's tutorial 3d_segmentation/spleen_segmentation_3d"
BRATS = "MONAI's tutorial 3d_segmentation/brats_segmentation_3d"


def shape(default: Any, takes: str, why: str) -> Any:
    """Describe one key of a network's shape: its default, what it takes, and why that default."""
    return field(default=default, metadata={"takes": takes, "why": why})


class Architecture(Protocol):
    """A network's shape; the values of its fields are keys of the config."""

    def problems(self) -> list[str]:
        """Say in words what the network's library would refuse."""

    @property
    def reduction(self) -> int:
        """Factor by which the deepest level is smaller than a patch."""

    def build(self) -> "torch.nn.Module":
        """Build the network: one input channel, a logit for each of background, liver, lesion."""


@dataclass(frozen=True)
class UNet:
    """Architecture of monai.networks.nets.UNet: channels a level, strides between levels."""

    channels: tuple[int, ...] = shape((16, 32, 64, 128, 256), "channels of each level", SPLEEN)
    strides: tuple[int, ...] = shape((2, 2, 2, 2), "reduction from level to level", SPLEEN)
    residual_units: int = shape(2, "convolutions of a residual unit", SPLEEN)
    normalization: str = shape("batch", "`batch` or `instance`", SPLEEN)

    def problems(self) -> list[str]:
        """Say in words what MONAI's U-Net would refuse."""
        found = []
        if len(self.strides) != len(self.channels) - 1:
            found.append("strides must have one entry less than channels")
        if min((*self.channels, *self.strides), default=0) < 1 or self.residual_units < 0:
            found.append("channels and strides must be from 1, residual_units from 0")
        if self.normalization not in ("batch", "instance"):
            found.append(f"normalization '{self.normalization}' is none of batch, instance")
        return found

    @property
    def reduction(self) -> int:
        """Factor by which the deepest level is smaller than a patch."""
        return math.prod(self.strides)

    def build(self) -> "torch.nn.Module":
        """Build MONAI's U-Net."""
        from monai.networks import nets

        return nets.UNet(
            spatial_dims=3,
            in_channels=INPUT_CHANNELS,
            out_channels=CLASSES,
            channels=self.channels,
            strides=self.strides,
            num_res_units=self.residual_units,
            norm=self.normalization,
        )


@dataclass(frozen=True)
class SegResNet:
    """Architecture of monai.networks.nets.SegResNet: residual blocks a level, down and up."""

    initial_filters: int = shape(16, "channels of the first level, a multiple of 8", BRATS)
    blocks_down: tuple[int, ...] = shape((1, 2, 2, 4), "residual blocks of each level, down", BRATS)
    blocks_up: tuple[int, ...] = shape((1, 1, 1), "residual blocks of each level, up", BRATS)
    dropout: float = shape(0.2, "probability of dropout, 0 to 1", BRATS)

    def problems(self) -> list[str]:
        """Say in words what MONAI's SegResNet would refuse."""
        found = []
        if min((self.initial_filters, *self.blocks_down, *self.blocks_up)) < 1:
            found.append("initial_filters and the numbers of blocks must be from 1")
        if not 0 <= self.dropout <= 1:
            found.append("dropout must be from 0 to 1")
        if self.initial_filters % 8:
            found.append("initial_filters must be a multiple of 8 (group normalization, 8 groups)")
        if len(self.blocks_up) != len(self.blocks_down) - 1:
            found.append("blocks_up must have one entry less than blocks_down")
        return found

    @property
    def reduction(self) -> int:
        """Factor by which the deepest level is smaller than a patch."""
        return 2 ** (len(self.blocks_down) - 1)

    def build(self) -> "torch.nn.Module":
        """Build MONAI's SegResNet."""
        from monai.networks import nets

        return nets.SegResNet(
            spatial_dims=3,
            in_channels=INPUT_CHANNELS,
            out_channels=CLASSES,
            init_filters=self.initial_filters,
            blocks_down=self.blocks_down,
            blocks_up=self.blocks_up,
            dropout_prob=self.dropout or None,
        )


ARCHITECTURES: dict[str, type] = {"unet": UNet, "segresnet": SegResNet}
