"""Words that are compared: config, stages, tables and pages take each of them from here.

They are texts, so that a table or a config that holds the plain word is equal to them.
"""

from enum import StrEnum


class Protocol(StrEnum):
    """The two ways to classify: as the article did, and corrected."""

    PUBLISHED = "published"
    CORRECTED = "corrected"


class Weighting(StrEnum):
    """How classes are weighted while a classifier learns."""

    NONE = "none"
    BALANCED = "balanced"
    AUC = "auc"
    F1 = "f1"
    # What AUC and F1 are under the corrected protocol, which searches once for both.
    SEARCHED = "searched"


class Aggregation(StrEnum):
    """What a scan's features are of."""

    UNION = "union"
    LARGEST = "largest"
    VOLUME_WEIGHTED_MEAN = "volume_weighted_mean"
    SUM = "sum"
    # A finished feature table, taken as it is.
    TABLE = "table"


class ScoredSet(StrEnum):
    """The scans of a cohort that a model is scored on."""

    TEST_PATIENTS = "test patients"
    ALL_OF_COHORT = "whole cohort"
    OUT_OF_FOLD = "training, out of fold"
    # Of a cohort that a model was trained on too: test patients, and training's out of fold.
    UNSEEN = "all patients, none seen"


class Accepted(StrEnum):
    """What a study may accept of a DICOM series, with a warning, that is else refused."""

    # Files that are empty, cannot be opened or are cut short: slices may be missing.
    INCOMPLETE = "incomplete"
    # Values that were compressed with a loss.
    LOSSY = "lossy"
    # Slices that are unlike their neighbours, or brighter by turns.
    MIXED_SLICES = "mixed_slices"
    # No slice has a rescale: stored values are taken as Hounsfield units.
    NO_RESCALE = "no_rescale"
    # Another RescaleType than HU.
    OTHER_UNITS = "other_units"
    # MIP and MinIP.
    PROJECTIONS = "projections"


class ExportedAs(StrEnum):
    """Under whose identifiers results are written as DICOM, if they are."""

    NONE = "none"
    # Those of the files that ingestion read.
    AS_GIVEN = "as_given"
    PSEUDONYMS = "pseudonyms"


class Verdict(StrEnum):
    """What a series of an archive is: usable, or why it is not."""

    USABLE = "usable"
    REFERENCE = "reference"
    LOCALIZER = "localizer"
    DOSE_REPORT = "dose_report"
    SECONDARY_CAPTURE = "secondary_capture"
    OTHER_MODALITY = "other_modality"
    # Reports, presentation states and other objects without pixels.
    NO_IMAGE = "no_image"
    # Images made from images: DERIVED and SECONDARY by ImageType, or in other planes.
    DERIVED = "derived"
    REFORMATTED = "reformatted"
    PROJECTION = "projection"
    LOSSY = "lossy"
    OTHER_UNITS = "other_units"
    NO_RESCALE = "no_rescale"
    TOO_FEW_SLICES = "too_few_slices"
    MISSING_SLICES = "missing_slices"
    # Files in the series' own folder are empty, cut or cannot be opened.
    INCOMPLETE = "incomplete"
    # Slices lie at or between one another, and no field tells them apart.
    SEVERAL_ACQUISITIONS = "several_acquisitions"
    # Slices do not say where they lie, or differ in size.
    UNPLACED = "unplaced"
    SEVERAL_PATIENTS = "several_patients"
    # A table of pseudonyms was given, and it lacks the patient.
    NOT_IN_TABLE = "not_in_table"


class Scoring(StrEnum):
    """How a molecular score is computed from expression."""

    CENTROIDS = "centroids"
    SSGSEA = "ssgsea"


class Units(StrEnum):
    """What the numbers of a table of expression are."""

    TPM = "tpm"
    FPKM = "fpkm"
    CPM = "cpm"
    COUNTS = "counts"
    LOG2 = "log2"


class Grid(StrEnum):
    """Where the grid that a lesion is resampled to begins."""

    # PyRadiomics' own.
    CORNER = "corner"
    # IBSI's, which is the same from whichever corner a file is stored.
    CENTRE = "centre"


class OneSlice(StrEnum):
    """What is done with a lesion that spans one slice of the CT, which PyRadiomics keeps thick."""

    RESAMPLED = "resampled"
    LEFT_OUT = "left_out"
    AS_MEASURED = "as_measured"


class Transform(StrEnum):
    """What is done with skewed features before they are standardised."""

    NONE = "none"
    LOG = "log"
    YEO_JOHNSON = "yeo_johnson"


class Redundancy(StrEnum):
    """Which of two features that say nearly the same stays."""

    LEAST_ALIKE = "least_alike"
    MOST_REPRODUCIBLE = "most_reproducible"


class Target(StrEnum):
    """What a model learns, and what LASSO regresses on the features."""

    SCORE = "score"
    CLASS = "class"


class NullFeatures(StrEnum):
    """Whose features a cohort without any relation to find has."""

    OWN = "own"
    PHANTOM = "phantom"


class Calls(StrEnum):
    """How a classifier calls the series of one study."""

    ALL_RIGHT = "all right"
    ALL_WRONG = "all wrong"
    DISAGREE = "series disagree"
    ONE_RIGHT = "one series, right"
    ONE_WRONG = "one series, wrong"


class Agreement(StrEnum):
    """How near a run's number is to the article's printed one."""

    EXACT = "two decimals"
    CLOSE = "within 0.01"
    APART = "no"
    # What the number was computed from is not in the published table.
    IMPOSSIBLE = "not reproducible"


# Patients of each class that a score of theirs needs to be told without a warning.
FEWEST_PATIENTS = 10

# What a config may ask for, as plain texts.
WEIGHTINGS = tuple(one.value for one in Weighting if one is not Weighting.SEARCHED)
AGGREGATIONS = tuple(one.value for one in Aggregation if one is not Aggregation.TABLE)
