"""Evidence of what was done to the images: segmentation, resampling, extraction of features."""

import re

import pandas as pd

from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES
from livermet.report import checks, words
from livermet.report.evidence.form import (
    AUTHORS,
    DONE,
    MANIFEST,
    METHODS,
    NOT_APPLICABLE,
    NOT_DONE,
    PARTLY,
    Evidence,
    agreement,
    csv,
    from_images,
    sentences,
    version,
)
from livermet.report.features.lists import PERTURBED
from livermet.report.masks import content as masks
from livermet.report.run import Run
from livermet.report.segmentation import content as segmentation

PYRADIOMICS = "pyradiomics-bhklab"
# METRICS names slices of 5 mm and more, resampled to 1 mm, as what may be inappropriate.
THICK_MM = 5.0


@from_images
def segmentation_method(run: Run) -> Evidence:
    """Name the networks, and the one whose masks the features are taken from."""
    if run.entry == "masks":
        return Evidence(
            PARTLY,
            f"{checks.GIVEN_MASKS} Who drew them, with what and by which rules is for the authors.",
        )
    return Evidence(
        DONE,
        sentences(
            "Labels liver and lesion, by "
            f"{words.listed(map(words.model, run.settings['models']))}. "
            f"Features are taken from the unedited masks of {words.model(run.final)}.",
            run.phrases["feature_rule"],
            run.phrases["pretrained_told"],
            *checks.changed_cases(run),
        ),
        ("report.html#segmentation", "report.html#rules", METHODS),
    )


@from_images
def segmentation_evaluation(run: Run) -> Evidence:
    """Return the final model's scores against the reference on the target cohort's test scans."""
    told, row = segmentation.sentences(run)[0], segmentation.final_scores(run)
    if row is None:
        return Evidence(NOT_DONE, told)
    scores = {
        "share of lesions found": "lesion_sensitivity",
        "share that match": "lesion_ppv",
        "Dice of lesions": "median_dice",
        "of the liver": "median_liver_dice",
    }
    intervals = [
        f"{name} {words.spread(row[f'{score}_low'], row[f'{score}_high'])}"
        for name, score in scores.items()
        if pd.notna(row[f"{score}_low"])
    ]
    more = {
        "detection_scores": "by rule of matching, with surface distances",
        "detection_sizes": "by lesion size",
        "detection_froc": "over the threshold of the lesion probability",
        "detection_burden": "in its tumour burden",
    }
    made = [name for name in more if run.table(name) is not None]
    return Evidence(
        DONE,
        sentences(
            told,
            f"Intervals over draws of patients: {', '.join(intervals)}." if intervals else "",
            f"Scored also {words.listed(more[name] for name in made)}." if made else "",
        ),
        ("report.html#segmentation", csv("table3_segmentation"), *map(csv, made)),
    )


@from_images
def test_masks(run: Run) -> Evidence:
    """Say who made the masks of the test scans."""
    if run.entry == "masks":
        return Evidence(AUTHORS, "Whether one reader alone drew each given test mask.")
    return Evidence(
        DONE,
        f"The test masks are those of {words.model(run.final)}, edited by nobody.",
        ("report.html#rules",),
    )


@from_images
def segmentation_reliability(run: Run) -> Evidence:
    """Say how masks were varied: contours moved at random, reference beside predicted masks."""
    compared, moved = run.table("masks"), agreement(run, PERTURBED)
    if compared is None and not moved:
        return Evidence(NOT_DONE, "No scan was segmented twice, and no second mask was compared.")
    told, where = [], []
    if compared is not None:
        told.append("The same classification runs on predicted and on reference masks.")
        where.append(csv("masks"))
    if moved:
        where.append(csv("reproducibility"))
    unread = "No reader segmented twice."
    return Evidence(PARTLY, sentences(*told, *masks.sentences(run), moved, unread), tuple(where))


@from_images
def preprocessing(run: Run) -> Evidence:
    """Say what is done to every volume before its features."""
    normalised = run.settings["radiomics"].get("normalize")
    return Evidence(
        DONE,
        "Volumes are turned to RAS+ without interpolation, in whole HU, with -1024 HU as the "
        "lowest. "
        + (
            "PyRadiomics normalises each volume (normalize); no filter or harmonisation"
            if normalised
            else "No filter, normalisation or harmonisation"
        )
        + " comes before the features.",
        (METHODS, "cohort/acquisition.tsv"),
    )


@from_images
def preprocessing_fit(run: Run) -> Evidence:
    """Hold the voxel of the features against the thickest slices of the target cohort."""
    spacing = run.settings["radiomics"].get("resampledPixelSpacing")
    table = run.table("tableS1_acquisition")
    thickest = None if table is None or run.target not in table else _thickest(table, run.target)
    if not spacing or thickest is None:
        return Evidence(
            PARTLY,
            "The preparation is described, but "
            + ("voxels keep each scan's own size." if not spacing else "no slice has a thickness."),
            (METHODS,),
        )
    thin = spacing[2] < THICK_MM <= thickest
    return Evidence(
        PARTLY if thin else DONE,
        f"Features are three-dimensional, of voxels of {_size(spacing)} mm; slices are at most "
        f"{thickest:g} mm thick."
        + (" So fine a grid may be inappropriate for slices of 5 mm and more." if thin else ""),
        (csv("tableS1_acquisition"), METHODS),
    )


def _thickest(table: pd.DataFrame, cohort: str) -> float | None:
    """Read the largest slice spacing, or else thickness, from a cell '2.50 (1.00 to 5.00)'."""
    for name in ("slice spacing, mm", "slice thickness, mm"):
        for cell in table.loc[table["characteristic"].eq(name), cohort].dropna():
            if found := re.search(r"to ([\d.]+)\)", str(cell)):
                return float(found[1])
    return None


def _size(spacing: list[float]) -> str:
    return " x ".join(f"{length:g}" for length in spacing)


@from_images
def resampling(run: Run) -> Evidence:
    """Return the voxel that features are computed in, and the interpolators."""
    settings = run.settings["radiomics"]
    spacing = settings.get("resampledPixelSpacing")
    if not spacing:
        what = "Nothing is resampled: features are computed in each scan's own voxels."
    else:
        how = settings.get("interpolator", "sitkBSpline, PyRadiomics' own")
        what = (
            f"To {_size(spacing)} mm; the CT by {how}, the mask by the nearest neighbour, not "
            "along an axis in which the mask spans one slice."
        )
    return Evidence(DONE, what, (METHODS, MANIFEST))


@from_images
def discretisation(run: Run) -> Evidence:
    """Return the bins of the grey levels."""
    settings = run.settings["radiomics"]
    if count := settings.get("binCount"):
        what = f"A fixed number of bins: {count}."
    else:
        # Where neither is named PyRadiomics takes a width of 25.
        what = f"A fixed bin width: {settings.get('binWidth', 25):g} HU, edges at its multiples."
    return Evidence(DONE, what, (METHODS, MANIFEST))


def image_types(run: Run) -> Evidence:
    """Say that only the original image is used."""
    if run.entry == "table":
        return Evidence(PARTLY, "By the feature table's column names the original image alone.")
    return Evidence(DONE, "The original image alone; no filter, no wavelets.", (METHODS,))


@from_images
def extraction(run: Run) -> Evidence:
    """Name the software of the features."""
    return Evidence(
        DONE,
        f"PyRadiomics ({version(run, PYRADIOMICS)}), hand-crafted three-dimensional features, "
        "compared with PyRadiomics' own baselines and, feature by feature, with the IBSI's "
        "consensus values; the methods name each difference.",
        (METHODS, "report.html#versions"),
    )


def feature_classes(run: Run) -> Evidence:
    """Count the features by class."""
    classes = pd.Series(RADIOMIC_FEATURES).str.split("_").str[1].value_counts(sort=False)
    counts = words.listed(f"{name} {number}" for name, number in classes.items())
    by_name = ", by the feature table's column names" if run.entry == "table" else ""
    return Evidence(
        DONE, f"{words.capital(counts)}; and the number of lesions{by_name}.", (METHODS,)
    )


def feature_count(run: Run) -> Evidence:
    """Count the features of a series, and say what they are of."""
    return Evidence(
        DONE,
        sentences(
            f"{len(FEATURES)} a series: {len(RADIOMIC_FEATURES)} radiomic ones and the number of "
            "lesions.",
            run.phrases["feature_rule"],
        ),
        (METHODS,),
    )


@from_images
def default_parameters(run: Run) -> Evidence:
    """Name the settings that were made; all others are PyRadiomics' own."""
    made = [f"{name} {value}" for name, value in run.settings["radiomics"].items()]
    named = words.listed(made) if made else "none"
    return Evidence(DONE, f"Set: {named}. All others are PyRadiomics' defaults.", (MANIFEST,))


@from_images
def extraction_parameters(run: Run) -> Evidence:
    """Put classes, number and settings of the features together."""
    return Evidence(
        DONE,
        sentences(
            image_types(run).what,
            f"Classes: {feature_classes(run).what}",
            default_parameters(run).what,
        ),
        (METHODS, MANIFEST),
    )


def single_imaging(run: Run) -> Evidence:
    """Say that features come from one image at a time."""
    source = "column names" if run.entry == "table" else "extraction"
    return Evidence(
        DONE,
        f"One CT series a row; no sequences, phases or modalities are combined (by the {source}).",
        (METHODS,),
    )


def feature_definitions(run: Run) -> Evidence:
    """Say where the predictors are defined and whether anyone could see the outcome."""
    blind = {
        "scans": (DONE, "They are measured by programs alone, blind to score and class."),
        "masks": (PARTLY, "Whether the readers of the given masks were blind is for the authors."),
        "table": (PARTLY, "When and how they were measured is for the table's authors."),
    }
    done, how = blind[run.entry]
    return Evidence(
        done,
        f"{len(FEATURES)} features under PyRadiomics' names, defined by its documentation. {how}",
        (METHODS,),
    )


def predictor_assessors(run: Run) -> Evidence:
    """Say whether a person's judgement enters the predictors."""
    if run.entry == "scans":
        return Evidence(
            NOT_APPLICABLE,
            "The masks behind the features are a network's; readers only drew those that it "
            "learnt from.",
        )
    return Evidence(AUTHORS, "Who drew the lesions that the features were measured in.")
