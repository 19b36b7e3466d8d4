"""From the classifiers that a run has fitted to one that is frozen, apart from its networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from livermet.errors import InputError
from livermet.models import CLASSIFIERS
from livermet.pack.domain import ACQUIRED, Domain
from livermet.pack.frozen import FrozenModel
from livermet.pack.phenotype import Phenotype, Validation
from livermet.phenotype.columns import CORRECTED, VOLUME
from livermet.phenotype.corrected import UNWEIGHTED, prepared, training_rows
from livermet.phenotype.table import read_feature_table
from livermet.radiomics.aggregation import features_file
from livermet.tables import AS_WRITTEN, read_table
from livermet.vocabulary import Aggregation


def freeze(
    run: Path, settings: Mapping[str, Any], mask: str, classifier: str | None = None
) -> Phenotype:
    """Freeze a classifier of the corrected protocol. Raises InputError where it cannot be done."""
    folder = run / "phenotype" / mask / CORRECTED
    choice = _read(folder / "choice.tsv", **AS_WRITTEN)
    name = classifier or choice.loc[choice["chosen"], "model"].iloc[0]
    rows = choice.set_index("model")
    if name not in CLASSIFIERS or name not in rows.index:
        known = ", ".join(one for one in rows.index if one in CLASSIFIERS)
        raise InputError(f"The run has no classifier '{name}'; name one of {known}.")
    phenotype = settings["phenotype"]
    aggregation = Aggregation.TABLE.value if mask == "table" else phenotype["aggregation"]
    union = aggregation in (Aggregation.TABLE, Aggregation.UNION)
    file = features_file(Aggregation.UNION if union else aggregation)
    table = read_feature_table(run / "radiomics" / mask / file, phenotype["name"])
    training = training_rows(prepared(table))
    models = tuple(
        FrozenModel.of(model)
        for model in joblib.load(folder / name / "models.joblib")[name][UNWEIGHTED]
    )
    if not models:
        raise InputError("its folds have no scans to learn from")
    features = {feature for model in models for feature in model.features}
    row = rows.loc[name]
    return Phenotype(
        phenotype["name"],
        name,
        aggregation,
        models,
        Domain.learnt(training, sorted(features), _acquisition(run, training, mask)),
        Validation(
            float(row["auc"]),
            float(row["auc_lowest"]),
            float(row["auc_highest"]),
            int(row["deals"]),
            float(rows.loc[VOLUME, "auc"]),
            bool(row["beats_chance"]),
            bool(row["beats_volume"]),
            bool(row["chosen"]),
        ),
        int(training["patient"].nunique()),
        len(training),
    )


def _acquisition(run: Path, training: pd.DataFrame, mask: str) -> pd.DataFrame:
    """Return how series were acquired: of scans as ingested, of a table as its diagnostics say."""
    if mask == "table":
        spacing = training["scan_voxel_mm"].str.strip("()").str.replace(",", ";")
        told = pd.DataFrame({"series": training["series"], "spacing_mm": spacing})
        return told.reindex(columns=ACQUIRED)
    return _read(run / "cohort" / "acquisition.tsv", dtype={"series": str})[list(ACQUIRED)]


def _read(path: Path, **options) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(
            f"{path} is not there: the run is not finished; run snakemake, then pack again."
        )
    return read_table(path, **options)
