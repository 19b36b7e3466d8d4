"""Rule summarise_permutations: the observed AUC among those of exchanged labels."""

import pandas as pd

from livermet.jobs import job
from livermet.tables import read_table, write_table
from livermet.validation.permutation import PERMUTATION, summarise_permutations

with job(snakemake) as log:
    aucs = pd.concat([read_table(path) for path in snakemake.input.aucs], ignore_index=True)
    summary = summarise_permutations(aucs, snakemake.params.deals)
    for row in summary.itertuples():
        found = (row.model, row.observed, row.p, row.p_of_choice)
        log.info("%s: AUC %.3f, p %.3f, %.3f of the best of all classifiers", *found)
    write_table(summary, snakemake.output.summary, PERMUTATION)
