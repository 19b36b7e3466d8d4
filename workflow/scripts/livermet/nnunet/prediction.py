"""Segmentation of series by one fold or by the mean of several, series by series."""

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
)
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from livermet.images import LESION, probability_bytes
from livermet.nnunet.layout import CONFIGURATION, TRAINER


class FoldPredictor:
    """The networks of one model's folds, each loaded once.

    `checkpoints` maps folds to files; plan and description are the contents of the plans and of
    dataset.json that the model was trained with. `step_size` is the tiles' distance as a share of
    the patch; `mirroring` averages over mirrored input where training mirrored too.
    """

    def __init__(
        self,
        plan: dict,
        description: dict,
        checkpoints: dict[int, str | Path],
        device: torch.device,
        step_size: float,
        mirroring: bool,
    ):
        self.plans = PlansManager(deepcopy(plan))
        self.configuration = self.plans.get_configuration(CONFIGURATION)
        self.labels = self.plans.get_label_manager(description)
        self.description = description
        self.device = device
        loaded = {
            fold: torch.load(path, map_location="cpu", weights_only=False)
            for fold, path in checkpoints.items()
        }
        self.weights = {fold: file["network_weights"] for fold, file in loaded.items()}
        mirror_axes = next(iter(loaded.values()))["inference_allowed_mirroring_axes"]
        network = get_network_from_plans(
            self.configuration.network_arch_class_name,
            self.configuration.network_arch_init_kwargs,
            self.configuration.network_arch_init_kwargs_req_import,
            len(description["channel_names"]),
            self.labels.num_segmentation_heads,
            allow_init=False,
            deep_supervision=False,
        )
        self.predictor = nnUNetPredictor(
            tile_step_size=step_size,
            use_mirroring=mirroring,
            device=device,
            perform_everything_on_device=device.type == "cuda",
            allow_tqdm=False,
        )
        self.predictor.manual_initialization(
            network, self.plans, self.configuration, None, description, TRAINER, mirror_axes
        )

    def segment(self, ct: str | Path, folds: Iterable[int]) -> np.ndarray:
        """Return the labels of a CT volume as uint8 in (z, y, x) order, on the volume's own grid.

        The logits of the folds are averaged, as in nnU-Net's ensembles.
        """
        return self._on_ct_grid(ct, folds, return_probabilities=False).astype(np.uint8)

    def segment_with_probability(
        self, ct: str | Path, folds: Iterable[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return labels as `segment` does, and each voxel's lesion probability times 255 (uint8).

        Needs memory for the probabilities of all classes on the volume's own grid, twice.
        """
        labels, probabilities = self._on_ct_grid(ct, folds, return_probabilities=True)
        return labels.astype(np.uint8), probability_bytes(probabilities[LESION])

    def _on_ct_grid(self, ct: str | Path, folds: Iterable[int], return_probabilities: bool):
        preprocessor = self.configuration.preprocessor_class(verbose=False)
        image, _, properties = preprocessor.run_case(
            [str(ct)], None, self.plans, self.configuration, self.description
        )
        logits = self._mean_logits(torch.from_numpy(image), list(folds))
        return convert_predicted_logits_to_segmentation_with_correct_shape(
            logits,
            self.plans,
            self.configuration,
            self.labels,
            properties,
            return_probabilities=return_probabilities,
            num_threads_torch=torch.get_num_threads(),
        )

    @torch.inference_mode()
    def _mean_logits(self, image: torch.Tensor, folds: list[int]) -> torch.Tensor:
        total = None
        for fold in folds:
            self.predictor.network.load_state_dict(self.weights[fold])
            logits = self.predictor.predict_sliding_window_return_logits(image).to("cpu")
            total = logits if total is None else total + logits
        return total / len(folds)  # type: ignore[operator]
