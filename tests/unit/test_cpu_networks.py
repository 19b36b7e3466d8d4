"""Networks that OpenVINO computes: held to PyTorch's own logits."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet
from monai.networks.nets import SegResNet, UNet

from livermet import cpu_networks
from livermet.engines import Engine

CPU = torch.device("cpu")
PATCH = (16, 32, 32)


def residual_encoder():
    """nnU-Net's network of the plans `resenc_m` and `resenc_l`, small."""
    return ResidualEncoderUNet(
        input_channels=1,
        n_stages=3,
        features_per_stage=[4, 8, 8],
        conv_op=torch.nn.Conv3d,
        kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        n_blocks_per_stage=[1, 2, 2],
        num_classes=3,
        n_conv_per_stage_decoder=[1, 1],
        conv_bias=True,
        norm_op=torch.nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=torch.nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=False,
    )


def unet():
    return UNet(3, 1, 3, channels=(4, 8, 8), strides=(2, 2), num_res_units=2, dropout=0.1)


def segresnet():
    return SegResNet(3, init_filters=8, in_channels=1, out_channels=3, dropout_prob=0.2)


@pytest.fixture
def patches():
    return torch.from_numpy(np.random.default_rng(5).normal(size=(3, 1, *PATCH)).astype("float32"))


@pytest.mark.parametrize("make", [residual_encoder, unet, segresnet])
def test_logits_are_pytorchs_to_rounding(make, patches, caplog):
    torch.manual_seed(1)
    network = make().eval()
    with torch.inference_mode():
        expected = network(patches)
        computed = cpu_networks.on_device(network, CPU, Engine.OPENVINO)
        found = computed(patches)
        again = computed(patches[1:])
    # float32 has 1.2e-7; a logit is the sum of some hundred products in several layers.
    scale = expected.std().item()
    assert (found - expected).abs().max() < 1e-4 * scale
    # What comes later overwrites nothing that was given out.
    assert torch.equal(found[1:], again)
    assert not caplog.records


@pytest.mark.parametrize("groups", [None, 2])
def test_norms_of_large_patches_are_as_exact_as_pytorchs(groups):
    """OpenVINO's own are off by 5e-5 here, and labels of a whole network by a hundredth in Dice."""
    patch = torch.from_numpy(
        np.random.default_rng(6).normal(1, 0.5, size=(1, 4, 64, 160, 160)).astype("float32")
    )
    norm = torch.nn.GroupNorm(groups, 4) if groups else torch.nn.InstanceNorm3d(4, affine=True)
    network = torch.nn.Sequential(norm)
    with torch.inference_mode():
        found = cpu_networks.on_device(network, CPU, Engine.OPENVINO)(patch)
        exact = network.double()(patch.double())
    assert (found - exact).abs().max() < 3e-6


def test_pytorch_computes_by_config_to_the_last_bit(patches):
    torch.manual_seed(1)
    network = unet().eval()
    with torch.inference_mode():
        assert torch.equal(
            cpu_networks.on_device(network, CPU, Engine.TORCH)(patches), network(patches)
        )


class WithoutCounterpart(torch.nn.Module):
    """Its operation is one that OpenVINO does not have."""

    def forward(self, x):
        return torch.special.bessel_j0(x)


def test_what_openvino_cannot_compute_pytorch_does_and_says_so(patches, caplog):
    network = WithoutCounterpart()
    with torch.inference_mode(), caplog.at_level(logging.WARNING, "livermet"):
        found = cpu_networks.on_device(network, CPU, Engine.OPENVINO)(patches)
    assert torch.equal(found, network(patches))
    (record,) = caplog.records
    assert record.message.startswith(
        "OpenVINO cannot compute this network, so PyTorch does, which takes longer: "
    )


def test_a_first_patch_of_air_decides_nothing(caplog):
    """Of what is 0 all over, instance norms make noise of rounding, in OpenVINO and in PyTorch."""
    torch.manual_seed(1)
    network = residual_encoder().eval()
    with torch.inference_mode(), caplog.at_level(logging.WARNING, "livermet"):
        computed = cpu_networks.on_device(network, CPU, Engine.OPENVINO)
        computed(torch.zeros(1, 1, *PATCH))
    assert not caplog.records


class WithNoise(torch.nn.Module):
    """OpenVINO draws other numbers than PyTorch does."""

    def forward(self, x):
        return x + torch.rand_like(x)


def test_logits_that_are_not_pytorchs_are_not_used(patches, caplog):
    network = WithNoise()
    with torch.inference_mode(), caplog.at_level(logging.WARNING, "livermet"):
        torch.manual_seed(1)
        computed = cpu_networks.on_device(network, CPU, Engine.OPENVINO)
        computed(patches)
    assert "on this CPU its logits are" in caplog.text
    assert computed.compute is network


ALONE = """
import socket, torch
def refused(*given, **named):
    raise SystemExit("the network was asked for")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refused
from livermet.cpu_networks import on_device
from livermet.engines import Engine
with torch.inference_mode():
    network = on_device(torch.nn.Conv3d(1, 2, 3), torch.device("cpu"), Engine.OPENVINO)
    print(tuple(network(torch.zeros(1, 1, 8, 8, 8)).shape))
"""


def test_nobody_is_told_that_a_network_was_computed(root, tmp_path, monkeypatch):
    """OpenVINO's converter would send statistics of use, also from a hospital."""
    monkeypatch.setenv("HOME", str(tmp_path))
    # Where it is set, OpenVINO itself says nothing.
    monkeypatch.delenv("CI", raising=False)
    folder = root / "workflow" / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout == "(1, 2, 6, 6, 6)\n", done.stderr
    assert not list(tmp_path.rglob("*"))


WITH_LOGS = """
import logging, sys, torch
from livermet.cpu_networks import on_device
from livermet.engines import Engine
with torch.inference_mode():
    network = on_device(torch.nn.Conv3d(1, 2, 3), torch.device("cpu"), Engine.OPENVINO)
    network(torch.zeros(1, 1, 8, 8, 8))
before, sys.stderr = sys.stderr, open("/dev/null", "w")
logging.shutdown()
print(before.closed)
"""


def test_the_end_of_logs_closes_no_stream_of_others(root):
    """A package that OpenVINO reads has a handler that closes the stderr it was read with."""
    folder = root / "workflow" / "scripts"
    # As where tests catch what is written: what Python itself calls stderr is never closed.
    caught = "import io, sys; sys.stderr = io.StringIO()" + WITH_LOGS
    done = subprocess.run(
        [sys.executable, "-c", caught], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


WITH_SIGNALS = """
import signal, subprocess, torch
from livermet.cpu_networks import on_device
from livermet.engines import Engine
def computed():
    network = on_device(torch.nn.Conv3d(1, 2, 3), torch.device("cpu"), Engine.OPENVINO)
    network(torch.zeros(1, 1, 8, 8, 8))
    return network
signal.signal(signal.SIGCHLD, lambda *_: print("handled"))
with torch.inference_mode():
    first, second = computed(), computed()
del first
del second
subprocess.run(["true"])
"""


def test_signals_are_handled_when_networks_have_gone(root):
    """Two cores of OpenVINO that end in their order leave a freed stack to the next signal."""
    folder = root / "workflow" / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", WITH_SIGNALS], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "handled\n"
