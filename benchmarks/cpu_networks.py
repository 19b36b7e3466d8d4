"""One patch through a network on a CPU: PyTorch, and OpenVINO as livermet has it and otherwise.

The networks are U-Nets of random weights: that of benchmarks/predict.py, and one as large as
nnU-Net plans for the article's patch. One JSON line a network and way: CPU seconds of a patch (the
smallest of several, in turn with the other ways), their ratio to PyTorch's, and the largest
distance of a logit from the same network in 64 bits, as a share of the logits' standard deviation.
"""

import argparse
import json
import os
import time
from copy import deepcopy
from unittest import mock

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet

from livermet import cpu_networks

# Features by stage; patch z, y, x.
NETWORKS = {
    "small": ((4, 8, 16), (64, 160, 160)),
    "as nnU-Net plans it": ((32, 64, 128, 256, 320), (64, 80, 80)),
}
WAYS = {
    "openvino": {"HINTS": cpu_networks.HINTS},
    "openvino, its own norms": {"with_steady_norms": lambda network: network},
    "openvino, 16 bits": {
        "HINTS": cpu_networks.HINTS | {"INFERENCE_PRECISION_HINT": "bf16"},
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 16))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name, (features, shape) in NETWORKS.items():
        torch.manual_seed(1)
        network, patch = unet(features), torch.randn(1, 1, *shape)
        with torch.inference_mode():
            exact = deepcopy(network).double()(patch.double())
            ways = {"torch": network}
            for way, changes in WAYS.items():
                with mock.patch.multiple(cpu_networks, **changes):
                    ways[way] = cpu_networks.compiled(network, patch)
            seconds = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, compute in ways.items():
                    seconds[way].append(cpu_seconds(compute, patch))
            for way, compute in ways.items():
                line = {
                    "name": "cpu_networks",
                    "network": name,
                    "way": way,
                    "threads": options.threads,
                    "cpu_s": round(min(seconds[way]), 3),
                    "ratio": round(min(seconds["torch"]) / min(seconds[way]), 2),
                    "error": float(f"{(compute(patch) - exact).abs().max() / exact.std():.2g}"),
                }
                print(json.dumps(line), flush=True)


def unet(features):
    stages = len(features)
    return PlainConvUNet(
        input_channels=1,
        n_stages=stages,
        features_per_stage=features,
        conv_op=torch.nn.Conv3d,
        kernel_sizes=[[3, 3, 3]] * stages,
        strides=[[1, 1, 1], *[[2, 2, 2]] * (stages - 1)],
        n_conv_per_stage=[2] * stages,
        num_classes=3,
        n_conv_per_stage_decoder=[2] * (stages - 1),
        conv_bias=True,
        norm_op=torch.nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=torch.nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
    ).eval()


def cpu_seconds(compute, patch):
    before = time.process_time()
    compute(patch)
    return time.process_time() - before


if __name__ == "__main__":
    main()
