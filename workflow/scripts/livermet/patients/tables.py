"""The tables of new patients: a study's result, its series, and their lesions."""

from dataclasses import replace

from livermet.contracts import (
    COUNT,
    FLAG,
    NUMBER,
    PATIENT,
    SERIES,
    STUDY,
    TEXT,
    Column,
    Contract,
)
from livermet.detection.measured import LESION_SIZE
from livermet.pack.judged import CALLED, PROBABILITY, RANGE, REASONS, VERDICT

TARGET = Column(
    "target",
    FLAG,
    "whether the lesion is one of at most two largest measurable ones, which the sum of diameters "
    "is of",
)
NEW_LESIONS = Contract(
    files=("patients/lesions.tsv", "patients/studies/*/lesions.tsv"),
    row="a lesion that the model marks in a new patient's scan",
    columns=(
        STUDY,
        SERIES,
        Column("lesion", COUNT, "number of the lesion in its series; 1 is the largest", low=1),
        *LESION_SIZE,
        Column(
            "long_mm",
            NUMBER,
            "long axis: the longest diameter on any axial slice (of an oblique CT on its own "
            "slices), from edge to edge",
            unit="mm",
            low=0,
        ),
        Column(
            "short_mm",
            NUMBER,
            "short axis: the longest diameter at right angles to the long axis, in its slice",
            unit="mm",
            low=0,
        ),
        Column("slice", COUNT, "axial slice of both axes; 1 is nearest to the feet", low=1),
        Column("mean_hu", NUMBER, "mean of its voxels", unit="HU"),
        TARGET,
    ),
    key=("series", "lesion"),
)
COUNTED = (
    Column("lesions", COUNT, "number of lesions that the model marks"),
    Column("burden_ml", NUMBER, "volume of all lesions", unit="ml", low=0),
    Column("liver_ml", NUMBER, "volume of the liver, its lesions included", unit="ml", low=0),
    Column(
        "diameters_mm",
        NUMBER,
        "RECIST 1.1-like sum: long axes of the two largest measurable lesions of the liver",
        unit="mm",
        low=0,
    ),
    Column(
        "measurable_from_mm", NUMBER, "long axis from which on a lesion is measurable", unit="mm"
    ),
)
# What is said of a study and of its series, of `pack.judged.JUDGED`.
SAID = (VERDICT, PROBABILITY, *RANGE, CALLED, REASONS)
NEW_SERIES = Contract(
    files=("patients/series.tsv", "patients/studies/*/series.tsv"),
    row="a series of a new patient",
    columns=(
        STUDY,
        SERIES,
        Column("slice_spacing_mm", NUMBER, "distance of its axial slices", unit="mm", low=0),
        *COUNTED,
        Column("shown", FLAG, "whether the study's lesions are told by this series"),
        *SAID,
    ),
    key=("series",),
)
PREDICTIONS = Contract(
    files=("patients/predictions.tsv", "patients/studies/*/prediction.tsv"),
    row="a study of a new patient",
    columns=(
        STUDY,
        PATIENT,
        Column("series", COUNT, "series of the study", low=1),
        Column(
            "shown_series",
            TEXT,
            "the series whose lesions are told: the thinnest slices of the whole liver",
        ),
        *(replace(column, what=f"{column.what}, in that series") for column in COUNTED),
        Column("phenotype", TEXT, "name of the phenotype", missing="without a classifier"),
        *SAID,
    ),
    key=("study",),
)
