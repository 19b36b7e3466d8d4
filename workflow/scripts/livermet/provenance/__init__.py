"""What a result was made from: code, versions, files; whose data a model has seen."""

from pathlib import Path


def listing_digest(folder: str | Path) -> str | None:
    """Digest names, sizes and times of a folder's files, so that a changed slice is noticed."""
    from livermet.provenance.records import stamp_of

    return stamp_of(folder)
