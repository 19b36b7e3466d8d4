"""Rule gather_facts: what tables and figures say of each series, its mask's burden included."""

import pandas as pd

from livermet.cohort.facts import (
    FACTS,
    facts_of_features,
    facts_of_sheet,
    masks_of_features,
    masks_of_scans,
    measured_by_lesion,
)
from livermet.jobs import job
from livermet.sheets import read_series
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    inputs, cohorts = snakemake.input, snakemake.params.cohorts
    texts = {"series": str, "patient": str}
    features = read_table(inputs.features, dtype={"File": str, "unique_pt": str})
    facts = facts_of_features(features, snakemake.params.name, cohorts["target"])
    if inputs.by_lesion:
        by_lesion = read_table(inputs.by_lesion, dtype={"File": str})
        facts = facts.assign(measured_by_lesion=measured_by_lesion(facts, by_lesion))
    if inputs.series:
        masks = [masks_of_features(facts)]
        if inputs.scans:
            masks.append(masks_of_scans(read_table(inputs.scans, dtype=texts)))
        facts = facts_of_sheet(
            read_series(inputs.series, cohorts.values()),
            read_table(inputs.places, dtype=texts),
            read_table(inputs.matching, dtype=texts),
            pd.concat(masks),
        )
    write_table(facts, snakemake.output.facts, FACTS)
    log.info("%d series of %d patients", len(facts), facts["patient"].nunique())
