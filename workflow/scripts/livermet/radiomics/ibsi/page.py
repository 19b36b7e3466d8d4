"""IBSI's tables as a block of docs/explanations/methods/ibsi.md."""

import json
from pathlib import Path

import pandas as pd

from livermet.errors import InputError
from livermet.files import whole_file
from livermet.radiomics.ibsi.comparison import agreement, compare, explaining_step
from livermet.radiomics.ibsi.configurations import CONFIGURATIONS, DIGITAL_PHANTOM, Configuration
from livermet.radiomics.ibsi.steps import OWN, PREPROCESSED, STEPS

BEGIN, END = "<!-- written by `make ibsi`: begin -->", "<!-- written by `make ibsi`: end -->"
# What each step behind PyRadiomics' own way removes; in the order of STEPS.
DIFFERENCES = (
    "one re-segmentation: PyRadiomics filters by a range or by outliers, IBSI's configuration E by "
    "both",
    "grid: PyRadiomics aligns the first corners of both grids, IBSI their centres",
    "mask: PyRadiomics takes the nearest voxel's label, IBSI voxels of which half or more lies "
    "inside by trilinear interpolation",
    "rounding: resampled integers are truncated towards zero (SimpleITK), IBSI rounds to the "
    "nearest HU",
    "numbering of grey levels: from 1 in the lowest bin of the mask, in IBSI from 1 at the lower "
    "end of the re-segmentation's range",
    "axis lengths: PyRadiomics' covariance of the voxels' positions divides by their number N, the "
    "consensus values agree with N - 1",
    "kurtosis: PyRadiomics' is 3 for a normal distribution, IBSI's (excess) 0",
)


def write_page(page: Path, data: str | Path) -> None:
    """Compute IBSI's phantoms and write their block where the page has its marks.

    data: the folder of IBSI's data sets and `reference_values`. Raises InputError where the page,
    its marks or the data are not there.
    """
    if not page.is_file():
        raise InputError(f"There is no page {page}; name one with --page.")
    text = page.read_text()
    rewritten(text, "")  # A page without marks is told of before the minutes that values take.
    digital, *chest = (
        (configuration, compare(data, configuration))
        for configuration in (DIGITAL_PHANTOM, *CONFIGURATIONS)
    )
    with whole_file(page) as beside:
        beside.write_text(rewritten(text, ibsi_block(digital, chest)))


def ibsi_block(
    digital: tuple[Configuration, pd.DataFrame],
    chest: list[tuple[Configuration, pd.DataFrame]],
) -> str:
    """Write the block: counts, numbered differences and the tables of all features.

    digital, chest: a configuration and its `compare`.
    """
    resampled = [
        (configuration, comparison)
        for configuration, comparison in chest
        if configuration.spacing_mm is not None
    ]
    parts = (
        BEGIN,
        _summary([digital, *chest]),
        _counts([digital, *chest]),
        "Differences, verified by removing them: a number behind a value means that the value is "
        "outside its tolerance, and within it once the differences up to this number are removed.",
        "\n".join(f"{number}. {text}" for number, text in enumerate(DIFFERENCES, start=1)),
        "### Digital phantom",
        _digital_table(digital[1]),
        "### CT phantom, image and mask preprocessed as IBSI asks",
        "Value (consensus ± tolerance).",
        _chest_table(chest, PREPROCESSED, with_consensus=True),
        "### CT phantom, preprocessed by PyRadiomics",
        "A has no resampling and is as above; the consensus values are those above.",
        _chest_table(resampled, OWN, with_consensus=False),
        END,
    )
    return "\n\n".join(parts)


def rewritten(page: str, block: str) -> str:
    """Put the block where the page has its marks; raises InputError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(f"The page lacks the line {BEGIN} or {END}; write them where it belongs.")
    return before + block + after


def shown(value: float, digits: int = 4) -> str:
    """Write a number with so many significant digits, without an exponent where it is large."""
    return f"{float(f'{value:.{digits}g}'):.12g}"


def _summary(comparisons: list[tuple[Configuration, pd.DataFrame]]) -> str:
    coded = len(agreement(comparisons[0][1]))
    uncoded = len(comparisons[0][1]) - coded
    explained = sum(
        int(explaining_step(agreement(comparison), OWN).notna().sum())
        for _, comparison in comparisons
    )
    return (
        f"{coded} of the {coded + uncoded} features have an IBSI code; {uncoded} have none "
        "(maximum 2D diameters, total energy, MCC). Of the "
        f"{coded * len(comparisons)} values in {len(comparisons)} data sets {explained} agree with "
        "the consensus, as they are or once the differences below are removed."
    )


def _counts(comparisons: list[tuple[Configuration, pd.DataFrame]]) -> str:
    rows = []
    for configuration, comparison in comparisons:
        agreed = agreement(comparison).sum()
        settings = json.dumps(configuration.settings())
        counts = (str(agreed[step]) for step in (OWN, PREPROCESSED, STEPS[-1]))
        rows.append((configuration.name, f"`{settings}`", *counts))
    return _table(
        (
            "data set",
            "PyRadiomics' settings",
            "agree by PyRadiomics' preprocessing",
            "by IBSI's preprocessing",
            "by IBSI's definitions too",
        ),
        rows,
    )


def _digital_table(comparison: pd.DataFrame) -> str:
    steps = explaining_step(agreement(comparison), OWN)
    rows = []
    for feature, row in comparison.iterrows():
        ours = shown(row[OWN])
        if feature not in steps:
            rows.append((_name(feature), "none", ours, "", "", "no such feature in IBSI"))
            continue
        mark = _mark(steps[feature])
        limits = (f"{row['consensus']:.12g}", f"{row['tolerance']:.12g}")
        rows.append((_name(feature), row["code"], ours, *limits, mark or "pass"))
    return _table(("feature", "IBSI", "livermet", "consensus", "tolerance", "agreement"), rows)


def _chest_table(
    comparisons: list[tuple[Configuration, pd.DataFrame]], step: str, with_consensus: bool
) -> str:
    columns = {}
    for configuration, comparison in comparisons:
        numbers = explaining_step(agreement(comparison), step)
        coded = comparison.loc[numbers.index]
        columns[configuration.name] = [
            " ".join(filter(None, (shown(value), consensus, _mark(number))))
            for value, consensus, number in zip(
                coded[step],
                _consensus(coded) if with_consensus else [""] * len(coded),
                numbers,
                strict=True,
            )
        ]
    rows = zip(map(_name, coded.index), coded["code"], *columns.values(), strict=True)
    return _table(("feature", "IBSI", *columns), rows)


def _consensus(comparison: pd.DataFrame) -> list[str]:
    pairs = zip(comparison["consensus"], comparison["tolerance"], strict=True)
    return [f"({consensus:.12g} ± {tolerance:.12g})" for consensus, tolerance in pairs]


def _mark(step: float) -> str:
    if pd.isna(step):
        return "[differs]"
    return f"[{int(step)}]" if step else ""


def _name(feature: str) -> str:
    return feature.removeprefix("original_").replace("_", " ")


def _table(header, rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
