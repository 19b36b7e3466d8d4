"""Resampling of a mask's CT: ours against a crop with a margin and SimpleITK's Resample.

The cases are those of `benchmarks/radiomics.py`: a liver phantom with 60 lesions and, where the
real data are beside the project, lung1 and a sarcoma; of the phantom its largest lesion alone too.
Each way resamples CT and mask to 1 mm on one thread, in turn, and the 107 features follow from what
it gave. The margin is the same in both.

The line's own numbers are the phantom's; `cases` holds those of every case.
"""

import json
import resource
import statistics
import sys
from importlib import util
from pathlib import Path
from unittest import mock

# This folder holds a file of PyRadiomics' name.
HERE = Path(__file__).resolve().parent
sys.path = [place for place in sys.path if Path(place).resolve() != HERE]

import cc3d
import numpy as np
import SimpleITK as sitk
from radiomics import setVerbosity

from livermet.images import array_of, on_grid_of
from livermet.radiomics import features
from livermet.radiomics.features import FEATURES, feature_extractor, mask_features
from livermet.radiomics.resampling import MARGIN, resample

REPEATS = 5


def resample_by_library(volume, mask, box, grid):
    """Do as `livermet.radiomics.resampling.resample`, by SimpleITK on a crop of the CT."""
    edges = list(zip(reversed(box), volume.ct.GetSize(), strict=True))
    first = [max(edge.start - MARGIN, 0) for edge, _ in edges]
    end = [min(edge.stop + MARGIN, size) for edge, size in edges]
    crop = volume.ct[tuple(slice(low, high) for low, high in zip(first, end, strict=True))]
    labels = sitk.GetImageFromArray(mask.astype(np.uint8))
    labels.SetSpacing(volume.ct.GetSpacing())
    labels.SetDirection(volume.ct.GetDirection())
    corner = [edge.start for edge, _ in edges]
    labels.SetOrigin(volume.ct.TransformIndexToPhysicalPoint(corner))
    onto = (
        grid.size.tolist(),
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        grid.origin.tolist(),
        np.asarray(grid.spacing, float).tolist(),
        grid.direction,
    )
    inside = sitk.GetArrayFromImage(sitk.Resample(labels, *onto)) > 0
    spline = (*onto[:2], sitk.sitkBSpline, *onto[3:])
    hu = sitk.GetArrayFromImage(sitk.Resample(crop, *spline))
    hu[~inside] = 0
    return hu, inside


def main():
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    setVerbosity(60)
    made = radiomics_benchmark()
    extractor = feature_extractor(made.SETTINGS)
    ct, mask = made.liver_phantom(np.random.default_rng(1))
    cases = [
        compared(made, "liver phantom, 60 lesions", ct, mask, extractor),
        compared(made, "liver phantom, largest lesion", ct, largest(mask), extractor),
    ]
    cases += [
        compared(made, name, *map(made.read, paths), extractor) for name, paths in made.real_cases()
    ]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "name": "resampling",
                **cases[0],
                "peer": f"crop with {MARGIN} voxels around, SimpleITK's Resample",
                "peak_mb": round(peak_mb),
                "cases": cases,
            }
        )
    )


def radiomics_benchmark():
    """Import benchmarks/radiomics.py, whose cases these are."""
    spec = util.spec_from_file_location("radiomics_benchmark", HERE / "radiomics.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def largest(mask):
    """Keep the largest component of a mask."""
    components = cc3d.connected_components(array_of(mask) == 1)
    sizes = np.bincount(components.ravel())
    return on_grid_of((components == sizes[1:].argmax() + 1).astype(np.uint8), mask)


def compared(made, name, ct, mask, extractor):
    """Time both ways of resampling on one case, and compare the 107 values that follow."""
    ways = {"ours": resample, "library": resample_by_library}
    seconds = {way: [] for way in ways}
    values, hu = {}, {}
    for _ in range(REPEATS):
        for way, function in ways.items():

            def timing(*arguments, way=way, function=function):
                spent, found = made.timed(function, *arguments)
                seconds[way].append(spent)
                hu[way] = found
                return found

            with mock.patch.object(features, "resample", timing):
                values[way], _ = mask_features(ct, mask, extractor)
    ours, library = (statistics.median(seconds[way]) for way in ways)
    (our_hu, our_mask), (their_hu, their_mask) = hu["ours"], hu["library"]
    relative = [made.relative(values["ours"][key], values["library"][key]) for key in FEATURES]
    return {
        "case": f"{name}, {' x '.join(map(str, ct.GetSize()))}",
        "seconds": round(ours, 3),
        "peer_seconds": round(library, 3),
        "ratio": round(library / ours, 2),
        "max_rel_diff": max(relative),
        "voxels_of_other_hu": int((our_hu != their_hu).sum()),
        "voxels_of_other_mask": int((our_mask != their_mask).sum()),
    }


if __name__ == "__main__":
    main()
