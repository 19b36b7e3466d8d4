"""Formats of volumes by the endings of their files, for the plan and for ingest."""

# What a sheet may name.
SHEET_FORMATS = {
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".nrrd": "nrrd",
    ".mha": "metaimage",
    ".mhd": "metaimage",
    ".nhdr": "nrrd",
    ".hdr": "nifti",
}
# The values of a pair, and pairs that are packed.
PAIR_FORMATS = {".img": "nifti", ".hdr.gz": "nifti", ".img.gz": "nifti"}


def format_of(name: str) -> str | None:
    """Name the format of a volume by its ending, in small or capital letters; None for others."""
    known = SHEET_FORMATS | PAIR_FORMATS
    return next((kind for ending, kind in known.items() if name.lower().endswith(ending)), None)
