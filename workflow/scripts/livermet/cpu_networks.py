"""Trained networks on a CPU, computed by OpenVINO in 32 bits.

OpenVINO compiles a network for the CPU that it runs on, which takes a second and one pass of
PyTorch's. From there on it needs a third to two thirds of PyTorch's time, for logits that differ by
rounding (docs/decisions/networks-on-a-cpu.md).
"""

import logging
import sys
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import cache

import torch

from livermet.engines import Engine

LOG = logging.getLogger("livermet")
Network = Callable[[torch.Tensor], torch.Tensor]
HINTS = {
    # Else 16 bits where a CPU has them, and so other results on another machine.
    "INFERENCE_PRECISION_HINT": "f32",
    # Else two jobs of one machine would share the cores of the first.
    "ENABLE_CPU_PINNING": False,
}


# What rounding may do to a logit, as a share of the logits' standard deviation: it is about 1e-5.
MOST_APART = 1e-2
# Of logits that are all the same.
LEAST_SPREAD = 1e-3


class NotConvertedError(Exception):
    """OpenVINO cannot compute a network."""


def on_device(network: torch.nn.Module, device: torch.device, engine: Engine) -> Network:
    """Return what computes a network's logits on a device; the engine is for a CPU alone."""
    ready = network.to(device).eval()
    return CompiledNetwork(ready) if device.type == "cpu" and engine == Engine.OPENVINO else ready


class CompiledNetwork:
    """A network that OpenVINO computes, compiled for the shape of the first patch that it sees.

    Patches (patch, channel, z, y, x; float32) go through one by one. A network that OpenVINO cannot
    convert is computed by PyTorch, and a warning says so.
    """

    def __init__(self, network: torch.nn.Module):
        self.network = network
        self.compute: Network | None = None

    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        """Return the logits of patches (patch, class, z, y, x; float32)."""
        if self.compute is None:
            self.compute = self._compiled(patches[:1])
        if len(patches) == 1:
            return self.compute(patches)
        return torch.cat([self.compute(one[None]) for one in patches])

    def _compiled(self, patch: torch.Tensor) -> Network:
        try:
            return compiled(self.network, patch)
        except NotConvertedError as error:
            LOG.warning(
                "OpenVINO cannot compute this network, so PyTorch does, which takes longer: %s",
                error,
            )
            return self.network


def compiled(network: torch.nn.Module, patch: torch.Tensor) -> Network:
    """Compile a network for one patch (1, channel, z, y, x) and as many threads as torch has.

    Raises NotConvertedError where OpenVINO lacks an operation of the network, and where its logits
    of a patch of noise are not PyTorch's.
    """
    core = _core()
    hints = {**HINTS, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    # Not of the patch itself: of one that is 0 all over, as air is, norms leave rounding alone.
    noise = torch.randn(patch.shape, generator=torch.Generator().manual_seed(0))
    converted, expected = _converted(network, noise)
    try:
        model = core.compile_model(converted, "CPU", hints)
    except RuntimeError as error:
        raise NotConvertedError(" ".join(str(error).split())) from error
    request = model.create_infer_request()

    def logits(one: torch.Tensor) -> torch.Tensor:
        # The answer is a copy: the next patch's does not overwrite it.
        return torch.from_numpy(request.infer([one.contiguous().numpy()])[0])

    _check_alike(logits(noise), expected)
    return logits


def _check_alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Raise NotConvertedError where logits are no others' to rounding.

    Kernels are chosen for the CPU that they run on, so that no test elsewhere has seen them all.
    """
    if found.shape != expected.shape:
        raise NotConvertedError(f"its answer is {tuple(found.shape)}, not {tuple(expected.shape)}")
    allowed = MOST_APART * max(float(expected.std()), LEAST_SPREAD)
    apart = float((found - expected).abs().max())
    if not apart <= allowed:
        raise NotConvertedError(f"on this CPU its logits are {apart:.2g} apart from PyTorch's")


@cache
def _core():
    """Return OpenVINO's core, one for the process.

    Each new one lays a stack for signals, and brings back the one before when it ends. Of several
    the last to end would leave one that is freed, and the next signal would kill the process.
    """
    # Late, since a GPU has no use for OpenVINO. Its import tells its makers of each use, over the
    # network and in a file of the user's home, unless the first package is missing; and it reads
    # the second, whose handler of logs closes what stderr was when it was read.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    hides = "absl" not in sys.modules
    if hides:
        sys.modules["absl"] = None  # type: ignore[assignment]
    import openvino

    if hides:
        del sys.modules["absl"]
    return openvino.Core()


class SteadyNorm(torch.nn.Module):
    """Normalisation over channels or groups of them, by means along one axis after the other.

    OpenVINO's own sums the million voxels of a patch in 32 bits, and is a hundred times as far from
    the sum in 64 bits as PyTorch's. Along one axis few values are summed.
    """

    def __init__(self, norm: torch.nn.InstanceNorm3d | torch.nn.GroupNorm):
        super().__init__()
        by_channel = isinstance(norm, torch.nn.InstanceNorm3d)
        self.channels = norm.num_features if by_channel else norm.num_channels
        self.groups = self.channels if by_channel else norm.num_groups
        self.eps, self.weight, self.bias = norm.eps, norm.weight, norm.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (patch, channel, z, y, x)."""
        centred = x - self._mean(x)
        scale = torch.rsqrt(self._mean(centred * centred) + self.eps)
        if self.weight is None:
            return centred * scale
        return centred * (scale * _by_channel(self.weight)) + _by_channel(self.bias)

    def _mean(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mean of each channel's group (patch, channel, 1, 1, 1)."""
        number = x.shape[-1] * x.shape[-3]
        # Sums and means by turns: of two means in a row OpenVINO makes one.
        x = x.sum(-1, keepdim=True).mean(-2, keepdim=True).sum(-3, keepdim=True) / number
        in_group = self.channels // self.groups
        if in_group == 1:
            return x
        means = x.reshape(-1, self.groups, in_group, 1).mean(2, keepdim=True)
        return means.repeat(1, 1, in_group, 1).reshape(-1, self.channels, 1, 1, 1)


def _by_channel(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(1, -1, 1, 1, 1)


def with_steady_norms(network: torch.nn.Module) -> torch.nn.Module:
    """Copy a network; what normalises over the voxels of a patch becomes a `SteadyNorm`."""
    copy = deepcopy(network)
    for parent in list(copy.modules()):
        for name, child in parent.named_children():
            of_patch = isinstance(child, torch.nn.InstanceNorm3d) and not child.track_running_stats
            if of_patch or isinstance(child, torch.nn.GroupNorm):
                setattr(parent, name, SteadyNorm(child))
    return copy


def _converted(network: torch.nn.Module, patch: torch.Tensor):
    """Return OpenVINO's model of a network for patches of one shape, and PyTorch's logits."""
    from openvino import frontend
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    failures = (
        RuntimeError,
        frontend.GeneralFailure,
        frontend.NotImplementedFailure,
        frontend.OpConversionFailure,
        frontend.OpValidationFailure,
    )
    steady = with_steady_norms(network)
    answers: list[torch.Tensor] = []
    steady.register_forward_hook(lambda module, given, answer: answers.append(answer))
    with torch.no_grad(), warnings.catch_warnings():
        # Of checks that hang on the shape, which stays that of the patch; and of what will go from
        # torch one day, which is pinned (its successor, torch.export, cannot be read by now).
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(steady, patch, check_trace=False)
    reader = frontend.FrontEndManager().load_by_framework("pytorch")
    # The model reads the decoder, which nothing else would keep.
    decoder = TorchScriptPythonDecoder(traced)
    try:
        model = reader.convert(reader.load(decoder))
        model.reshape(list(patch.shape))
    except failures as error:
        raise NotConvertedError(" ".join(str(error).split())) from error
    return model, answers[0].detach()
