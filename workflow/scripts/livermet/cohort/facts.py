"""What a run knows of each series: its place, class, sample and masks, one row a series."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from livermet.cohort.matching import INCLUDED, PLACE, TEST, TRAIN, study_names
from livermet.contracts import (
    COHORT,
    COUNT,
    FLAG,
    NUMBER,
    PATIENT,
    SERIES,
    STUDY,
    TEXT,
    Column,
    Contract,
)
from livermet.phenotype.table import LESION_COUNT, NAME, file_columns, measured
from livermet.vocabulary import Aggregation, Protocol

# Features of these are not aggregated over lesions: the union, and a finished table's own.
NOT_BY_LESION = (Aggregation.UNION, Aggregation.TABLE)
PLACES = (TRAIN, TEST)
CLASSES = ("positive", "negative")
FACTS = Contract(
    files=("cohort/facts.tsv",),
    row="a series of the sheet, or of the feature table that a run begins with",
    columns=(
        SERIES,
        PATIENT,
        STUDY,
        COHORT,
        PLACE,
        INCLUDED,
        Column(
            "label",
            TEXT,
            "molecular class of the study",
            words=CLASSES,
            missing="without a sample within the window",
        ),
        Column(
            "score",
            NUMBER,
            "molecular score of the study",
            missing="without a sample within the window",
        ),
        Column(
            "sample_type",
            TEXT,
            "what was sampled, as the sheet says",
            missing="where it is not known",
        ),
        Column(
            "sex", TEXT, "sex of the patient, as the sheet says", missing="where it is not known"
        ),
        Column(
            "age",
            NUMBER,
            "age of the patient at the study",
            unit="years",
            missing="where it is not known",
        ),
        Column(
            "burden_ml",
            NUMBER,
            "volume of all lesions in the mask of the series",
            unit="ml",
            low=0,
            missing="without a mask",
        ),
        Column("lesions", COUNT, "number of lesions in this mask", missing="without a mask"),
        Column(
            "measured",
            FLAG,
            "whether the series has every feature of the union of its lesions",
            missing="without features",
        ),
        Column(
            "measured_by_lesion",
            FLAG,
            "whether the series has every feature that is aggregated over lesions",
            missing="without such features",
        ),
        Column(
            "kind",
            TEXT,
            "which networks made the mask: single, ensemble (of all folds) or out_of_fold (the one "
            "that has not seen the patient)",
            missing="where no network of the run made it",
        ),
    ),
    key=("series",),
)


def facts_of_sheet(
    sheet: pd.DataFrame, places: pd.DataFrame, matching: pd.DataFrame, masks: pd.DataFrame
) -> pd.DataFrame:
    """Gather what the report says of every series of the sheet, one row a series.

    `sheet` is series.tsv, `places` say where patients are (patient, place), `matching` the cohort
    stage's matching (series, class, sample_type, score, included), `masks` the burden_ml and
    lesions of each series with a mask and, where known, measured (whether it has every feature),
    measured_by_lesion and kind (which networks made the mask); of a series' rows the first value
    counts. Gives `FACTS`.
    """
    facts = sheet[["series", "patient", "cohort", "sex", "age"]].copy()
    facts["study"] = study_names(sheet)
    place = facts["patient"].map(
        places.drop_duplicates("patient").set_index("patient")["place"].astype(str)
    )
    facts["place"] = _train_or_test(place)
    matched = matching.set_index("series")
    facts["included"] = facts["series"].map(matched["included"].map(_is_true)).eq(True)
    facts["label"] = texts(facts["series"].map(_labels(matched["class"])))
    facts["score"] = facts["series"].map(pd.to_numeric(matched["score"]))
    facts["sample_type"] = texts(facts["series"].map(matched["sample_type"]))
    of_masks = masks.groupby("series").first()
    for column in of_masks.columns.intersection(FACTS.names):
        facts[column] = facts["series"].map(of_masks[column])
    return facts.reindex(columns=FACTS.names).reset_index(drop=True)


def facts_of_features(features: pd.DataFrame, name: str, cohort: str) -> pd.DataFrame:
    """Gather what the report says of every series of a feature table, as in `facts_of_sheet`.

    `features` has the columns of `livermet.phenotype.table`; `name` is the phenotype's name in
    them (NE_Score). Sex and age are not known there.
    """
    facts = pd.DataFrame(
        {
            "series": features["File"],
            "patient": features["unique_pt"],
            "cohort": cohort,
            "sex": "",
            "age": float("nan"),
            "study": features["unique_scandate"],
            "place": _train_or_test(features["Group"]),
            "included": True,
            "label": _labels(features[f"{name}_Class"]),
            "score": features[f"{name}_Score"],
            "sample_type": texts(features["Sample_Type"]),
            "burden_ml": features["Burden_ml"],
            "lesions": lesions_of_masks(features),
            "measured": measured(features),
        }
    )
    return facts.reindex(columns=FACTS.names)


def lesions_of_masks(features: pd.DataFrame) -> pd.Series:
    """Count the lesions of each mask: PyRadiomics' own count where the table has it."""
    counted = features.get(file_columns(NAME)["mask_lesions"].name)
    return features[LESION_COUNT] if counted is None else counted.fillna(features[LESION_COUNT])


def measured_by_lesion(facts: pd.DataFrame, features: pd.DataFrame) -> pd.Series:
    """Tell which series have every feature in the table that is aggregated over lesions."""
    complete = measured(features).set_axis(features["File"])
    return facts["series"].map(complete)


def masks_of_features(facts: pd.DataFrame) -> pd.DataFrame:
    """Take what the feature tables know of the masks: burden, lesions, what was measured."""
    return facts[["series", "burden_ml", "lesions", "measured", "measured_by_lesion"]]


def masks_of_scans(scans: pd.DataFrame) -> pd.DataFrame:
    """Take what the detection stage's scans know of the masks: series, burden_ml, lesions, kind."""
    names = {"predicted_burden_ml": "burden_ml", "predicted_lesions": "lesions"}
    return scans[["series", *names, "kind"]].rename(columns=names)


def _train_or_test(places: pd.Series) -> pd.Series:
    return places.map(lambda place: "test" if place == "test" else "train")


def _labels(classes: pd.Series) -> pd.Series:
    return texts(pd.to_numeric(classes).map({1: "positive", 0: "negative"}))


def texts(values: pd.Series) -> pd.Series:
    """Write '' for what is missing; a column where all is missing may have come as numbers."""
    return values.astype(object).where(values.notna(), "")


def _is_true(value) -> bool:
    return str(value).lower() in ("true", "1", "1.0")


def studies_with_burden(facts: pd.DataFrame) -> pd.DataFrame:
    """Take the classified studies whose burden is known, of each the first series by name."""
    known = facts[facts["included"].map(_is_true) & facts["burden_ml"].notna()]
    return known.sort_values("series").drop_duplicates("study").reset_index(drop=True)


@dataclass(frozen=True)
class FeatureCounts:
    """Classified series that have a mask, those that lack features, those without a lesion."""

    series: int
    unmeasured: int
    lesion_free: int


def series_without_features(facts: pd.DataFrame, by_lesion: bool = False) -> FeatureCounts:
    """Count the classified series whose features are not all measured, as the protocols do.

    `by_lesion`: those that are aggregated over lesions, and not those of the union.
    """
    column = "measured_by_lesion" if by_lesion else "measured"
    known = facts[facts["included"].map(_is_true) & facts[column].notna()]
    lacking = known[~known[column].map(_is_true)]
    return FeatureCounts(len(known), len(lacking), int(lacking["lesions"].eq(0).sum()))


def lacking_by_protocol(facts: pd.DataFrame, settings: Mapping) -> dict[FeatureCounts, list[str]]:
    """Count what each protocol's own features lack; protocols with the same counts together.

    `settings` has protocols and aggregation, what the corrected protocol's features are of.
    """
    alike: dict[FeatureCounts, list[str]] = {}
    for protocol in settings["protocols"]:
        by_lesion = protocol == Protocol.CORRECTED and settings["aggregation"] not in NOT_BY_LESION
        alike.setdefault(series_without_features(facts, by_lesion), []).append(protocol)
    return alike


def kinds_of_classified(facts: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Count the classified series of each place by which networks made their mask."""
    known = facts[facts["included"].map(_is_true) & facts["kind"].notna()]
    return {
        place: known.loc[known["place"].eq(place), "kind"].value_counts().to_dict()
        for place in PLACES
    }


def classes_of_test_studies(facts: pd.DataFrame) -> tuple[int, int]:
    """Count the positive among the classified test studies, and all of them."""
    tested = studies_with_burden(facts)
    tested = tested[tested["place"].eq("test")]
    return int(tested["label"].eq("positive").sum()), len(tested)
