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


def rules_told(rules: dict) -> str:
    """Say how single lesions were measured: the config's radiomics.lesions."""
    return f"lesions {json.dumps(rules, sort_keys=True)}"
