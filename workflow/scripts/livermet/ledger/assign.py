"""`make assign`: add the sheets' new patients and series to the study's ledger."""

from pathlib import Path

import pandas as pd

from livermet.cohort.assays import scores_of
from livermet.cohort.from_expression import read_measures, wrong_samples
from livermet.cohort.matching import match_samples, patient_strata, wrong_treatments
from livermet.errors import stop_on
from livermet.ingest.volume import header_grid_difference
from livermet.ledger.scores import freeze_scores, with_frozen_scores
from livermet.ledger.tables import Rules, assign, read_ledger, write_ledger
from livermet.sheets import read_series, read_sheets


def rules_of(config: dict) -> Rules:
    """Take from a config what `livermet.ledger.tables.assign` follows."""
    source, target = config["cohorts"]["source"], config["cohorts"]["target"]
    split, sets = config["split"], config["training_sets"]
    trains = config["segmentation"]["source"] == "model"
    return Rules(
        folds=split["folds"],
        test={source: split["test"]["source"], target: split["test"]["target"]},
        batch_size=split["batch_size"],
        training_sets={sets["base"]: [source], sets["finetuned"]: [source, target]}
        if trains
        else {},
        stratified_cohort=target,
        seed=config["seed"],
    )


def assign_from_config(config: dict) -> str:
    """Read a study's sheets and ledger, write the ledger with what is new; say what was added."""
    rules = rules_of(config)
    sheets, scores = config["sheets"], scores_of(config)
    series, molecular, _ = read_sheets(
        sheets["series"], sheets["molecular"], config["cohorts"].values(), scores.computed_types
    )
    stop_on(
        wrong_treatments(series, molecular, sheets["series"], sheets["molecular"])
        + wrong_samples(molecular, scores, sheets["molecular"])
    )
    target = series[series["cohort"] == config["cohorts"]["target"]]
    before = read_ledger(config["ledger"], unfinished=True)
    frozen = before
    if scores.computed:
        frozen = freeze_scores(
            before, molecular, read_measures(scores), scores, sheets["molecular"]
        )
        molecular = with_frozen_scores(molecular, frozen, scores)
    matched = match_samples(
        target,
        molecular,
        config["matching"]["window_days"],
        scores.positive_above,
        scores.thresholds,
        masks_given=config["segmentation"]["source"] == "reference",
    )
    after = assign(frozen, series, patient_strata(matched), rules)
    write_ledger(after, config["ledger"])
    sets = sorted(set(after.training_sets) - set(before.training_sets))
    new = sum(len(after.scores[name]) - len(before.scores.get(name, ())) for name in after.scores)
    return (
        f"{config['ledger']}: {len(after.splits) - len(before.splits)} patients, "
        f"{len(after.batches) - len(before.batches)} series and {len(sets)} training sets added"
        f"{': ' if sets else ''}{', '.join(sets)}"
        f"{f'; frozen scores: {new}' if new else ''}. Commit the ledger with the sheets."
    )


def assign_study(config: dict) -> str:
    """Do as `assign_from_config`, once the headers of what is there to read have been compared."""
    series = read_series(config["sheets"]["series"], config["cohorts"].values())
    stop_on(differing_grids(series, config["data_root"]))
    return assign_from_config(config)


def differing_grids(series: pd.DataFrame, data_root: str | Path) -> list[str]:
    """Name each reference whose grid is not its CT's, by the headers of NIfTI pairs alone.

    What is not there yet, and what is not NIfTI, is left to ingest, which compares every pair.
    """
    problems = []
    for row in series[series["reference"] != ""].itertuples():
        pair = [Path(data_root) / name for name in (row.image, row.reference)]
        if all(path.name.endswith((".nii", ".nii.gz")) and path.exists() for path in pair):
            difference = header_grid_difference(*pair)
            if difference:
                problems.append(
                    f"Series '{row.series}': the reference lies on another grid than the CT "
                    f"({difference}); resample the reference to the CT's grid."
                )
    return problems
