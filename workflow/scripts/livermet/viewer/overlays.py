"""What lies over the CT of a page: label maps and probabilities, cut to what they hold, zipped."""

import base64
import gzip
from typing import Any

import numpy as np

from livermet.detection.lesions import labelled_box
from livermet.images import WHOLE_PROBABILITY

# Thresholds of the probability that a page can show: steps of 5 per cent.
STEPS = 20
# What the probabilities of all models take of a page; where it is more, steps are coarser.
MOST_BYTES = 800_000


def packed(volume: np.ndarray) -> dict[str, Any]:
    """Cut an array (slice, row, column; uint8) to its values that are not 0, and zip it.

    Returns start and size in the array's order, and the bytes as base64 of gzip; the same array
    gives the same text.
    """
    box = labelled_box(volume)
    values = np.ascontiguousarray(volume[box], dtype=np.uint8)
    return {
        "start": [edge.start for edge in box],
        "size": list(values.shape),
        "values": base64.b64encode(gzip.compress(values.tobytes(), 6, mtime=0)).decode(),
    }


def packed_probability(probability: np.ndarray, most: int = MOST_BYTES) -> dict[str, Any]:
    """Pack lesion probabilities (uint8, 255 for 1) in `STEPS` steps, fewer where bytes are short.

    A stored n means that the probability is at least n / steps, so that a threshold of so many
    steps shows exactly the voxels that reach it. Returns `packed`'s entries and steps.
    """
    for steps in (STEPS, STEPS // 2, STEPS // 4):
        # Whole numbers: 0.35 of 1 is 89.25 of 255 and reached from 90 on.
        reached = probability.astype(np.uint32) * steps // WHOLE_PROBABILITY
        made = packed(reached.astype(np.uint8)) | {"steps": steps}
        if len(made["values"]) <= most:
            break
    return made
