"""Columns of the tables of both protocols, for modules that have no library of classifiers."""

from livermet.contracts import TEXT, Column
from livermet.vocabulary import Protocol, Weighting

# Plain texts: tables and saved models hold no class of ours.
PUBLISHED, CORRECTED = (protocol.value for protocol in Protocol)
PROTOCOL = Column("protocol", TEXT, "protocol of the classifiers", words=tuple(Protocol))
MODEL = Column("model", TEXT, "name of the classifier or of the baseline")
WEIGHTING = Column(
    "weighting",
    TEXT,
    "class weights: none, balanced, those with the best auc or f1, or searched for both",
    words=tuple(Weighting),
)
