"""Rule score_detection: what detection found, over the cohorts, with intervals over patients."""

import pandas as pd

from livermet.detection.cohort import (
    BURDENS,
    LESION_FREE,
    SCANS_OF_SETS,
    SCORES,
    burden_table,
    lesion_free_table,
    scans_of_sets,
    score_table,
    sets_of_scans,
    unseen_scans,
    with_reference,
)
from livermet.detection.comparison import COMPARISON, comparison_table
from livermet.detection.froc import CURVES, froc_table
from livermet.detection.sizes import (
    DISTRIBUTION,
    PREDICTED_SIZES,
    SIZES,
    distribution_table,
    predicted_size_table,
    size_table,
)
from livermet.jobs import job
from livermet.tables import read_table, write_table


def read_all(paths: list[str]) -> pd.DataFrame:
    """Join the tables of all models."""
    texts = {"series": str, "references": str, "predictions": str}
    return pd.concat([read_table(path, dtype=texts) for path in paths], ignore_index=True)


CONTRACTS = {
    "scans": SCANS_OF_SETS,
    "scores": SCORES,
    "sizes": SIZES,
    "predicted_sizes": PREDICTED_SIZES,
    "distribution": DISTRIBUTION,
    "burden": BURDENS,
    "lesion_free": LESION_FREE,
    "comparison": COMPARISON,
    "froc": CURVES,
}

with job(snakemake) as log:
    places = read_table(snakemake.input.places, dtype={"series": str, "patient": str})
    scans = read_all(snakemake.input.scans)
    target, rules = snakemake.params.target, snakemake.params.rules
    draws = {"draws": snakemake.params.draws, "seed": snakemake.params.seed}
    scored = list(sets_of_scans(with_reference(scans), places, target))
    log.info("%d sets of scans with a reference", len(scored))
    lesions = read_all(snakemake.input.lesions)
    tables = {
        "scans": scans_of_sets(scored),
        "scores": score_table(
            scored, read_all(snakemake.input.matching), read_all(snakemake.input.groups), **draws
        ),
        "sizes": size_table(scored, lesions, rules, **draws),
        "predicted_sizes": predicted_size_table(scored, lesions, rules, **draws),
        "distribution": distribution_table(scored, lesions, rules, **draws),
        "burden": burden_table(scored, **draws),
        "lesion_free": lesion_free_table(
            [*sets_of_scans(scans, places, target), *unseen_scans(scans, places)],
            snakemake.params.lesion_free,
            **draws,
        ),
        "comparison": comparison_table(scored),
        "froc": froc_table(scored, read_all(snakemake.input.froc), **draws),
    }
    for name, table in tables.items():
        log.info("%s: %d rows", name, len(table))
        write_table(table, getattr(snakemake.output, name), CONTRACTS[name])
