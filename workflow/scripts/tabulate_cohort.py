"""Rule tabulate_cohort: tables 1, 2 and S1, and the facts of every series that the report uses."""

import pandas as pd

from livermet.facts import (
    facts_of_features,
    facts_of_sheet,
    masks_of_features,
    masks_of_scans,
    measured_by_lesion,
)
from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.report.cohort.tables import (
    splits_of_facts,
    table1_cohort,
    table2_splits,
    table_s1_acquisition,
)
from livermet.sheets import read_series

with job(snakemake) as log:
    inputs, params, outputs = snakemake.input, snakemake.params, snakemake.output
    cohorts, target = params.cohorts, params.cohorts["target"]
    texts = {"series": str, "patient": str, "place": str}
    features = read_table(inputs.features, dtype={"File": str, "unique_pt": str})
    facts = facts_of_features(features, params.name, target)
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
        splits = read_table(inputs.splits)
        acquisition = table_s1_acquisition(read_table(inputs.acquisition, dtype=texts))
    else:
        splits = splits_of_facts(facts)
        acquisition = pd.DataFrame(columns=["characteristic", "statistic"])
    described = [name for name in (cohorts["source"], target) if name in set(facts["cohort"])]
    write_table(facts, outputs.facts)
    write_table(table1_cohort(facts, described, target, params.name), outputs.table1)
    write_table(table2_splits(splits), outputs.table2)
    write_table(acquisition, outputs.table_s1)
    log.info("%d series of %d patients", len(facts), facts["patient"].nunique())
