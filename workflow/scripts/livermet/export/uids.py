"""UIDs that come of what they name, so that the same content is written with the same ones.

A UID of DICOM must never name two contents. Those of an instance are therefore made of the whole
instance, in which fixed ones had their places.
"""

import hashlib
import uuid
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID

NAMESPACE = uuid.UUID("7b0d2f8e-3c55-5d0b-8f0a-5a7f3a0c9d41")
TIMES_OF_MAKING = ("InstanceCreationDate", "InstanceCreationTime", "ContributionDateTime")


def uid(*names: object) -> str:
    """Derive a UID (2.25, a UUID as one integer: DICOM PS3.5, annex B.2) from names."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(map(str, names))).int}"


def digest(dataset: Dataset) -> str:
    """Return the SHA-256 of a dataset as it would be written."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def name_by_content(dataset: Dataset) -> None:
    """Give a new instance, a series of its own, the UIDs that come of its content.

    The time of its making, which highdicom writes, goes: it is in the job's journal, and an
    instance that is made again is to be the same.
    """
    for item in (dataset, *dataset.get("ContributingEquipmentSequence", [])):
        for tag in TIMES_OF_MAKING:
            if tag in item:
                delattr(item, tag)
    _name(dataset, "placeholder")
    _name(dataset, digest(dataset))


def _name(dataset: Dataset, content: str) -> None:
    instance, organization = UID(uid("instance", content)), uid("dimensions", content)
    dataset.SOPInstanceUID = instance
    dataset.file_meta.MediaStorageSOPInstanceUID = instance
    dataset.SeriesInstanceUID = uid("series", content)
    dimensions = ("DimensionOrganizationSequence", "DimensionIndexSequence")
    for item in (one for name in dimensions for one in dataset.get(name, [])):
        item.DimensionOrganizationUID = organization
