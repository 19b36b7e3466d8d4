"""What is measured of a scan: the contracts of its tables, and of the same of all scans of a model.

Apart from what measures, so that a job that only joins these tables imports no image library.
"""

from collections.abc import Sequence
from dataclasses import replace

from livermet.contracts import COUNT, FLAG, NUMBER, SERIES, SHARE, TEXT, Column, Contract

REFERENCE, PREDICTION = SIDES = ("reference", "prediction")

MODEL = Column("model", TEXT, "name of the network")
RULE = Column("rule", TEXT, "rule that says which lesions match")
KIND = Column(
    "kind",
    TEXT,
    "which networks predicted: single, ensemble (of all folds) or out_of_fold (the one that has "
    "not seen the patient)",
)
# What a rule counts, of one scan.
COUNTED = (
    Column("reference_lesions", COUNT, "number of reference lesions"),
    Column("predicted_lesions", COUNT, "number of predicted lesions"),
    Column("detected_lesions", COUNT, "reference lesions that are matched"),
    Column("true_positive_lesions", COUNT, "predicted lesions that are matched"),
    Column("false_positives", COUNT, "predicted lesions that are not matched"),
)

# Of a lesion, its reference or prediction, as radiomics measures it too.
LESION_SIZE = (
    Column("voxels", COUNT, "number of voxels", low=1),
    Column("volume_ml", NUMBER, "volume", unit="ml", low=0),
    Column("diameter_mm", NUMBER, "diameter of the sphere of equal volume", unit="mm", low=0),
    Column("x_mm", NUMBER, "centre of mass, to the left of the patient", unit="mm"),
    Column("y_mm", NUMBER, "centre of mass, to the back", unit="mm"),
    Column("z_mm", NUMBER, "centre of mass, to the head", unit="mm"),
)
SCANS = Contract(
    files=("detection/*/scans.tsv", "detection/*/batches/*.scans.tsv"),
    row="a scan that a model predicts",
    columns=(
        SERIES,
        MODEL,
        KIND,
        Column("has_reference", FLAG, "whether the scan has a reference"),
        Column(
            "reference_lesions",
            COUNT,
            "number of reference lesions",
            missing="without a reference",
        ),
        Column("predicted_lesions", COUNT, "number of predicted lesions"),
        Column(
            "detected_lesions",
            COUNT,
            "reference lesions that are matched by the first rule",
            missing="without a reference",
        ),
        Column(
            "true_positive_lesions",
            COUNT,
            "predicted lesions that are matched by the first rule",
            missing="without a reference",
        ),
        Column(
            "false_positives",
            COUNT,
            "predicted lesions that are not matched by the first rule",
            missing="without a reference",
        ),
        Column(
            "liver_dice",
            SHARE,
            "Dice of the liver, its lesions included",
            missing="without a reference",
        ),
        Column(
            "lesion_dice",
            SHARE,
            "Dice of all lesions taken as one mask; 1 where neither side has one",
            missing="without a reference",
        ),
        Column(
            "reference_burden_ml",
            NUMBER,
            "volume of all reference lesions",
            unit="ml",
            low=0,
            missing="without a reference",
        ),
        Column("predicted_burden_ml", NUMBER, "volume of all predicted lesions", unit="ml", low=0),
        Column(
            "reference_liver_ml",
            NUMBER,
            "volume of the reference liver, its lesions included",
            unit="ml",
            low=0,
            missing="without a reference",
        ),
        Column(
            "predicted_liver_ml",
            NUMBER,
            "volume of the predicted liver, its lesions included",
            unit="ml",
            low=0,
        ),
        Column(
            "false_positive_ml",
            NUMBER,
            "volume of the false positives",
            unit="ml",
            low=0,
            missing="without a reference",
        ),
        Column(
            "split_lesions",
            COUNT,
            "reference lesions that share voxels with several predicted ones",
            missing="without a reference",
        ),
        Column(
            "merging_lesions",
            COUNT,
            "predicted lesions that share voxels with several reference ones",
            missing="without a reference",
        ),
        Column(
            "lesion_voe",
            SHARE,
            "volumetric overlap error of all lesions taken as one mask: 1 - IoU",
            missing="without a reference",
        ),
        Column(
            "lesion_rvd",
            NUMBER,
            "relative volume difference of all lesions: (prediction - reference) / reference",
            low=-1,
            missing="without a reference, and where only the prediction has lesions",
        ),
        Column(
            "lesion_assd_mm",
            NUMBER,
            "average symmetric distance between the surfaces of all lesions",
            unit="mm",
            low=0,
            missing="without a reference, and where a side has no lesion",
        ),
        Column(
            "lesion_mssd_mm",
            NUMBER,
            "maximum symmetric distance between the surfaces of all lesions",
            unit="mm",
            low=0,
            missing="without a reference, and where a side has no lesion",
        ),
        Column(
            "lesion_hd95_mm",
            NUMBER,
            "95th percentile of the distances between the surfaces of all lesions, the larger of "
            "both directions",
            unit="mm",
            low=0,
            missing="without a reference, and where a side has no lesion",
        ),
        Column(
            "lesion_surface_dice",
            SHARE,
            "share of the surfaces of all lesions that lies within the tolerance of the other side",
            missing="without a reference",
        ),
    ),
    key=("series", "model"),
)
MATCHED_BY = Column(
    "matched_<rule>",
    FLAG,
    "whether the lesion is matched by a rule, a column for each rule of the run",
    missing="without a reference",
    family=None,
)
LESIONS = Contract(
    files=("detection/*/lesions.tsv", "detection/*/batches/*.lesions.tsv"),
    row="a lesion of the reference or of the prediction",
    columns=(
        SERIES,
        MODEL,
        Column("side", TEXT, "where the lesion is", words=SIDES),
        Column(
            "lesion", COUNT, "number of the lesion within scan and side; 1 is the largest", low=1
        ),
        *LESION_SIZE,
        Column(
            "matched",
            FLAG,
            "whether the lesion is matched by the first rule",
            missing="without a reference",
        ),
        MATCHED_BY,
    ),
    key=("series", "model", "side", "lesion"),
)
MATCHING = Contract(
    files=("detection/*/matching.tsv", "detection/*/batches/*.matching.tsv"),
    row="a scan with a reference and a rule of matching",
    columns=(
        SERIES,
        MODEL,
        RULE,
        *COUNTED,
        Column("false_positive_ml", NUMBER, "volume of the false positives", unit="ml", low=0),
        Column("groups", COUNT, "number of groups of lesions that are matched to each other"),
    ),
    key=("series", "model", "rule"),
)
GROUPS = Contract(
    files=("detection/*/groups.tsv", "detection/*/batches/*.groups.tsv"),
    row="lesions that a rule matches to each other, in one scan",
    columns=(
        SERIES,
        MODEL,
        RULE,
        Column("references", TEXT, "numbers of the reference lesions, joined by '+'"),
        Column("predictions", TEXT, "numbers of the predicted lesions, joined by '+'"),
        Column("reference_ml", NUMBER, "volume of these reference lesions", unit="ml", low=0),
        Column("predicted_ml", NUMBER, "volume of these predicted lesions", unit="ml", low=0),
        Column("dice", SHARE, "Dice of both sides, each taken as one mask"),
        Column("voe", SHARE, "volumetric overlap error: 1 - IoU"),
        Column(
            "rvd",
            NUMBER,
            "relative volume difference: (prediction - reference) / reference",
            low=-1,
        ),
        Column("assd_mm", NUMBER, "average symmetric surface distance", unit="mm", low=0),
        Column("mssd_mm", NUMBER, "maximum symmetric surface distance", unit="mm", low=0),
        Column(
            "hd95_mm",
            NUMBER,
            "95th percentile of the surface distances, the larger of both directions",
            unit="mm",
            low=0,
        ),
        Column(
            "surface_dice",
            SHARE,
            "share of the surfaces that lies within the tolerance of the other side",
        ),
    ),
    key=("series", "model", "rule", "references"),
)
THRESHOLD = Column(
    "threshold", SHARE, "lesion probability from which on a voxel counts as predicted"
)
COUNTS = Contract(
    files=("detection/*/froc.tsv", "detection/*/batches/*.froc.tsv"),
    row="a scan with a reference, a rule of matching and a threshold",
    columns=(SERIES, MODEL, RULE, THRESHOLD, *COUNTED),
    key=("series", "model", "rule", "threshold"),
)
# By the name of the output that they go to.
MEASURED = {
    "scans": SCANS,
    "lesions": LESIONS,
    "matching": MATCHING,
    "groups": GROUPS,
    "froc": COUNTS,
}


def lesions_by(rules: Sequence[str]) -> Contract:
    """Take the contract of lesions with one flag for each of some rules."""
    flags = replace(MATCHED_BY, family=tuple(f"matched_{rule}" for rule in rules))
    return replace(LESIONS, columns=(*LESIONS.columns[:-1], flags))
