"""What the grid of resampling decides: features of a turned file, and of another reconstruction.

Of the sarcoma cohort's CTs and masks, the smallest files first (`python benchmarks/orientation.py
36` takes all; 12 by default), and PyRadiomics' lung1, each resampled to 1 mm on both grids:

- turned: the same volume stored from another corner (RAS instead of LPS). How many of the 107
  features move, by case.
- reconstructions: neighbouring slices averaged in pairs, which is a reconstruction of twice the
  thickness, from the first slice on and from the second. ICC(A,1) of each feature between the
  volume and the first (thin and thick), ICC(1,1) between the two thick ones.

No peer: PyRadiomics itself has the grid `corner`.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

# This file's folder holds a file that has PyRadiomics' name.
sys.path = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]

from livermet.detection.lesions import labelled_box
from livermet.images import array_of
from livermet.radiomics.features import FEATURES, feature_extractor, region_features
from livermet.radiomics.resampling import SplineVolume
from livermet.statistics.reproducibility import AGREEMENT, ONE_WAY, icc_by_pingouin
from livermet.vocabulary import Grid

SETTINGS = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
DATA = Path(__file__).parents[2] / "shared" / "data"
LIMITS = (0.01, 0.1)
GOOD = 0.75


def main():
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    start = time.perf_counter()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    cases = real_cases(count)
    if not cases:
        print("not measured, no data: ../shared/data", file=sys.stderr)
        return
    extractor = feature_extractor(SETTINGS)
    turned, made = [], {grid: {} for grid in Grid}
    for name, paths in cases.items():
        images = [sitk.ReadImage(str(path)) for path in paths]
        around = [sitk.DICOMOrient(image, "RAS") for image in images]
        thick = [[in_pairs(image, first) for image in images] for first in (0, 1)]
        for grid in Grid:
            values = [measured(pair, grid, extractor) for pair in (images, around, *thick)]
            moved = relative(values[0], values[1])
            turned.append({"case": name, "grid": grid.value, **counts(moved)})
            made[grid][name] = values
        print(turned[-2], turned[-1], file=sys.stderr, flush=True)
    told = pd.DataFrame(turned).groupby("grid")
    print(
        json.dumps(
            {
                "name": "orientation",
                "case": f"{len(cases)} masks, LPS to RAS",
                "seconds": round(time.perf_counter() - start, 1),
                "peer": "",
                "moved_median": told[["by_1_percent", "by_10_percent"]].median().to_dict("index"),
                "moved_most": told[["by_1_percent", "by_10_percent", "most"]]
                .max()
                .to_dict("index"),
                "icc": {grid.value: reconstructions(made[grid]) for grid in Grid},
                "cases": turned,
            }
        )
    )


def real_cases(count):
    """List the cases at hand: name, and paths of CT and mask."""
    lung = DATA / "pyradiomics"
    found = {"lung1": (lung / "lung1_image.nrrd", lung / "lung1_label.nrrd")}
    folder = DATA / "sts" / "nifti"
    cts = sorted(folder.glob("*/CT_image.nii.gz"), key=lambda path: path.stat().st_size)
    found |= {path.parent.name: (path, path.with_name("CT_mask.nii.gz")) for path in cts[:count]}
    return {name: paths for name, paths in found.items() if paths[0].exists()}


def measured(images, grid, extractor):
    ct, mask = images
    inside = array_of(mask) == 1
    box = labelled_box(inside.astype(np.uint8))
    found = region_features(SplineVolume(ct), inside[box], box, extractor, grid)
    return np.array([found.values[name] for name in FEATURES])


def in_pairs(image, first):
    """Average neighbouring slices from one on; a mask (bytes) has what half of it has."""
    array = array_of(image)[first:]
    array = array[: len(array) // 2 * 2].astype(float)
    both = (array[::2] + array[1::2]) / 2
    mask = image.GetPixelID() == sitk.sitkUInt8 or np.isin(np.unique(array), (0, 1)).all()
    values = (both >= 0.5).astype(np.uint8) if mask else np.rint(both).astype(np.int16)
    made = sitk.GetImageFromArray(values)
    x, y, z = image.GetSpacing()
    made.SetSpacing((x, y, 2 * z))
    made.SetDirection(image.GetDirection())
    made.SetOrigin(image.TransformContinuousIndexToPhysicalPoint((0, 0, first + 0.5)))
    return made


def relative(one, other):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(one == other, 0, np.abs(one - other) / np.abs(one))


def counts(moved):
    one, ten = (int((moved > limit).sum()) for limit in LIMITS)
    worst = int(np.nanargmax(moved))
    return {
        "by_1_percent": one,
        "by_10_percent": ten,
        "most": float(moved[worst]),
        "feature": FEATURES[worst],
    }


def reconstructions(values):
    """Say how well features agree between reconstructions, over the cases of the cohort."""
    ratings = np.array([rows for name, rows in values.items() if name != "lung1"])
    found = {}
    for name, pair, form in (("thin_thick", (0, 2), AGREEMENT), ("thick_thick", (2, 3), ONE_WAY)):
        both = ratings[:, pair]
        both = both[np.isfinite(both).all(axis=(1, 2))]
        icc = np.array([icc_by_pingouin(both[..., k].T, form) for k in range(len(FEATURES))])
        found[name] = {
            "targets": len(both),
            "median": round(float(np.nanmedian(icc)), 3),
            "at_least_0.75": int((icc >= GOOD).sum()),
            "below_0.5": int((icc < 0.5).sum()),
        }
    return found


if __name__ == "__main__":
    main()
