"""The device that networks run on."""

import torch

from livermet.errors import InputError


def choose_device(wanted: str) -> torch.device:
    """Turn the config's device (auto, cpu or cuda) into one that this machine has.

    Raises InputError where cuda is asked for and absent.
    """
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise InputError(
            "segmentation.device is 'cuda', but torch finds no GPU here: run on a GPU node, or set "
            "it to 'auto' or 'cpu'."
        )
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")
