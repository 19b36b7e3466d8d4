"""The proof of a volume: a second reader gives the same Hounsfield units at the same places."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from livermet.errors import InputError
from livermet.ingest.decoding import SecondReading
from livermet.ingest.headers import Slice
from livermet.ingest.stack import files, position
from livermet.vocabulary import Accepted

# Up to so many voxels every slice is read twice, beyond it a sample.
WHOLE_VOXELS = 64 * 512 * 512
SAMPLED_SLICES = 32
SEED = 20250313
# float32 holds Hounsfield units to about 1e-3.
EXACT_HU = 2e-3
# Two decoders of a lossy compression round differently: by one stored step.
LOSSY_STEPS = 1.01
PLACE_MM = 1e-2


def sampled(shape: Sequence[int]) -> list[int]:
    """Return the slices that are read twice: all of a small series, or a seeded sample.

    The first and the last slice are always among them. `shape` is (columns, rows, slices).
    """
    count = int(shape[2])
    if np.prod(shape, dtype=np.int64) <= WHOLE_VOXELS or count <= SAMPLED_SLICES:
        return list(range(count))
    inner = np.random.default_rng(SEED).choice(
        np.arange(1, count - 1), SAMPLED_SLICES - 2, replace=False
    )
    return [0, *sorted(inner.tolist()), count - 1]


def prove(
    what: str,
    slices: Sequence[Slice],
    units_of: Callable[[int], np.ndarray],
    again: Callable[[Slice], SecondReading | None],
    total: int,
    incomplete: bool = False,
) -> tuple[int, list[str]]:
    """Read a sample of slices again; return how many agree, and sentences on those unread.

    `units_of` gives the Hounsfield units (row, column) of a slice of the volume that was made,
    `again` the second reading. Raises InputError where the two differ, and where the second one
    fails for some slices alone, unless `incomplete` series are accepted.
    """
    rows, columns = (int(slices[0].numbers[tag][0]) for tag in ("Rows", "Columns"))
    proven, unread, apart = 0, [], []
    chosen = sampled((columns, rows, len(slices)))
    firsts = {s.path: s for s in slices if s.frame == 0}
    for index in chosen:
        reading = again(slices[index])
        if reading is not None and slices[index].path in firsts:
            reading = with_own_rescale(reading, slices[index], firsts[slices[index].path])
        if reading is None:
            unread.append(slices[index].number)
        elif differs(slices[index], units_of(index), reading):
            apart.append(slices[index].number)
        else:
            proven += 1
    if apart:
        raise InputError(
            f"{what}: two decoders (pydicom and GDCM) read {files(apart, total)} differently, so "
            "that its values or places are not certain; export the series again, uncompressed."
        )
    if unread and proven and not incomplete:
        raise InputError(
            f"{what}: the second decoder (GDCM) cannot read {files(unread, total)}, although it "
            "reads others, so that values may be lost; copy the series again, or add "
            f"{Accepted.INCOMPLETE} to the config key ingest.accept to go on."
        )
    if unread:
        return proven, [
            f"The second decoder could not read {files(unread, total)}: "
            f"{len(unread)} of the {len(chosen)} slices that were to be proven are not."
        ]
    return proven, []


def with_own_rescale(reading: SecondReading, one: Slice, first: Slice) -> SecondReading:
    """Give a frame's reading the frame's own rescale: GDCM applies that of the first to all."""
    (slope, intercept), (own, its) = (
        (s.value("RescaleSlope") or 1.0, s.value("RescaleIntercept") or 0.0) for s in (first, one)
    )
    if (slope, intercept) == (own, its):
        return reading
    return replace(reading, units=(reading.units - intercept) / slope * own + its)


def differs(one: Slice, units: np.ndarray, reading: SecondReading) -> bool:
    """Tell whether a second reading gives other values, another size or another place."""
    if units.shape != reading.units.shape:
        return True
    slope = abs(one.value("RescaleSlope") or 1.0)
    most = LOSSY_STEPS * slope if one.is_lossy else EXACT_HU * max(1.0, slope)
    if np.abs(units - reading.units.astype(np.float64)).max() > most:
        return True
    # Of several frames GDCM tells the place of the first alone.
    if one.frame is not None:
        return False
    row_spacing, column_spacing = one.numbers["PixelSpacing"]
    axes = np.reshape(reading.direction, (3, 3))
    told = np.reshape(one.numbers["ImageOrientationPatient"], (2, 3))
    extent = float(np.hypot(*units.shape) * max(row_spacing, column_spacing))
    return not (
        np.allclose(reading.origin, position(one), atol=PLACE_MM)
        and np.allclose(reading.spacing[:2], (column_spacing, row_spacing), rtol=1e-4)
        and np.abs(axes[:, :2].T - told).max() * extent < 1
    )
