"""The 107 features of three masks: ours against PyRadiomics' `execute` with the same settings.

Cases: a phantom of a liver (512 x 512 x 400 voxels of 0.75 x 0.75 x 1 mm) with 60 lesions of 300 ml
in all, a ball of about 1,350 voxels in a phantom that is at 1 mm already, and, where the real data
are beside the project, PyRadiomics' lung1 (512 x 512 x 48) and the largest tumour of the sarcoma
cohort. Each is resampled to 1 mm, from images in memory, on one thread. Ours runs before and after
the peer; the peer runs once as a user calls it and once without its diagnostics, which hash every
image. Of the phantom the 60 lesions are measured one by one too (`all_lesions_seconds`, the union
and the component labelling among them).

The line's own numbers are the phantom's; `cases` holds those of every case.
"""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

# This file's folder would come first, and this file for PyRadiomics, whose name it has.
sys.path = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]

import numpy as np
import SimpleITK as sitk
from radiomics import setVerbosity
from radiomics.featureextractor import RadiomicsFeatureExtractor

from livermet.images import LESION, LIVER, array_of, on_grid_of
from livermet.radiomics.features import FEATURES, feature_extractor, mask_features
from livermet.radiomics.scans import scan_features

SETTINGS = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
DATA = Path(__file__).parents[2] / "shared" / "data"
SMALL_TURNS = 10
SPACING_MM = (1.0, 0.75, 0.75)
SHAPE, LESIONS, VOLUME_MM3 = (400, 512, 512), 60, 300_000
LIVER_MM = np.array([[100, 80, 80], [300, 260, 280]])


def main():
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    setVerbosity(60)
    ct, mask = liver_phantom(np.random.default_rng(1))
    extractor = feature_extractor(SETTINGS)
    # Ours alone first: a process's peak never falls.
    mask_features(ct, mask, extractor)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cases = [compared("liver phantom", ct, mask, extractor)]
    labels = liver_labels(mask)
    start = time.perf_counter()
    scan_features(ct, labels, SETTINGS)
    all_lesions = time.perf_counter() - start
    cases.append(compared("small ball at 1 mm", *small_ball(), extractor, SMALL_TURNS))
    cases += [compared(name, *map(read, paths), extractor) for name, paths in real_cases()]
    first = cases[0]
    print(
        json.dumps(
            {
                "name": "radiomics",
                **first,
                "peer": "PyRadiomics' execute, same settings",
                "all_lesions_seconds": round(all_lesions, 2),
                "peak_mb": round(peak_mb),
                "images_mb": round((ct.GetNumberOfPixels() * 3) / 2**20),
                "cases": cases,
            }
        )
    )


def real_cases():
    """List the real cases that are at hand: name, and paths of CT and mask."""
    sarcoma = DATA / "sts" / "nifti" / "STS_022"
    lung = DATA / "pyradiomics"
    found = {
        "lung1": (lung / "lung1_image.nrrd", lung / "lung1_label.nrrd"),
        "sarcoma STS_022": (sarcoma / "CT_image.nii.gz", sarcoma / "CT_mask.nii.gz"),
    }
    absent = [name for name, (path, _) in found.items() if not path.exists()]
    if absent:
        print(f"not measured, no data: {', '.join(absent)}", file=sys.stderr)
    return [(name, paths) for name, paths in found.items() if name not in absent]


def read(path):
    return sitk.ReadImage(str(path))


def compared(name, ct, mask, extractor, turns=1):
    """Time ours and the peer on one case, and compare the 107 values.

    In each turn ours runs before and after the peer.
    """
    values, _ = mask_features(ct, mask, extractor)
    full = RadiomicsFeatureExtractor(**SETTINGS)
    plain = RadiomicsFeatureExtractor(**SETTINGS, additionalInfo=False)
    times = {"ours": [], "peer": [], "plain": []}
    for _ in range(turns):
        times["ours"].append(timed(mask_features, ct, mask, extractor)[0])
        seconds, expected = timed(full.execute, ct, mask)
        times["peer"].append(seconds)
        times["plain"].append(timed(plain.execute, ct, mask)[0])
        times["ours"].append(timed(mask_features, ct, mask, extractor)[0])
    seconds, peer, without_diagnostics = map(statistics.median, times.values())
    return {
        "case": f"{name}, {' x '.join(map(str, ct.GetSize()))}",
        "seconds": round(seconds, 4),
        "peer_seconds": round(peer, 4),
        "ratio": round(peer / seconds, 1),
        "peer_seconds_without_diagnostics": round(without_diagnostics, 4),
        "ratio_without_diagnostics": round(without_diagnostics / seconds, 1),
        "max_rel_diff": max(relative(values[key], float(expected[key])) for key in FEATURES),
        "same_to_the_last_bit": sum(values[key] == float(expected[key]) for key in FEATURES),
    }


def relative(one, other):
    return 0.0 if one == other else abs(one - other) / abs(other)


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def liver_phantom(random):
    """Make noise of 100 HU with bumpy lesions of 60 HU, none of which touch."""
    hu = np.empty(SHAPE, np.int16)
    for plane in hu:
        plane[:] = random.normal(100, 20, plane.shape)
    mask = np.zeros(SHAPE, np.uint8)
    radii = np.sort(random.lognormal(0, 0.5, LESIONS))[::-1]
    radii *= np.cbrt(VOLUME_MM3 / (4 / 3 * np.pi * (radii**3).sum()))
    placed = []
    for radius in radii:
        centre = free_place(placed, radius, random)
        placed.append((centre, radius))
        box, inside = bumpy_ball(centre, radius)
        mask[box][inside] = 1
        hu[box][inside] -= 40
    ct = sitk.GetImageFromArray(hu)
    ct.SetSpacing(SPACING_MM[::-1])
    return ct, on_grid_of(mask, ct)


def small_ball():
    """Make noise in cubes of 1 mm and a ball in it."""
    hu = np.random.default_rng(2).normal(80, 40, (64, 64, 64)).round().astype(np.int16)
    from_centre = np.indices(hu.shape) - 30.0
    ct = sitk.GetImageFromArray(hu)
    return ct, on_grid_of((np.sum(from_centre**2, axis=0) <= 6.85**2).astype(np.uint8), ct)


def liver_labels(mask):
    """Return the lesions in a liver that is a box 10 mm wider than where their balls lie."""
    array = np.zeros(SHAPE, np.uint8)
    low, high = (np.divide(LIVER_MM[end] + mm, SPACING_MM) for end, mm in ((0, -10), (1, 10)))
    array[tuple(slice(int(first), int(last)) for first, last in zip(low, high, strict=True))] = (
        LIVER
    )
    array[array_of(mask) == 1] = LESION
    return on_grid_of(array, mask)


def free_place(placed, radius, random):
    """Draw centres (mm) until the ball touches no other."""
    while True:
        centre = random.uniform(LIVER_MM[0] + radius, LIVER_MM[1] - radius)
        apart = (np.linalg.norm(centre - other) - 1.2 * (radius + size) for other, size in placed)
        if all(mm > 2 for mm in apart):
            return centre


def bumpy_ball(centre, radius):
    low, high = (np.divide(centre + sign * 1.2 * radius, SPACING_MM) for sign in (-1, 1))
    low, high = np.floor(low).astype(int), np.ceil(high).astype(int) + 1
    box = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
    voxels = np.indices(high - low) + low[:, None, None, None]
    away = voxels * np.reshape(SPACING_MM, (3, 1, 1, 1)) - centre[:, None, None, None]
    mm = np.linalg.norm(away, axis=0)
    z, y, _ = away / np.maximum(mm, 1e-9)
    return box, mm < radius * (1 + 0.15 * np.sin(4 * z + radius) * np.cos(3 * y))


if __name__ == "__main__":
    main()
