"""How each series was acquired and what ingest found, of all series in one table."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from livermet.contracts import COHORT, COUNT, FLAG, NUMBER, SERIES, TEXT, Column, Contract

ACQUISITION = Contract(
    files=("cohort/acquisition.tsv",),
    row="a series that was ingested",
    columns=(
        SERIES,
        COHORT,
        # The record of the acquisition; what a header says is taken as it is.
        Column(
            "body_part",
            TEXT,
            "body part by the DICOM header",
            missing="where the header does not say",
        ),
        Column(
            "contrast_agent",
            TEXT,
            "contrast agent by the DICOM header",
            missing="where the header does not say",
        ),
        Column(
            "exposure_mas",
            NUMBER,
            "exposure, median over slices",
            unit="mAs",
            missing="where the header does not say",
        ),
        Column(
            "kernel",
            TEXT,
            "kernel of the reconstruction",
            missing="where the header does not say",
        ),
        Column(
            "kvp",
            NUMBER,
            "tube voltage, median over slices",
            unit="kV",
            missing="where the header does not say",
        ),
        Column(
            "manufacturer",
            TEXT,
            "manufacturer of the scanner",
            missing="where the header does not say",
        ),
        Column("model", TEXT, "model of the scanner", missing="where the header does not say"),
        Column(
            "phase",
            TEXT,
            "contrast phase, as the sheet says",
            missing="where the sheet does not say",
        ),
        Column("size", TEXT, "voxels of the CT along x, y and z, joined by '; '"),
        Column(
            "slice_thickness_mm",
            NUMBER,
            "slice thickness, median over slices; it need not be their spacing",
            unit="mm",
            missing="where the header does not say",
        ),
        Column(
            "source_format",
            TEXT,
            "format of the source",
            words=("dicom", "nifti", "nrrd", "metaimage"),
        ),
        Column("spacing_mm", TEXT, "voxel spacing along x, y and z, joined by '; '", unit="mm"),
        Column(
            "tube_current_ma",
            NUMBER,
            "tube current, median over slices",
            unit="mA",
            missing="where the header does not say",
        ),
        # The record of the quality.
        Column(
            "files_left_out",
            COUNT,
            "files below the folder of the series that are no slice of the CT",
            missing="where the source is no DICOM",
        ),
        Column("coverage_mm", NUMBER, "number of slices times their spacing", unit="mm", low=0),
        Column(
            "gantry_tilt_degrees",
            NUMBER,
            "tilt of the gantry; 0 for none",
            unit="degrees",
            low=0,
            missing="where the slices are not known, as of NIfTI",
        ),
        Column("maximum_hu", NUMBER, "highest value of the CT", unit="HU"),
        Column("minimum_hu", NUMBER, "lowest value of the CT", unit="HU", low=-1024),
        Column("padding_voxels", COUNT, "voxels below -1024 HU, which were set to it"),
        Column(
            "proven_slices",
            COUNT,
            "slices that a second decoder has read too, with the same values at the same place",
            missing="where the source is no DICOM",
        ),
        Column(
            "resampled",
            TEXT,
            "why the slices were resampled: gantry_tilt, moved_slices (each lies elsewhere in its "
            "plane), even_spacing (they lay unevenly), or two of them",
            words=(
                "even_spacing",
                "gantry_tilt",
                "moved_slices",
                "gantry_tilt and even_spacing",
                "moved_slices and even_spacing",
            ),
            missing="where they were not",
        ),
        Column("rounded_voxels", COUNT, "voxels that were rounded to whole HU"),
        Column("slices", COUNT, "number of slices of the CT", low=1),
        Column(
            "source_slices",
            COUNT,
            "number of slices that the CT was resampled from; its record has where they lay",
            low=2,
            missing="where it was not resampled",
        ),
        Column(
            "spacing_offset_mm",
            NUMBER,
            "largest distance of a slice from its place at even spacing",
            unit="mm",
            low=0,
            missing="where the slices are not known, as of NIfTI",
        ),
        Column(
            "uneven_spacing",
            FLAG,
            "whether the slices lay unevenly",
            missing="where the slices are not known, as of NIfTI",
        ),
        Column(
            "warnings",
            TEXT,
            "what is unusual about the CT, sentences joined by '; '",
            missing="where nothing is",
        ),
        # The record of the reference.
        Column(
            "liver_from",
            TEXT,
            "what the liver of the reference was taken from",
            words=("liver_mask", "reference", "none"),
            missing="without a reference or a liver mask",
        ),
        Column(
            "reference_voxels_lesion",
            COUNT,
            "lesion voxels of the reference",
            missing="where nobody segmented lesions",
        ),
        Column(
            "reference_voxels_liver",
            COUNT,
            "liver voxels of the reference, those of lesions left out",
            missing="where nobody segmented the liver",
        ),
        Column(
            "reference_warnings",
            TEXT,
            "what is unusual about reference or liver mask, sentences joined by '; '",
            missing="where nothing is, and without a reference",
        ),
    ),
    key=("series",),
)


def _count(planes: Mapping[str, Any] | None) -> int | None:
    return len(planes["origins"]) if planes else None


def acquisition_table(
    rows: Mapping[str, Mapping[str, str]], records: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Lay out the records of ingest, one row a series: `ACQUISITION`.

    `rows` say the cohort and the phase of each series, `records` have its acquisition, quality and,
    where there is one, reference. A list in a cell (spacing, size, warnings) is joined; what is
    empty stays an empty cell.
    """
    told = [
        {
            **records[name],
            "source_slices": _count(records[name].get("source_slices")),
            "series": name,
            "cohort": row["cohort"],
            "phase": row["phase"] or None,
        }
        for name, row in rows.items()
    ]
    # A field that the contract does not know stays, so that it is told and not lost.
    further = sorted({field for one in told for field in one} - set(ACQUISITION.names))
    table = pd.DataFrame(told, columns=[*ACQUISITION.names, *further])
    lists = table.apply(lambda column: column.map(lambda value: isinstance(value, list)).any())
    for column in table.columns[lists]:
        table[column] = table[column].map(
            lambda value: "; ".join(map(str, value)) if isinstance(value, list) else value
        )
    return table
