"""Whether each slice of a volume belongs where it lies, told by how it resembles its neighbours.

Of an undisturbed scan, a slice is more like the next one than like the next but one, whatever the
spacing. Slices of two phases by turns, a slice of another place or patient, two slices exchanged
and a run of slices from elsewhere break this, although each header may be in order. What is
compared are means of about 6 mm of Hounsfield units, cut off at soft tissue: noise, air and bone
decide nothing. What real scans reach, at every spacing, is in docs/decisions/dicom.md; the limits
stand well beyond.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from livermet.errors import InputError
from livermet.ingest.plausibility import Doubt
from livermet.vocabulary import Accepted

BLOCK_MM, CLIPPED_HU = 6.0, (-150, 250)
DENSE_HU, LEAST_DENSE = 200, 0.03
# Of fewer slices, or less of a body, nothing is known.
LEAST_SLICES, LEAST_BODY_BLOCKS, BODY_HU = 6, 100, -100
# How much farther the neighbours are than those beyond: told from the first on, refused from the
# second on. Less than half a unit is no distance.
UNLIKE, EXCHANGED, LEAST_HU = (1.15, 1.6), (1.15, 1.3), 0.5
LONGEST_RUN = 12
# Tissue that takes up contrast, and the largest step of it that counts. Ribs come and go by turns.
ENHANCED_HU, LEAST_BLOCKS, LARGEST_STEP_HU = (60, 200), 12, 60
BY_TURNS_HU, BLOCKS_HU = (6.0, 10.0), 22.0
TURNS, LONGEST_BLOCK = 6, 10

Named = Callable[[Sequence[int]], str]


@dataclass(frozen=True)
class Blocks:
    """A stack of slices in blocks of about 6 mm, (slice, *axes).

    means: Hounsfield units, cut off at soft tissue. dense: whether a block holds bone or metal.
    """

    means: np.ndarray
    dense: np.ndarray

    def apart(self, by: int) -> np.ndarray:
        """Return the mean distance (HU) of each slice from the one that lies `by` after it."""
        return np.abs(self.means[by:] - self.means[:-by]).mean(axis=(1, 2))

    def is_enough(self) -> bool:
        """Tell whether there are slices and body enough to judge their order."""
        body = np.count_nonzero(self.means > BODY_HU)
        return len(self.means) >= LEAST_SLICES and bool(body >= LEAST_BODY_BLOCKS * len(self.means))


def blocks_of(slices: Iterable[np.ndarray], spacing: Sequence[float]) -> Blocks:
    """Return the blocks of slices in HU; `spacing` is that of the slices' two axes, mm."""
    means, dense = [], []
    for one in slices:
        steps = [
            max(1, min(round(BLOCK_MM / step), length))
            for step, length in zip(spacing, one.shape, strict=True)
        ]
        counts = [length // step for length, step in zip(one.shape, steps, strict=True)]
        whole = one[: counts[0] * steps[0], : counts[1] * steps[1]]
        parted = (counts[0], steps[0], counts[1], steps[1])
        cut = np.clip(whole, *CLIPPED_HU).astype(np.float32).reshape(parted)
        means.append(cut.mean(axis=(1, 3)))
        dense.append((cut > DENSE_HU).mean(axis=(1, 3)) > LEAST_DENSE)
    return Blocks(np.array(means), np.array(dense))


def refuse_disturbed(what: str, blocks: Blocks, named: Named, accept: Iterable[str]) -> list[str]:
    """Return what is doubtful about the order of slices (`blocks_of`), in sentences.

    `named` names slices by their places in the stack. Raises InputError for what is certain, unless
    the study accepts it.
    """
    found = list(disturbed(blocks, named))
    certain = [doubt.sentence for doubt in found if doubt.certain]
    if certain and Accepted.MIXED_SLICES not in accept:
        raise InputError(
            f"{what}: {' '.join(certain)} Name the right slices, or export the series again; if it "
            f"is right all the same, add {Accepted.MIXED_SLICES} to the config key ingest.accept."
        )
    return [doubt.sentence for doubt in found]


def disturbed(blocks: Blocks, named: Named) -> Iterator[Doubt]:
    """Give what tells that slices are not of one scan, or not in their order."""
    if not blocks.is_enough():
        return
    if by_turns := list(_by_turns(blocks, named)):
        yield from by_turns
        return
    yield from _unlike(blocks, named)
    yield from _exchanged(blocks, named)


def _by_turns(blocks: Blocks, named: Named) -> Iterator[Doubt]:
    """Tell of tissue that is brighter in every second slice, or in every second block of slices."""
    bends = _bends(blocks)
    turned = bends * np.where(np.arange(len(bends)) % 2, 1.0, -1.0)
    heights, begins = [], []
    for begin in range(len(turned) - TURNS + 1):
        part = turned[begin : begin + TURNS]
        heights.append(max(part.min(), -part.max()))
        begins.append(begin)
    if heights and (height := max(heights)) > BY_TURNS_HU[0]:
        told = [k for height, k in zip(heights, begins, strict=True) if height > BY_TURNS_HU[0]]
        # A bend is that of the slice behind it.
        places = sorted({1 + k + more for k in told for more in range(TURNS)})
        yield Doubt(
            f"Tissue that takes up contrast is {height:.0f} HU brighter in every second slice "
            f"({named(places)}): slices of two phases or acquisitions lie in one another.",
            height > BY_TURNS_HU[1],
        )
        return
    steps = _steps(blocks)
    for length in range(2, LONGEST_BLOCK + 1):
        # Of short blocks more have to follow each other, as they come about by chance.
        edges = 5 if length <= 3 else 4
        heights = [
            max(part.min(), -part.max())
            for begin in range(len(steps) - length * (edges - 1))
            for part in [
                steps[begin : begin + length * (edges - 1) + 1 : length]
                * np.where(np.arange(edges) % 2, -1.0, 1.0)
            ]
        ]
        if heights and max(heights) > BLOCKS_HU:
            yield Doubt(
                f"Tissue that takes up contrast becomes brighter and darker by turns, by "
                f"{max(heights):.0f} HU or more every {length} slices: blocks of two phases may "
                "lie behind one another."
            )
            return


def _unlike(blocks: Blocks, named: Named) -> Iterator[Doubt]:
    """Tell of slices that are unlike both neighbours, where these are like each other."""
    known: set[int] = set()
    near = blocks.apart(1)
    for length in range(1, min(LONGEST_RUN, len(near) - 2) + 1):
        across = np.maximum(blocks.apart(length + 1), LEAST_HU)
        ratio = np.minimum(near[:-length], near[length:]) / across
        for certain in (True, False):
            begins = np.flatnonzero(ratio > UNLIKE[0 if not certain else 1])
            runs = [range(k + 1, k + 1 + length) for k in begins.tolist()]
            # What a shorter run has told, or what is more certain.
            places = sorted({k for run in runs if not known & set(run) for k in run})
            if not places:
                continue
            known |= {k + more for k in places for more in (-1, 0, 1)}
            yield Doubt(
                f"{_are(named, places)} unlike the slices on both sides, which are more like each "
                "other: of another place, phase or patient, or mirrored.",
                certain,
            )


def _exchanged(blocks: Blocks, named: Named) -> Iterator[Doubt]:
    """Tell of neighbours each of which fits better at the other's place."""
    near, far = blocks.apart(1), np.maximum(blocks.apart(2), LEAST_HU)
    ratio = np.minimum(near[:-2] / far[:-1], near[2:] / far[1:])
    for k in np.flatnonzero(ratio > EXCHANGED[0]).tolist():
        yield Doubt(
            f"{_are(named, [k + 1, k + 2])} exchanged: each is more like the slice beyond the "
            "other than like the one beside it.",
            bool(ratio[k] > EXCHANGED[1]),
        )


def _are(named: Named, places: Sequence[int]) -> str:
    name = named(places)
    return f"{name[0].upper()}{name[1:]} {'is' if len(places) == 1 else 'are'}"


def _bends(blocks: Blocks) -> np.ndarray:
    """Return how much brighter each inner slice is than the mean of its neighbours, in tissue."""
    means, dense = blocks.means, blocks.dense
    between = (means[:-2] + means[2:]) / 2
    level = (means[1:-1] + between) / 2
    return _in_tissue(means[1:-1] - between, level, dense[:-2] | dense[1:-1] | dense[2:])


def _steps(blocks: Blocks) -> np.ndarray:
    """Return how much brighter each slice is than the one before it, in tissue."""
    means, dense = blocks.means, blocks.dense
    level = (means[1:] + means[:-1]) / 2
    return _in_tissue(means[1:] - means[:-1], level, dense[1:] | dense[:-1])


def _in_tissue(change: np.ndarray, level: np.ndarray, dense: np.ndarray) -> np.ndarray:
    """Return the mean change of each slice's tissue (HU), 0 where there is too little of it."""
    tissue = (level > ENHANCED_HU[0]) & (level < ENHANCED_HU[1]) & ~dense
    counts = tissue.sum(axis=(1, 2))
    held = np.clip(change, -LARGEST_STEP_HU, LARGEST_STEP_HU)
    means = np.where(tissue, held, 0).sum(axis=(1, 2)) / np.maximum(counts, 1)
    return np.where(counts >= LEAST_BLOCKS, means, 0.0)
