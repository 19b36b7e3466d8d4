"""The algorithm that an instance names: the network, which training of it, and how it predicted."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification

from livermet.export import coding
from livermet.provenance.code import file_checksum

MAKER = "livermet"
# Of the digest of a network's records, what readers are shown; the whole stands in its parameters.
SHOWN = 12
RECORDS = "records_sha256"


@dataclass(frozen=True)
class Algorithm:
    """A network: its name in the config, its label for readers, livermet's version.

    records: what `digest_of` gives of the records of its training, since networks of one name are
    trained anew. kind: which of its networks predicted: single, ensemble (of all folds) or
    out_of_fold (the one that has not seen the patient). phantom: whether the images are phantoms.
    """

    model: str
    label: str
    version: str
    records: str
    kind: str
    phantom: bool = False

    @property
    def name(self) -> str:
        """Its name in an instance."""
        return f"{MAKER} {self.model}"

    @property
    def trained(self) -> str:
        """Its version in an instance: livermet's, and which training its weights are of."""
        return f"{self.version}, training {self.records[:SHOWN]}"

    def described(self, what: str) -> str:
        """Describe a series of its results, for the list of a viewer."""
        return f"{MAKER} {self.label}: {what}{' (phantom)' if self.phantom else ''}"

    def of_segments(self) -> AlgorithmIdentificationSequence:
        """Return what a segment says of it."""
        return AlgorithmIdentificationSequence(
            name=self.name,
            family=coding.NEURAL_NETWORK,
            version=self.trained,
            source=MAKER,
            parameters={"networks": self.kind, RECORDS: self.records},
        )

    def of_measurements(self, *parameters: str) -> AlgorithmIdentification:
        """Return what a measurement says of it (TID 4019)."""
        return AlgorithmIdentification(
            name=self.name,
            version=self.trained,
            family=coding.NEURAL_NETWORK,
            manufacturer=MAKER,
            parameters=[f"networks={self.kind}", f"{RECORDS}={self.records}", *parameters],
        )


def digest_of(records: Iterable[str | Path]) -> str:
    """Return the SHA-256 of the SHA-256 of files, one a line: `sha256sum` and `cut` give it too."""
    lines = (f"{file_checksum(path)}\n" for path in records)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
