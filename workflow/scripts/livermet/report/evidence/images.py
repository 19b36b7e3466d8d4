"""Evidence of what was done to the images: segmentation, resampling, extraction of features."""

import re

import pandas as pd

from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES
from livermet.report import words
from livermet.report.evidence.artifacts import (
    AUTHORS,
    DONE,
    MANIFEST,
    METHODS,
    NOT_APPLICABLE,
    NOT_DONE,
    PARTLY,
    Artifacts,
    Evidence,
    agreement,
    csv,
    from_images,
    lacking,
    sentences,
    with_interval,
)
from livermet.report.features.lists import PERTURBED
from livermet.vocabulary import Aggregation, Protocol

PYRADIOMICS = "pyradiomics-bhklab"
# METRICS names slices of 5 mm and more, resampled to 1 mm, as what may be inappropriate.
THICK_MM = 5.0


@from_images
def segmentation_method(run: Artifacts) -> Evidence:
    """Name the networks, and the one whose masks the features are taken from."""
    if run.entry == "masks":
        return Evidence(
            PARTLY,
            "The masks were given: no network ran. Who drew them, with what and by which rules is "
            "for the authors.",
        )
    stale = run.table("stale_models")
    changed = "" if stale is None else words.listed(map(words.model, sorted(set(stale["model"]))))
    return Evidence(
        DONE,
        sentences(
            "Labels liver and lesion, by "
            f"{words.listed(map(words.model, run.settings['models']))}. "
            f"Features are taken from the unedited masks of "
            f"{words.model(run.settings['final_model'])}.",
            _features_of(run),
            f"Training cases have since changed for {changed}." if changed else "",
        ),
        ("report.html#segmentation", "report.html#rules", METHODS),
    )


@from_images
def segmentation_evaluation(run: Artifacts) -> Evidence:
    """Return the final model's scores against the reference on the target cohort's test scans."""
    if run.entry == "masks":
        return Evidence(NOT_DONE, "The masks were given; no network drew any that could be scored.")
    table = run.table("table3_segmentation")
    if table is None:
        return lacking(run, "segmentation scores")
    rows = table[
        table["model"].eq(run.settings["final_model"])
        & table["cohort"].eq(run.settings["target"])
        & table["test_set"].eq("test patients")
    ]
    if rows.empty:
        return Evidence(NOT_DONE, "No test scan of the target cohort has a reference.")
    row = rows.iloc[0]
    scores = {
        "median Dice of lesions": "median_dice",
        "of the liver": "median_liver_dice",
        "lesion sensitivity": "lesion_sensitivity",
        "PPV": "lesion_ppv",
    }
    told = [f"{name} {_with_interval(row, score)}" for name, score in scores.items()]
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
            f"{words.model(row['model'])} on {words.counted(row['scans'], 'test scan')} of "
            f"{words.counted(row['patients'], 'patient')}: {', '.join(told)}.",
            f"Scored also {words.listed(more[name] for name in made)}." if made else "",
        ),
        ("report.html#segmentation", csv("table3_segmentation"), *map(csv, made)),
    )


def _with_interval(row: pd.Series, score: str) -> str:
    """Write a score of table 3 with its interval, where the table has intervals."""
    if f"{score}_low" not in row:
        return words.number(row[score])
    return with_interval(row, score, f"{score}_")


@from_images
def test_masks(run: Artifacts) -> Evidence:
    """Say who made the masks of the test scans."""
    if run.entry == "masks":
        return Evidence(AUTHORS, "Whether one reader alone drew each given test mask.")
    return Evidence(
        DONE,
        f"The test masks are those of {words.model(run.settings['final_model'])}, edited by "
        "nobody.",
        ("report.html#rules",),
    )


@from_images
def segmentation_reliability(run: Artifacts) -> Evidence:
    """Say how masks were varied: contours moved at random, reference beside predicted masks."""
    masks, moved = run.table("masks"), agreement(run, PERTURBED)
    unread = "No reader segmented twice."
    if masks is None and not moved:
        return Evidence(NOT_DONE, "No scan was segmented twice, and no second mask was compared.")
    if masks is None:
        return Evidence(PARTLY, sentences(moved, unread), (csv("reproducibility"),))
    rows = masks[masks["metric"].eq("auc") & masks["mean"].notna()]
    rows = rows[rows["protocol"].eq(run.settings["protocols"][-1]) & rows["set"].eq("test")]
    compared = [
        f"{words.value('mask', row['mask'])} {with_interval(row)}"
        for _, row in rows.drop_duplicates("mask").iterrows()
    ]
    return Evidence(
        PARTLY,
        sentences(
            "The same classification runs on predicted and on reference masks.",
            f"Test AUC by mask: {words.listed(compared)}." if compared else "",
            moved,
            unread,
        ),
        (csv("masks"), csv("reproducibility")) if moved else (csv("masks"),),
    )


@from_images
def preprocessing(run: Artifacts) -> Evidence:
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
def preprocessing_fit(run: Artifacts) -> Evidence:
    """Hold the voxel of the features against the thickest slices of the target cohort."""
    spacing = run.settings["radiomics"].get("resampledPixelSpacing")
    table, target = run.table("tableS1_acquisition"), run.settings["target"]
    thickest = None if table is None or target not in table else _thickest(table, target)
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
def resampling(run: Artifacts) -> Evidence:
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
def discretisation(run: Artifacts) -> Evidence:
    """Return the bins of the grey levels."""
    settings = run.settings["radiomics"]
    if count := settings.get("binCount"):
        what = f"A fixed number of bins: {count}."
    else:
        # Where neither is named PyRadiomics takes a width of 25.
        what = f"A fixed bin width: {settings.get('binWidth', 25):g} HU, edges at its multiples."
    return Evidence(DONE, what, (METHODS, MANIFEST))


def image_types(run: Artifacts) -> Evidence:
    """Say that only the original image is used."""
    if run.entry == "table":
        return Evidence(PARTLY, "By the feature table's column names the original image alone.")
    return Evidence(DONE, "The original image alone; no filter, no wavelets.", (METHODS,))


@from_images
def extraction(run: Artifacts) -> Evidence:
    """Name the software of the features."""
    return Evidence(
        DONE,
        f"PyRadiomics ({run.version(PYRADIOMICS)}), hand-crafted three-dimensional features, "
        "compared with PyRadiomics' own baselines and, feature by feature, with the IBSI's "
        "consensus values; the methods name each difference.",
        (METHODS, "report.html#versions"),
    )


def feature_classes(run: Artifacts) -> Evidence:
    """Count the features by class."""
    classes = pd.Series(RADIOMIC_FEATURES).str.split("_").str[1].value_counts(sort=False)
    counts = words.listed(f"{name} {number}" for name, number in classes.items())
    by_name = ", by the feature table's column names" if run.entry == "table" else ""
    return Evidence(
        DONE, f"{words.capital(counts)}; and the number of lesions{by_name}.", (METHODS,)
    )


def feature_count(run: Artifacts) -> Evidence:
    """Count the features of a series, and say what they are of."""
    return Evidence(
        DONE,
        sentences(
            f"{len(FEATURES)} a series: {len(RADIOMIC_FEATURES)} radiomic ones and the number of "
            "lesions.",
            "" if run.entry == "table" else _features_of(run),
        ),
        (METHODS,),
    )


def _features_of(run: Artifacts) -> str:
    """Say what each protocol takes as a scan's features."""
    of = {Protocol.PUBLISHED: Aggregation.UNION, Protocol.CORRECTED: run.settings["aggregation"]}
    told = [f"{words.AGGREGATIONS[of[name]]} ({name})" for name in run.settings["protocols"]]
    return f"A scan's features: {'; '.join(told)}."


@from_images
def default_parameters(run: Artifacts) -> Evidence:
    """Name the settings that were made; all others are PyRadiomics' own."""
    made = [f"{name} {value}" for name, value in run.settings["radiomics"].items()]
    named = words.listed(made) if made else "none"
    return Evidence(DONE, f"Set: {named}. All others are PyRadiomics' defaults.", (MANIFEST,))


@from_images
def extraction_parameters(run: Artifacts) -> Evidence:
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


def single_imaging(run: Artifacts) -> Evidence:
    """Say that features come from one image at a time."""
    source = "column names" if run.entry == "table" else "extraction"
    return Evidence(
        DONE,
        f"One CT series a row; no sequences, phases or modalities are combined (by the {source}).",
        (METHODS,),
    )


def feature_definitions(run: Artifacts) -> Evidence:
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


def predictor_assessors(run: Artifacts) -> Evidence:
    """Say whether a person's judgement enters the predictors."""
    if run.entry == "scans":
        return Evidence(
            NOT_APPLICABLE,
            "The masks behind the features are a network's; readers only drew those that it "
            "learnt from.",
        )
    return Evidence(AUTHORS, "Who drew the lesions that the features were measured in.")
