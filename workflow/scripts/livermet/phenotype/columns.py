"""Columns of the tables of both protocols, for modules that have no library of classifiers."""

from livermet.contracts import NUMBER, SHARE, TEXT, Column, Contract
from livermet.vocabulary import Protocol, Weighting

# Plain texts: tables and saved models hold no class of ours.
PUBLISHED, CORRECTED = (protocol.value for protocol in Protocol)
# The baseline that knows the tumour's volume alone, as models are named in tables.
VOLUME = "volume"
PROTOCOL = Column("protocol", TEXT, "protocol of the classifiers", words=tuple(Protocol))
MODEL = Column("model", TEXT, "name of the classifier or of the baseline")
WEIGHTING = Column(
    "weighting",
    TEXT,
    "class weights: none, balanced, those with the best auc or f1, or searched for both",
    words=tuple(Weighting),
)
WEIGHTS = Contract(
    files=(
        f"phenotype/*/{PUBLISHED}/*/weights.tsv",
        f"phenotype/*/{PUBLISHED}/*/weights/*.tsv",
    ),
    row="a class weight that the search tried",
    columns=(
        Column("weight", NUMBER, "weight of the positive class beside 1 for the negative", low=0),
        Column(
            "auc",
            SHARE,
            "area under the ROC curve of the tuning split",
            missing="where the split is of one class",
        ),
        Column(
            "f1",
            SHARE,
            "F1 of the tuning split",
            missing="where no series of it is positive or called so",
        ),
    ),
    key=("weight",),
)
