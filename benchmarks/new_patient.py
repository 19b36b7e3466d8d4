"""One new patient by a packed model: `livermet predict` against nnU-Net's own command.

The peer is `nnUNetv2_predict_from_modelfolder`.

Both see the same phantom of a CT with the same networks, one after the other, each as a user types
it. nnU-Net segments, and no more; livermet reads the scan, segments it, measures lesions and their
features, judges the phenotype and draws the patient's page and the viewer's, and what it takes for
that is the difference. `again_seconds` is the same command of livermet a second time, when nothing
is left to do. Memory is the largest sum over a program's processes, sampled.

    python benchmarks/new_patient.py MODEL

MODEL is a folder of `livermet pack` with networks of nnU-Net, such as the demo's.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from predict import CT_SPACING_MM, SEED, measured, phantom

from livermet.images import LESION, LIVER, array_of, read_image
from livermet.pack.folder import open_pack


def main():
    options = parsed()
    packed = open_pack(options.model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scan = folder / "scans" / "scan_0000.nii.gz"
        scan.parent.mkdir()
        make_scan(scan, options.size)
        ours = ours_of(folder, scan, options)
        first = measured(ours, dict(os.environ), options)
        peer = measured(peer_of(folder, packed, options), dict(os.environ), options)
        again = measured(ours, dict(os.environ), options)
        print(json.dumps(summary(folder, options, packed, first, again, peer)))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--size", type=int, nargs=3, default=(512, 512, 200))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parser.parse_args()


def make_scan(path, size):
    hu, _ = phantom(size[::-1], SEED)
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing(CT_SPACING_MM)
    # RAS+, to which livermet turns any scan and nnU-Net none: both networks see the same array.
    image.SetDirection((-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0))
    image.SetOrigin((200.0, 200.0, -200.0))
    sitk.WriteImage(image, str(path), True)


def ours_of(folder, scan, options):
    command = [Path(sys.executable).with_name("livermet"), "predict", scan]
    command += ["--model", options.model, "--out", folder / "ours", "--device", options.device]
    return [*map(str, [*command, "--secret", folder / "secret" / "secret"])]


def peer_of(folder, packed, options):
    prediction = packed.settings["segmentation"]["nnunet"]["prediction"]
    command = [Path(sys.executable).with_name("nnUNetv2_predict_from_modelfolder")]
    command += ["-i", folder / "scans", "-o", folder / "peer", "-m", packed.networks[0].parents[1]]
    command += ["-f", *range(len(packed.networks)), "-device", options.device]
    command += ["-step_size", prediction["step_size"]]
    return [
        str(part) for part in (command if prediction["mirroring"] else [*command, "--disable_tta"])
    ]


def summary(folder, options, packed, first, again, peer):
    x, y, z = options.size
    return {
        "name": "new_patient",
        "case": f"one CT of {x} x {y} x {z} voxels, {packed.model}, {len(packed.networks)} folds, "
        f"{options.device}",
        "seconds": round(first["s"], 1),
        "cpu_seconds": round(first["cpu_s"], 1),
        "again_seconds": round(again["s"], 1),
        "peer": "nnUNetv2_predict_from_modelfolder, which segments alone",
        "peer_seconds": round(peer["s"], 1),
        "peer_cpu_seconds": round(peer["cpu_s"], 1),
        "ratio": round(peer["s"] / first["s"], 2),
        "min_dice": dices(folder),
        "peak_mb": round(first["mb"]),
        "peer_peak_mb": round(peer["mb"]),
    }


def dices(folder):
    """Compare both label maps, which lie on the scan's own grid."""
    (ours,) = (folder / "ours" / "results" / "predict" / "predictions").rglob("*.nii.gz")
    theirs, mine = (array_of(read_image(path)) for path in (folder / "peer" / "scan.nii.gz", ours))
    both = {"liver": LIVER, "lesion": LESION}
    return {name: round(dice(mine == label, theirs == label), 4) for name, label in both.items()}


def dice(one, other):
    total = one.sum() + other.sum()
    return 1.0 if not total else float(2 * np.count_nonzero(one & other) / total)


if __name__ == "__main__":
    main()
