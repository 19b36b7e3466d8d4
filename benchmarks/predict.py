"""Prediction of a batch of CTs by nnU-Net's networks: livermet against `nnUNetv2_predict`.

Both segment the same phantoms of a CT with the same checkpoints, each in a process of its own from
its imports to its last file, in turn: nnU-Net with its default workers, livermet, nnU-Net with as
many processes as livermet has threads for. The network is a small U-Net whose last layer alone is
fitted to a phantom, so that it finds liver and lesions. Seconds are those of the whole batch by its
scans; CPU seconds are those of all processes, and say more on a machine that does other work.
Memory is the largest sum over a way's processes (proportional set size), sampled.

`--device cuda` runs both on a GPU, `--mirroring` over eight mirrored inputs; `--size` is x, y, z.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from livermet.engines import Engine
from livermet.files import read_json, write_json
from livermet.images import LESION, LIVER, array_of, read_image
from livermet.nnunet.prediction import FoldPredictor
from livermet.pipeline import in_three_steps
from livermet.predicted import write_on_grid

DATASET, TRAINER, PLANS = "Dataset501_phantoms", "nnUNetTrainer", "nnUNetPlans"
CT_SPACING_MM = (0.8, 0.8, 2.0)  # x, y, z
SPACING_MM = (2.0, 0.789, 0.789)  # of the network, z, y, x
DESCRIPTION = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "liver": 1, "lesion": 2},
    "numTraining": 1,
    "file_ending": ".nii.gz",
}
HU = {"air": -1000, "body": 0, LIVER: 100, LESION: 200}
SEED = 1


def main():
    options = parsed()
    if options.ours:
        predict(options)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_scans(folder, options)
        make_model(folder, options)
        ways = {
            "default": peer(folder, options),
            "ours": [sys.executable, __file__, "--ours", name, *sys.argv[1:]],
        }
        if not options.default_alone:
            ways["equal"] = [*peer(folder, options, "equal"), *workers(options.threads)]
        runs = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, command in ways.items():
                (folder / way).mkdir(exist_ok=True)
                runs[way].append(measured(command, environment(folder, way, options), options))
                # Now, since a machine may be taken back before the last way has ended.
                print(way, json.dumps(runs[way][-1]), file=sys.stderr, flush=True)
        print(json.dumps(summary(folder, runs, options)))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=3, default=(512, 512, 200))
    parser.add_argument("--scans", type=int, default=2)
    parser.add_argument("--folds", type=int, default=1)
    parser.add_argument("--mirroring", action="store_true")
    parser.add_argument("--default-alone", action="store_true", help="not by equal threads")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--engine", choices=[*Engine], default=Engine.OPENVINO, help="on a CPU")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 16))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--step", type=float, default=0.5, help="tiles' distance, of a patch")
    parser.add_argument("--patch", type=int, nargs=3, default=(64, 160, 160), help="z, y, x")
    parser.add_argument("--features", type=int, nargs="+", default=(4, 8, 16), help="by stage")
    parser.add_argument("--convolutions", type=int, default=1, help="of each stage")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_scans(folder, options):
    (folder / "scans").mkdir()
    for number in range(options.scans):
        hu, _ = phantom(options.size[::-1], SEED + number)
        image = sitk.GetImageFromArray(hu)
        image.SetSpacing(CT_SPACING_MM)
        sitk.WriteImage(image, str(folder / "scans" / f"scan{number}_0000.nii.gz"), True)


def phantom(shape, seed):
    """Make a CT (z, y, x; int16) of a body with a liver and 12 lesions, and its labels."""
    random = np.random.default_rng(seed)
    grid = np.ogrid[tuple(slice(-1, 1, size * 1j) for size in shape)]
    labels = np.zeros(shape, np.uint8)
    liver = inside(grid, (0, 0, -0.3), (0.7, 0.4, 0.35))
    labels[liver] = LIVER
    for _ in range(12):
        centre = random.uniform((-0.4, -0.2, -0.5), (0.4, 0.2, -0.1))
        labels[liver & inside(grid, centre, random.uniform(0.06, 0.12) * np.ones(3))] = LESION
    hu = random.normal(0, 12, shape).astype(np.float32)
    hu += np.where(inside(grid, (0, 0, 0), (9, 0.75, 0.85)), HU["body"], HU["air"])
    for label in (LIVER, LESION):
        hu[labels == label] += HU[label]
    return hu.round().astype(np.int16), labels


def inside(grid, centre, half):
    return sum(((a - c) / h) ** 2 for a, c, h in zip(grid, centre, half, strict=True)) < 1


def make_model(folder, options):
    """Write a model's folder as nnU-Net's training leaves it, with fitted checkpoints."""
    model = folder / DATASET / f"{TRAINER}__{PLANS}__3d_fullres"
    plan = make_plan(options)
    for name, content in (("plans", plan), ("dataset", DESCRIPTION)):
        write_json(content, model / f"{name}.json")
    for fold in range(options.folds):
        path = model / f"fold_{fold}" / "checkpoint_final.pth"
        path.parent.mkdir(parents=True)
        torch.save(
            {
                "network_weights": fitted(plan, fold, options),
                "inference_allowed_mirroring_axes": (0, 1, 2),
                "trainer_name": TRAINER,
                "init_args": {"configuration": "3d_fullres"},
            },
            path,
        )


def make_plan(options):
    stages = len(options.features)
    network = {
        "n_stages": stages,
        "features_per_stage": list(options.features),
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * stages,
        "strides": [[1, 1, 1], *[[2, 2, 2]] * (stages - 1)],
        "n_conv_per_stage": [options.convolutions] * stages,
        "n_conv_per_stage_decoder": [options.convolutions] * (stages - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    resampling = {"is_seg": False, "order_z": 0, "force_separate_z": None}
    kinds = {
        "data": resampling | {"order": 3},
        "seg": resampling | {"is_seg": True, "order": 1},
        "probabilities": resampling | {"order": 1},
    }
    configuration = {
        "data_identifier": "phantoms",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(options.patch),
        "spacing": list(SPACING_MM),
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": network,
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": True,
    }
    for kind, keywords in kinds.items():
        configuration[f"resampling_fn_{kind}"] = "resample_data_or_seg_to_shape"
        configuration[f"resampling_fn_{kind}_kwargs"] = keywords
    intensities = {"mean": 90.0, "std": 40.0, "percentile_00_5": -50.0, "percentile_99_5": 250.0}
    return {
        "dataset_name": DATASET,
        "plans_name": PLANS,
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }


def fitted(plan, fold, options):
    """Return a random network's weights, the last layer fitted to three tiles of a phantom."""
    torch.manual_seed(fold)
    network = network_of(plan)
    hu, labels = phantom(options.size[::-1], 100 + fold)
    normal = plan["foreground_intensity_properties_per_channel"]["0"]
    limited = np.clip(hu, normal["percentile_00_5"], normal["percentile_99_5"])
    image = ((limited - normal["mean"]) / normal["std"]).astype(np.float32)
    seen = {}
    last = network.decoder.seg_layers[-1]
    last.register_forward_hook(lambda module, given, _: seen.update(features=given[0].detach()))
    features, wanted = [], []
    for share in (0.2, 0.5, 0.8):
        tile = tuple(
            slice(int(share * (size - edge)), int(share * (size - edge)) + edge)
            for size, edge in zip(hu.shape, options.patch, strict=True)
        )
        with torch.no_grad():
            network(torch.from_numpy(image[tile])[None, None])
        features.append(seen["features"][..., ::2, ::2, ::2])
        wanted.append(torch.from_numpy(labels[tile][::2, ::2, ::2].astype(np.int64))[None])
    features, wanted = torch.cat(features), torch.cat(wanted)
    optimiser = torch.optim.LBFGS(last.parameters(), max_iter=30, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        weights = torch.tensor([0.2, 0.5, 3.0])
        value = torch.nn.functional.cross_entropy(last(features), wanted, weights)
        value.backward()
        return value

    optimiser.step(loss)
    return network.state_dict()


def network_of(plan):
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    parts = plan["configurations"]["3d_fullres"]["architecture"]
    return get_network_from_plans(
        parts["network_class_name"],
        parts["arch_kwargs"],
        parts["_kw_requires_import"],
        1,
        len(DESCRIPTION["labels"]),
        deep_supervision=False,
    )


def predict(options):
    """Segment the scans as the rule's script does."""
    torch.set_num_threads(options.threads)
    folder = options.ours
    model = folder / DATASET / f"{TRAINER}__{PLANS}__3d_fullres"
    folds = range(options.folds)
    predictor = FoldPredictor(
        read_json(model / "plans.json"),
        read_json(model / "dataset.json"),
        {fold: model / f"fold_{fold}" / "checkpoint_final.pth" for fold in folds},
        torch.device(options.device),
        options.engine,
        options.step,
        options.mirroring,
    )
    steps = (
        predictor.prepare,
        lambda ct, scan: predictor.segment_prepared(scan, folds, False)[0],
        lambda ct, labels: write_on_grid(labels, ct, folder / "ours" / written(ct)),
    )
    list(in_three_steps(sorted((folder / "scans").iterdir()), *steps, options.threads))


def written(ct):
    return ct.name.replace("_0000", "")


def peer(folder, options, way="default"):
    program = Path(sys.executable).with_name("nnUNetv2_predict")
    command = [program, "-i", folder / "scans", "-o", folder / way, "-d", DATASET]
    command += ["-tr", TRAINER, "-p", PLANS, "-c", "3d_fullres", "-device", options.device]
    command += ["-f", *range(options.folds), "-step_size", options.step]
    return [str(part) for part in (command if options.mirroring else [*command, "--disable_tta"])]


def workers(threads):
    each = str(max(1, threads // 2))
    return ["-npp", each, "-nps", each]


def environment(folder, way, options):
    roots = {f"nnUNet_{kind}": str(folder) for kind in ("raw", "preprocessed", "results")}
    given = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return given | roots | ({} if way == "default" else {"OMP_NUM_THREADS": str(options.threads)})


def measured(command, variables, options):
    """Run a command; give its wall and CPU seconds and the peaks of its memory."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=variables, stdout=sys.stderr)
    peaks = {"mb": 0, "gpu_mb": 0}
    ended = threading.Event()
    sampler = threading.Thread(target=sample, args=(process.pid, peaks, ended, options.device))
    sampler.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    sampler.join()
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}.")
    return {"s": time.monotonic() - began, "cpu_s": usage.ru_utime + usage.ru_stime, **peaks}


def sample(pid, peaks, ended, device):
    """Keep the largest sum of memory of a process and all that it started."""
    while not ended.wait(0.5):
        peaks["mb"] = max(peaks["mb"], sum(map(proportional_mb, family(pid))))
        if device == "cuda":
            query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
            used = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
            peaks["gpu_mb"] = max([peaks["gpu_mb"], *map(int, used)])


def family(pid):
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def proportional_mb(pid):
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def summary(folder, runs, options):
    best = {way: {key: min(r[key] for r in some) for key in some[0]} for way, some in runs.items()}
    ours, default = best["ours"], best["default"]
    peers = [way for way in best if way != "ours"]
    x, y, z = options.size
    return {
        "name": "predict",
        "case": f"{options.scans} CTs of {x} x {y} x {z} voxels, {options.folds} folds, "
        f"{8 if options.mirroring else 1} mirrored inputs, {options.device}, "
        f"features {'-'.join(map(str, options.features))}",
        "threads": options.threads,
        **a_scan("", ours, options),
        "peer": f"nnUNetv2_predict {metadata.version('nnunetv2')}, default workers",
        **a_scan("peer_", default, options),
        "ratio": round(default["s"] / ours["s"], 2),
        "cpu_ratio": round(default["cpu_s"] / ours["cpu_s"], 2),
        **(by_equal_threads(best["equal"], ours, options) if "equal" in best else {}),
        "min_dice": {
            name: min(dices(folder, label, peers))
            for name, label in (("liver", LIVER), ("lesion", LESION))
        },
        **{f"{way}_peak_mb": round(best[way]["mb"]) for way in best},
        **(
            {f"{way}_gpu_mb": best[way]["gpu_mb"] for way in best} if best["ours"]["gpu_mb"] else {}
        ),
    }


def by_equal_threads(equal, ours, options):
    ratio = round(equal["s"] / ours["s"], 2)
    return {**a_scan("equal_threads_", equal, options), "equal_threads_ratio": ratio}


def a_scan(way, run, options):
    """Give a run's wall and CPU seconds a scan, under names that begin with its way's."""
    return {
        f"{way}seconds": round(run["s"] / options.scans, 1),
        f"{way}cpu_seconds": round(run["cpu_s"] / options.scans, 1),
    }


def dices(folder, label, peers):
    """Yield the Dice of a class between our labels and each of nnU-Net's, for every scan."""
    for path in sorted((folder / "ours").glob("*.nii.gz")):
        ours, *others = (
            array_of(read_image(folder / way / path.name)) == label for way in ("ours", *peers)
        )
        for other in others:
            if not other.any():
                sys.exit(f"The network finds nothing of class {label}.")
            yield float(2 * (ours & other).sum() / (ours.sum() + other.sum()))


if __name__ == "__main__":
    main()
