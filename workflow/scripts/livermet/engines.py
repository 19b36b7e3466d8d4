"""What can compute a trained network on a CPU; read by the config, which is read without torch."""

from enum import StrEnum


class Engine(StrEnum):
    """What computes a network on a CPU."""

    OPENVINO = "openvino"
    TORCH = "torch"
