"""IBSI's codes of the features, and its consensus values with their tolerances."""

from pathlib import Path

import numpy as np
import pandas as pd

from livermet.errors import InputError
from livermet.tables import read_table

SIGNIFICANT_DIGITS = 3
# PyRadiomics averages the features of these classes over directions, each with its own matrix.
AVERAGED_CLASSES = ("glcm", "glrlm")
CLASSES_OF_THE_MASK = ("shape", "firstorder")


def feature_codes() -> pd.DataFrame:
    """Assign each of the 107 features its IBSI code and the stem of its tag in the reference files.

    One row a feature (feature, code, tag); code and tag are empty where IBSI defines no such
    feature. Codes: IBSI reference manual (Zwanenburg et al., arXiv:1612.07003).
    """
    return read_table(Path(__file__).with_name("codes.tsv"), keep_default_na=False)


def aggregated_tag(feature: str, tag: str, by_slice: bool) -> str:
    """Name IBSI's aggregation that PyRadiomics' feature corresponds to, behind the tag's stem.

    In 3D: features averaged over 13 directions (ITBB) or one matrix of the volume (KOBO). With
    force2D: averaged over 4 directions, slices merged (2.5D, JJUI), or one merged matrix (62GR).
    """
    feature_class = feature.split("_")[1]
    if not tag or feature_class in CLASSES_OF_THE_MASK:
        return tag
    space = "2_5D" if by_slice else "3D"
    return f"{tag}_{space}_avg" if feature_class in AVERAGED_CLASSES else f"{tag}_{space}"


def read_consensus(path: str | Path, by_slice: bool) -> pd.DataFrame:
    """Read a file of IBSI's reference values for the features that have a code.

    One row a feature (index feature; code, consensus, tolerance). Raises InputError where the file
    lacks a feature or its value.
    """
    codes = feature_codes()
    codes = codes[codes["code"] != ""].set_index("feature")
    tags = [aggregated_tag(name, tag, by_slice) for name, tag in codes["tag"].items()]
    stored = pd.read_csv(path, sep=";").drop_duplicates("tag").set_index("tag").reindex(tags)
    if missing := stored.index[stored["reference value"].isna()].tolist():
        raise InputError(f"{path} has no value for {', '.join(missing)}; get IBSI's own file.")
    return pd.DataFrame(
        {
            "code": codes["code"],
            "consensus": stored["reference value"].to_numpy(),
            "tolerance": stored["tolerance"].to_numpy(),
        }
    )


def agrees(values: pd.Series, consensus: pd.Series, tolerance: pd.Series) -> pd.Series:
    """Say which values lie within the tolerance of the consensus value.

    The consensus values are printed with three significant digits, to which a value is rounded
    first: many tolerances are 0.
    """
    rounded = values.map(lambda value: float(f"{value:.{SIGNIFICANT_DIGITS}g}"))
    # A difference of exactly the tolerance agrees, which binary fractions alone would deny.
    return (rounded - consensus).abs() <= tolerance + 1e-9 * np.abs(consensus)
