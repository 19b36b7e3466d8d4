"""What a packed classifier says of a series, or of a study: the columns that its tables share.

Apart from the classifier itself, so that a page needs no library of classifiers.
"""

from dataclasses import replace

from livermet.contracts import COUNT, NUMBER, SERIES, SHARE, STUDY, TEXT, Column, Contract

PREDICTED, WITHHELD = VERDICTS = ("predicted", "no validated prediction")
OF_SERIES, OF_STUDY = "series", "study"
WHY_WITHHELD = f"where the verdict is '{WITHHELD}'"
PROBABILITY = Column(
    "probability",
    SHARE,
    "probability of the positive class, mean of the folds' models; of a study the mean over its "
    "series with one",
    missing=WHY_WITHHELD,
)
RANGE = (
    Column(
        "lowest",
        SHARE,
        "range of the folds: the lowest model's; of a study over its series too",
        missing=WHY_WITHHELD,
    ),
    Column("highest", SHARE, "the highest model's", missing=WHY_WITHHELD),
)
CALLED = Column(
    "called",
    COUNT,
    "1 positive, 0 negative, by the classifier's own threshold",
    high=1,
    missing=WHY_WITHHELD,
)
VERDICT = Column("verdict", TEXT, "whether a probability is given", words=VERDICTS)
REASONS = Column(
    "reasons",
    TEXT,
    "why none is given, and of a study which series it lacks; sentences",
    missing="where there is nothing to say",
)
JUDGED = Contract(
    files=("phenotype.tsv", "phenotype/*/new_patients.tsv"),
    row="a series that a packed classifier judged, or a study",
    columns=(
        Column("level", TEXT, "what the row is of", words=(OF_SERIES, OF_STUDY)),
        STUDY,
        replace(SERIES, missing="of a study"),
        Column(
            "series_judged", COUNT, "series with a probability: 1 or 0, of a study their number"
        ),
        PROBABILITY,
        *RANGE,
        Column("threshold", SHARE, "probability above which the classifier calls positive"),
        CALLED,
        Column(
            "distance",
            NUMBER,
            "distance of the features from training's; of a study the largest",
            low=0,
            missing="where the classifier has no feature",
        ),
        VERDICT,
        REASONS,
    ),
    key=("level", "study", "series"),
)
