"""The algorithm that an instance names: the network, its version, and how it predicted."""

from dataclasses import dataclass

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification

from livermet.export import coding

MAKER = "livermet"


@dataclass(frozen=True)
class Algorithm:
    """A network: its name in the config, its label for readers, livermet's version.

    kind: which of its networks predicted: single, ensemble (of all folds) or out_of_fold (the one
    that has not seen the patient). phantom: whether the images are phantoms.
    """

    model: str
    label: str
    version: str
    kind: str
    phantom: bool = False

    @property
    def name(self) -> str:
        """Its name in an instance."""
        return f"{MAKER} {self.model}"

    def described(self, what: str) -> str:
        """Describe a series of its results, for the list of a viewer."""
        return f"{MAKER} {self.label}: {what}{' (phantom)' if self.phantom else ''}"

    def of_segments(self) -> AlgorithmIdentificationSequence:
        """Return what a segment says of it."""
        return AlgorithmIdentificationSequence(
            name=self.name,
            family=coding.NEURAL_NETWORK,
            version=self.version,
            source=MAKER,
            parameters={"networks": self.kind},
        )

    def of_measurements(self, *parameters: str) -> AlgorithmIdentification:
        """Return what a measurement says of it (TID 4019)."""
        return AlgorithmIdentification(
            name=self.name,
            version=self.version,
            family=coding.NEURAL_NETWORK,
            manufacturer=MAKER,
            parameters=[f"networks={self.kind}", *parameters],
        )
