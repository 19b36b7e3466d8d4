"""Rule tabulate_cohort: tables 1, 2 and S1."""

import pandas as pd

from livermet.jobs import job
from livermet.report.cohort.tables import (
    KEYS,
    TABLE_1,
    TABLE_2,
    TABLE_S1,
    splits_of_facts,
    table1_cohort,
    table2_splits,
    table_s1_acquisition,
)
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    inputs, params, outputs = snakemake.input, snakemake.params, snakemake.output
    cohorts, target = params.cohorts, params.cohorts["target"]
    facts = read_table(inputs.facts, dtype={"series": str, "patient": str})
    splits = read_table(inputs.splits) if inputs.splits else splits_of_facts(facts)
    acquisition = pd.DataFrame(columns=KEYS)
    if inputs.acquisition:
        acquisition = table_s1_acquisition(read_table(inputs.acquisition))
    described = [name for name in (cohorts["source"], target) if name in set(facts["cohort"])]
    table1 = table1_cohort(facts, described, target, params.name)
    write_table(table1, outputs.table1, TABLE_1)
    write_table(table2_splits(splits), outputs.table2, TABLE_2)
    write_table(acquisition, outputs.table_s1, TABLE_S1)
    log.info("%d series of %d patients", len(facts), facts["patient"].nunique())
