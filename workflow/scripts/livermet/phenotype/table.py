"""The feature table: one row a series, in the column names that the paper's authors publish.

Inside this subpackage a row has the project's words for what the file names otherwise
(`file_columns`). The 108 features keep their names. Three of PyRadiomics' diagnostics are read
where a table has them; two of them only tables of other sources have (OF_OTHERS).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from livermet.contracts import (
    COUNT,
    NUMBER,
    PATIENT,
    SERIES,
    STUDY,
    TEXT,
    Column,
    Contract,
)
from livermet.errors import InputError, stop_on
from livermet.tables import provenance_lines

_FEATURES_BY_CLASS = {
    "shape": "Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn "
    "Maximum2DDiameterRow Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength "
    "Sphericity SurfaceArea SurfaceVolumeRatio VoxelVolume",
    "firstorder": "10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum "
    "MeanAbsoluteDeviation Mean Median Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared "
    "Skewness TotalEnergy Uniformity Variance",
    "glcm": "Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation "
    "DifferenceAverage DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 "
    "InverseVariance JointAverage JointEnergy JointEntropy MCC MaximumProbability SumAverage "
    "SumEntropy SumSquares",
    "gldm": "DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized "
    "DependenceVariance GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis "
    "LargeDependenceEmphasis LargeDependenceHighGrayLevelEmphasis "
    "LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis SmallDependenceEmphasis "
    "SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis",
    "glrlm": "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance "
    "HighGrayLevelRunEmphasis LongRunEmphasis LongRunHighGrayLevelEmphasis "
    "LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy RunLengthNonUniformity "
    "RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis "
    "ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis",
    "glszm": "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance "
    "HighGrayLevelZoneEmphasis LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis "
    "LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis SizeZoneNonUniformity "
    "SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis "
    "SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance",
    "ngtdm": "Busyness Coarseness Complexity Contrast Strength",
}
RADIOMIC_FEATURES = tuple(
    f"original_{feature_class}_{feature}"
    for feature_class, features in _FEATURES_BY_CLASS.items()
    for feature in features.split()
)
LESION_COUNT = "Num_Lesions"
FEATURES = (*RADIOMIC_FEATURES, LESION_COUNT)

# A spacing as PyRadiomics' diagnostics write it.
SPACING = r"^\(\s*[^,]+,\s*[^,]+,\s*(?P<z>[0-9.eE+-]+)\s*\)$"
GROUPS = ("train", "val", "test")
CLASSES = {1: "positive", 0: "negative"}
MM3_PER_ML = 1000.0
TEXTS = ("series", "study", "patient", "group", "sample_type", "voxel_mm", "scan_voxel_mm")
NUMBERS = ("score", "label", "fold", "burden_ml", "mask_lesions", *FEATURES)
OPTIONAL = ("fold", "sample_type", "burden_ml", "mask_lesions", "voxel_mm", "scan_voxel_mm")
# PyRadiomics' diagnostics that tables of this pipeline do not have.
OF_OTHERS = ("mask_lesions", "scan_voxel_mm")
# The mask as it was given, before it is resampled.
MASK_VOXELS = ("diagnostics_Mask-original_VoxelNum", "diagnostics_Mask-original_Spacing")
# No feature comes near it, and sums of squares of larger ones are infinite.
LARGEST = 1e100
# What stands for a phenotype's name where no run has given it.
NAME = "<name>"


def file_columns(name: str) -> dict[str, Column]:
    """Return the file's columns by the project's words for them; `name` is the phenotype's."""
    return {
        "series": Column("File", TEXT, SERIES.what),
        "study": Column("unique_scandate", TEXT, STUDY.what),
        "patient": Column("unique_pt", TEXT, PATIENT.what),
        "features": Column(
            "original_<class>_<feature>",
            NUMBER,
            "PyRadiomics' feature of the lesions, of the original image",
            missing="where it could not be measured",
            family=RADIOMIC_FEATURES,
        ),
        LESION_COUNT: Column(LESION_COUNT, COUNT, "lesions of the series"),
        "score": Column(f"{name}_Score", NUMBER, "the molecular score"),
        "status": Column(
            f"{name}_Status", TEXT, "the class in a word", words=tuple(CLASSES.values())
        ),
        "label": Column(f"{name}_Class", COUNT, "the class: 1 positive, 0 negative", high=1),
        "group": Column(
            "Group",
            TEXT,
            "side of the split; val, which the article's table has, is a part of training",
            words=GROUPS,
        ),
        "fold": Column("Fold", COUNT, "number of the patient's fold", missing="for a test patient"),
        "sample_type": Column(
            "Sample_Type",
            TEXT,
            "what the score was measured on, such as biopsy or cfdna",
            missing="where it is not known",
        ),
        "burden_ml": Column(
            "Burden_ml", NUMBER, "volume of all lesions; 0 without lesions", unit="ml", low=0
        ),
        "mask_lesions": Column(
            "diagnostics_Mask-original_VolumeNum",
            NUMBER,
            "the mask's own count of lesions, by PyRadiomics",
            missing="where the table that was imported has none",
        ),
        "voxel_mm": Column(
            "diagnostics_Image-interpolated_Spacing",
            TEXT,
            "the voxel (x, y, z) that the features were measured in; several where lesions differ",
            unit="mm",
            missing="without a measured lesion, where each scan keeps voxels of its own, and where "
            "the table that was imported has none",
        ),
        "scan_voxel_mm": Column(
            "diagnostics_Image-original_Spacing",
            TEXT,
            "the scan's own voxel (x, y, z); the third length is taken as slice thickness",
            unit="mm",
            missing="where the table that was imported has none",
        ),
    }


def imported_table(name: str) -> Contract:
    """Return the contract of a table that `import_table` completed; `name` is the phenotype's."""
    return Contract(
        files=("radiomics/table/features.csv",),
        row="a series of a finished feature table",
        columns=tuple(file_columns(name).values()),
        key=("File",),
    )


IMPORTED = imported_table(NAME)


def read_feature_table(
    path: str | Path, name: str, complete: bool = False, divided: bool = True
) -> pd.DataFrame:
    """Read and check a feature table; columns in the words of `file_columns`, the features last.

    `name` is the phenotype's name. A scan without lesions (Num_Lesions 0) has empty features.
    Elsewhere an empty feature is one that could not be measured, which only a table of this
    pipeline may hold: `complete` asks that there be none. A table that is not `divided` into
    training and test is a cohort that no model has seen: all of it is test. Raises InputError that
    lists everything that is wrong with the table, one sentence each.
    """
    texts = _read(path, name, OPTIONAL if divided else (*OPTIONAL, "group"))
    if not divided:
        texts["group"] = "test"
    table = texts[list(TEXTS)].join(texts[list(NUMBERS)].apply(pd.to_numeric, errors="coerce"))
    stop_on(
        _not_numbers(path, texts, table, name, complete)
        + _odd_values(path, table, name)
        + (_odd_groups(path, table) if divided else [])
    )
    typed = table.reset_index(drop=True).astype({"label": int, "fold": "Int64"})
    # A copy lays the columns of a kind side by side; rows are then taken in half the time, which
    # each fold does many times.
    return typed.copy()


def import_table(path: str | Path, name: str, folds: int, seed: int) -> pd.DataFrame:
    """Read a finished table of another source, strictly, and complete its columns.

    Where it names no folds, its training patients are dealt into `folds` folds, stratified by
    whether a patient has a negative study. Where it has no burden, the mask's volume in its own
    voxels stands for it, or, without PyRadiomics' diagnostics of the mask, the mesh volume.
    """
    # Imported here: while a workflow is parsed, tables are read without scikit-learn.
    from livermet.phenotype.folds import assign_folds

    table = read_feature_table(path, name, complete=True)
    training = table["group"] != "test"
    if table.loc[training, "fold"].isna().all():
        table.loc[training, "fold"] = assign_folds(table[training], folds, seed)
    mesh_ml = table["original_shape_MeshVolume"] / MM3_PER_ML
    volume_ml = _volume_of_mask_ml(path).reindex(table.index).fillna(mesh_ml)
    no_lesion = table[LESION_COUNT] == 0
    table["burden_ml"] = table["burden_ml"].fillna(volume_ml.mask(no_lesion, 0.0))
    stop_on(_odd_burdens(path, table))
    return table


def _volume_of_mask_ml(path: str | Path) -> pd.Series:
    """Return each row's voxels times their volume, by PyRadiomics' diagnostics, where they are."""
    raw = pd.read_csv(path, skiprows=provenance_lines(path), low_memory=False)
    if not {*MASK_VOXELS} <= {*raw}:
        return pd.Series(dtype=float)
    number, spacing = (raw[name] for name in MASK_VOXELS)
    sides = spacing.astype(str).str.extract(r"([\d.]+)\D+?([\d.]+)\D+?([\d.]+)").astype(float)
    return pd.to_numeric(number, errors="coerce") * sides.prod(axis=1, skipna=False) / MM3_PER_ML


def _odd_burdens(path: str | Path, table: pd.DataFrame) -> list[str]:
    """List the rows whose burden, taken from the mask or its mesh, is no volume."""
    burden = table["burden_ml"]
    return [
        f"{path}: the lesions of series '{table['series'][row]}' have {burden[row]:g} ml by "
        f"{' times '.join(MASK_VOXELS)} or, without these, original_shape_MeshVolume; measure "
        "again, or give Burden_ml."
        for row in table.index[(burden < 0) | (burden > LARGEST)]
    ]


def as_published_columns(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Name the columns as the authors do, in their order (`imported_table`); undoes reading."""
    names = {here: column.name for here, column in file_columns(name).items()}
    table = table.assign(status=table["label"].map(CLASSES)).rename(columns=names)
    return table[imported_table(name).names]


def slice_thickness(table: pd.DataFrame) -> pd.Series:
    """Return the slice thickness in mm by series, as far as the table tells the scans' voxels.

    It is the third length of the scan's own voxel (x, y, z), the distance of its slices, and
    missing where the cell is empty or holds anything but three lengths.
    """
    lengths = table["scan_voxel_mm"].astype("str").str.extract(SPACING)["z"]
    return pd.to_numeric(lengths, errors="coerce").set_axis(table["series"])


def measured(table: pd.DataFrame) -> pd.Series:
    """Tell which rows have every feature: not those of scans without measurable lesions."""
    return table[list(FEATURES)].notna().all(axis=1)


def _file_names(name: str) -> dict[str, str]:
    """Name what is read from a file, its features aside."""
    read = {*TEXTS, *NUMBERS} - {*FEATURES}
    return {here: column.name for here, column in file_columns(name).items() if here in read}


def _read(path: str | Path, name: str, optional: tuple[str, ...]) -> pd.DataFrame:
    file_names = _file_names(name)
    texts = {file_names[column]: str for column in TEXTS}
    try:
        above = provenance_lines(path)
        raw = pd.read_csv(path, dtype=texts, low_memory=False, skiprows=above)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a table of comma separated values: {error}.") from None
    except FileNotFoundError:
        raise InputError(
            f"There is no feature table at {path}; put it there, or name another one "
            "(phenotype.table)."
        ) from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); name a table of comma separated values "
            "(phenotype.table)."
        ) from None
    lacking = [
        file_names[column]
        for column in file_names
        if column not in optional and file_names[column] not in raw
    ]
    problems = [
        f"{path} has no column '{column}'; a feature table needs it (config/README.md lists all)."
        for column in lacking
    ]
    features = [feature for feature in FEATURES if feature not in raw]
    if features:
        problems.append(
            f"{path} lacks {len(features)} of the {len(FEATURES)} features: {_some(features)}; "
            "extract them with PyRadiomics under these names."
        )
    if raw.empty:
        problems.append(f"{path} has no rows; give it one row a series.")
    stop_on(problems)
    table = raw.rename(columns={there: here for here, there in file_names.items()})
    # Rows are numbered as a spreadsheet shows them, below the header.
    table.index = pd.RangeIndex(above + 2, above + 2 + len(table))
    # An optional column that the file lacks comes out empty.
    return table.reindex(columns=[*TEXTS, *NUMBERS])


def _not_numbers(
    path: str | Path, texts: pd.DataFrame, table: pd.DataFrame, name: str, complete: bool
) -> list[str]:
    """List the cells of `texts`, the table as it was read, that should be numbers and are not."""
    numbers = list(NUMBERS)
    values = table[numbers]
    wrong_text = values.isna() & texts[numbers].notna()
    infinite = np.isinf(values)
    large = (values.abs() > LARGEST) & ~infinite
    empty = values.isna() & ~wrong_text
    empty[[column for column in OPTIONAL if column in numbers]] = False
    may_be_empty = (values[LESION_COUNT] == 0) | (not complete)
    empty.loc[may_be_empty, list(RADIOMIC_FEATURES)] = False
    problems = []
    for bad, is_what in (
        (wrong_text, "not a number"),
        (infinite, "infinite"),
        (large, f"above {LARGEST:g} in size"),
        (empty, "empty"),
    ):
        for row in table.index[bad.any(axis=1)]:
            columns = [
                _file_names(name).get(column, column) for column in numbers if bad.at[row, column]
            ]
            problems.append(
                f"{path}, row {row} (series '{table['series'][row]}'): {_some(columns)} "
                f"{'is' if len(columns) == 1 else 'are'} {is_what}; measure again, or leave the "
                "series out."
            )
    return problems


def _odd_values(path: str | Path, table: pd.DataFrame, name: str) -> list[str]:
    problems = []
    for column in ("series", "study", "patient", "group"):
        for row in table.index[table[column].isna()]:
            problems.append(f"{path}, row {row}: {_file_names(name)[column]} is empty; fill it.")
    for row in table.index[table["series"].duplicated() & table["series"].notna()]:
        problems.append(
            f"{path}, row {row}: series '{table['series'][row]}' stands in the table "
            "already; give each series one row."
        )
    for row in table.index[~table["group"].isin(GROUPS) & table["group"].notna()]:
        problems.append(
            f"{path}, row {row}: Group is '{table['group'][row]}'; write train, val or test."
        )
    whole = np.isfinite(table["fold"]) & (table["fold"] >= 0) & (table["fold"] % 1 == 0)
    for row in table.index[~whole & np.isfinite(table["fold"])]:
        problems.append(
            f"{path}, row {row}: Fold is {table['fold'][row]:g}; number the folds from 0."
        )
    for row in table.index[~table["label"].isin([0, 1]) & table["label"].notna()]:
        problems.append(
            f"{path}, row {row}: {name}_Class is {table['label'][row]:g}; write 1 for "
            "positive and 0 for negative."
        )
    problems += _odd_counts_and_burdens(path, table, name)
    for study, owners in table.groupby("study")["patient"].unique().items():
        if len(owners) > 1:
            problems.append(
                f"{path}: study '{study}' belongs to patients {_some(sorted(owners))}; give each "
                "patient's study a name of its own."
            )
    for study, rows in table.groupby("study"):
        for column in ("score", "label"):
            values = sorted(rows[column].dropna().unique())
            if len(values) > 1:
                named = _some([f"{value:g}" for value in values])
                problems.append(
                    f"{path}: {_file_names(name)[column]} of study '{study}' is {named}; give all "
                    "series of a study the one of its sample."
                )
    return problems


def _odd_counts_and_burdens(path: str | Path, table: pd.DataFrame, name: str) -> list[str]:
    """List counts of lesions that are none, and burdens below 0."""
    names = _file_names(name)
    problems = []
    for column in (LESION_COUNT, "mask_lesions"):
        lesions = table[column]
        problems += [
            f"{path}, row {row}: {names.get(column, column)} is {lesions[row]:g}; count lesions "
            "from 0."
            for row in table.index[(lesions < 0) | (lesions % 1 > 0)]
        ]
    burden = table["burden_ml"]
    problems += [
        f"{path}, row {row}: Burden_ml is {burden[row]:g}; write a volume, or leave the column out."
        for row in table.index[burden < 0]
    ]
    return problems


def contradicted_classes(table: pd.DataFrame, limits: pd.Series, path: str | Path) -> list[str]:
    """Say which series of a finished table have a class that their score contradicts.

    `limits` has the score of each row above which a series is positive. Distances from it, and the
    side that a predicted score falls on, would be told of another class than the table's.
    """
    wrong = table[table["score"].gt(limits).astype(int).ne(table["label"])]
    if wrong.empty:
        return []
    first, limit = wrong.iloc[0], limits[wrong.index[0]]
    return [
        f"{path}: {len(wrong)} series have another class than their score and phenotype."
        f"positive_above say: series '{first['series']}' has class {first['label']} and score "
        f"{first['score']:g}, and above {limit:g} a score is positive. Set positive_above to the "
        "score that the table's classes begin above; where they come of no score, write the class "
        "as the score and set it to 0.5."
    ]


def _odd_groups(path: str | Path, table: pd.DataFrame) -> list[str]:
    problems = []
    testing = table["group"] == "test"
    both = sorted(set(table["patient"][testing]) & set(table["patient"][~testing]))
    problems += [
        f"{path}: patient '{patient}' has series in training and in the test set; put all series "
        "of a patient on one side."
        for patient in both
    ]
    if testing.all() or not testing.any():
        lacking = "training" if testing.all() else "test"
        problems.append(f"{path}: Group names no {lacking} series; both sides need some.")
    classes = set(table.loc[~testing, "label"].dropna()) & {0, 1}
    if len(classes) == 1:
        only = "positive" if classes == {1} else "negative"
        problems.append(
            f"{path}: every training series is {only}; a classifier needs both classes."
        )
    with_fold = table.loc[~testing & table["fold"].notna()]
    for patient, folds in with_fold.groupby("patient")["fold"].unique().items():
        if len(folds) > 1:
            named = _some([f"{fold:g}" for fold in sorted(folds)])
            problems.append(
                f"{path}: patient '{patient}' stands in folds {named}; a patient has one fold."
            )
    if with_fold["fold"].nunique() == 1:
        problems.append(
            f"{path}: all training patients stand in one Fold; deal them into several, or leave "
            "the column out."
        )
    without = table.loc[~testing & table["fold"].isna(), "series"]
    if len(with_fold) and len(without):
        problems.append(
            f"{path}: training series {_some(list(without))} lack a Fold that others have; fill "
            "the column or leave it out."
        )
    return problems


def _some(names: list, at_most: int = 3) -> str:
    """Name the first few of a list and count the rest."""
    named = ", ".join(str(name) for name in names[:at_most])
    return named if len(names) <= at_most else f"{named} and {len(names) - at_most} more"
