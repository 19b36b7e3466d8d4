"""Identities of lesions, by which SEG and report name the same one."""

import hashlib
from dataclasses import dataclass

import numpy as np

from livermet.export.uids import uid


@dataclass(frozen=True)
class Tracking:
    """The identities of one prediction's findings: of its series, its model, and what was found."""

    series: str
    model: str
    content: str

    def uid(self, what: object) -> str:
        """Return the UID of a lesion, by its number, or of what else is measured of the scan."""
        return uid("tracking", self.series, self.model, self.content, what)

    @staticmethod
    def name(number: int) -> str:
        """Return the name of a lesion."""
        return f"Lesion {number}"


def tracking(series: str, model: str, segments: np.ndarray) -> Tracking:
    """Name the findings of a series (its UID) by its segments, so that others have other names."""
    return Tracking(series, model, hashlib.sha256(segments.tobytes()).hexdigest())
