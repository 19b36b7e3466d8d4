"""The line above a table of features that says how they were made."""

import json


def provenance_line(settings: dict, version: str, mask: str, *more: str) -> str:
    """Say in one line how features were made: PyRadiomics' version and settings, mask, and more."""
    parts = [
        "livermet radiomics",
        f"pyradiomics-bhklab {version}",
        json.dumps(settings, sort_keys=True),
        f"mask {mask}",
        *more,
    ]
    return "; ".join(parts)
