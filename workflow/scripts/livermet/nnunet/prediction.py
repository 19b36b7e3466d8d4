"""Segmentation of series by one fold or by the mean of several.

A scan goes three steps, which different threads may do for different scans at the same time:
`prepare` (reading, normalising, resampling), `segment` (networks, and labels on the CT's grid), and
writing. Memory beside the networks: the scan's voxels on the network's grid (4 bytes each), the
logits (2 bytes a class), the labels, and slabs.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
)
from nnunetv2.preprocessing.cropping.cropping import get_bbox_from_mask
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from livermet.engines import Engine
from livermet.images import LESION, probability_bytes
from livermet.nnunet.layout import CONFIGURATION
from livermet.nnunet.resampling import cubic, is_known, labels_on_grid, slices_apart
from livermet.nnunet.tiles import CPU, LOG, TiledNetworks

Answer = TypeVar("Answer")


@dataclass
class Prepared:
    """A scan as a network sees it: the volume (channel, z, y, x), and nnU-Net's notes on it."""

    image: torch.Tensor
    properties: dict


class FoldPredictor:
    """The networks of one model's folds, each loaded once.

    `checkpoints` maps folds to files; plan and description are the contents of the plans and of
    dataset.json that the model was trained with. On a CPU the engine computes the networks.
    `step_size` is the tiles' distance as a share of the patch; `mirroring` averages over mirrored
    input where training mirrored too.
    """

    def __init__(
        self,
        plan: dict,
        description: dict,
        checkpoints: dict[int, str | Path],
        device: torch.device,
        engine: Engine,
        step_size: float,
        mirroring: bool,
    ):
        self.plans = PlansManager(deepcopy(plan))
        self.configuration = self.plans.get_configuration(CONFIGURATION)
        self.labels = self.plans.get_label_manager(description)
        self.description = description
        self.device = device
        networks = {}
        for fold, path in checkpoints.items():
            loaded = torch.load(path, map_location="cpu", weights_only=False)
            networks[fold] = self._network()
            networks[fold].load_state_dict(loaded["network_weights"])
            mirror_axes = loaded["inference_allowed_mirroring_axes"] if mirroring else None
        self.networks = TiledNetworks(
            networks,
            self.labels.num_segmentation_heads,
            self.configuration.patch_size,
            step_size,
            mirror_axes or (),
            device,
            engine,
        )

    def prepare(self, ct: str | Path) -> Prepared:
        """Read a CT, and bring it to the voxels that the networks were trained on."""
        if not is_known(self.configuration.resampling_fn_data, order=3):
            return self._prepared_by_nnunet(ct)
        if any(self.configuration.use_mask_for_norm):
            # The mask of what is not zero is needed as nnU-Net makes it.
            return self._prepared_by_nnunet(ct)
        data, properties = self.plans.image_reader_writer_class().read_images([str(ct)])
        data = data.astype(np.float32).transpose(
            [0, *(n + 1 for n in self.plans.transpose_forward)]
        )
        properties["shape_before_cropping"] = data.shape[1:]
        # nnU-Net fills the holes of this mask first, which moves no side of its box.
        box = get_bbox_from_mask((data != 0).any(axis=0))
        properties["bbox_used_for_cropping"] = box
        data = np.ascontiguousarray(data[(slice(None), *(slice(*side) for side in box))])
        properties["shape_after_cropping_and_before_resampling"] = data.shape[1:]
        data = self._preprocessor()._normalize(
            data,
            np.zeros((1, 1, 1, 1), np.int8),
            self.configuration,
            self.plans.foreground_intensity_properties_per_channel,
        )
        spacing, wanted = self._spacing(properties), self.configuration.spacing
        shape = tuple(compute_new_shape(data.shape[1:], spacing, wanted))
        apart, axis = slices_apart(spacing, wanted)
        if apart and axis != 0:
            data = self.configuration.resampling_fn_data(data, shape, spacing, wanted)
            return Prepared(torch.from_numpy(data), properties)

        def resampled(device: torch.device) -> np.ndarray:
            return np.stack([cubic(channel, shape, apart, device) for channel in data])

        return Prepared(torch.from_numpy(self._on_device(resampled)), properties)

    def segment(self, ct: str | Path, folds: Iterable[int]) -> np.ndarray:
        """Return the labels of a CT volume as uint8 in (z, y, x) order, on the volume's own grid.

        The logits of the folds are averaged, as in nnU-Net's ensembles.
        """
        return self.segment_prepared(self.prepare(ct), folds, False)[0]

    def segment_with_probability(
        self, ct: str | Path, folds: Iterable[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return labels as `segment` does, and lesion probabilities times 255 (uint8)."""
        labels, probability = self.segment_prepared(self.prepare(ct), folds, True)
        assert probability is not None
        return labels, probability

    def segment_prepared(
        self, scan: Prepared, folds: Iterable[int], with_probability: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the labels of a prepared scan, and if asked for its lesion probability (uint8)."""
        logits = self.networks.mean_logits(scan.image, list(folds))
        spacing, properties = self._spacing(scan.properties), scan.properties
        apart, axis = slices_apart(self.configuration.spacing, spacing)
        known = is_known(self.configuration.resampling_fn_probabilities, order=1)
        if not known or (apart and axis != 0):
            return self._exported_by_nnunet(logits, properties, with_probability)
        shape = tuple(properties["shape_after_cropping_and_before_resampling"])

        def resampled(device: torch.device) -> tuple[np.ndarray, np.ndarray | None]:
            return labels_on_grid(logits, shape, apart, device, with_probability)

        labels, probability = self._on_device(resampled)
        whole = self._uncropped(labels, properties)
        return whole, None if probability is None else self._uncropped(probability, properties)

    def _network(self) -> torch.nn.Module:
        return get_network_from_plans(
            self.configuration.network_arch_class_name,
            self.configuration.network_arch_init_kwargs,
            self.configuration.network_arch_init_kwargs_req_import,
            len(self.description["channel_names"]),
            self.labels.num_segmentation_heads,
            allow_init=False,
            deep_supervision=False,
        )

    def _preprocessor(self):
        return self.configuration.preprocessor_class(verbose=False)

    def _spacing(self, properties: dict) -> list[float]:
        """Return a CT's spacing in the plan's order of axes."""
        return [properties["spacing"][axis] for axis in self.plans.transpose_forward]

    def _uncropped(self, inside: np.ndarray, properties: dict) -> np.ndarray:
        """Put what was computed in the box of a CT at its place; around it is background."""
        whole = np.zeros(properties["shape_before_cropping"], np.uint8)
        whole[tuple(slice(*side) for side in properties["bbox_used_for_cropping"])] = inside
        return np.ascontiguousarray(whole.transpose(self.plans.transpose_backward))

    def _on_device(self, compute: Callable[[torch.device], Answer]) -> Answer:
        """Compute on the device, or on the CPU where the device lacks the memory."""
        try:
            return compute(self.device)
        except torch.OutOfMemoryError:
            LOG.warning(
                "The GPU's memory is used up: this scan is resampled on the CPU, which takes longer"
            )
        return compute(CPU)

    def _prepared_by_nnunet(self, ct: str | Path) -> Prepared:
        image, _, properties = self._preprocessor().run_case(
            [str(ct)], None, self.plans, self.configuration, self.description
        )
        return Prepared(torch.from_numpy(image), properties)

    def _exported_by_nnunet(self, logits, properties: dict, with_probability: bool):
        found = convert_predicted_logits_to_segmentation_with_correct_shape(
            logits.cpu(),
            self.plans,
            self.configuration,
            self.labels,
            properties,
            return_probabilities=with_probability,
            num_threads_torch=torch.get_num_threads(),
        )
        if not with_probability:
            return found.astype(np.uint8), None
        return found[0].astype(np.uint8), probability_bytes(found[1][LESION])
