"""Rule score_samples: compute molecular scores from expression, and hold them to the ledger's."""

from pathlib import Path

import pandas as pd

from livermet.cohort.assays import as_told
from livermet.cohort.from_expression import read_measures, score_samples
from livermet.cohort.scoring import SCORED, SUMMARY, summary
from livermet.errors import stop_on
from livermet.jobs import job
from livermet.ledger.scores import differing_scores, with_frozen
from livermet.ledger.tables import read_ledger
from livermet.tables import write_table

with job(snakemake) as log:
    inputs, sheet = snakemake.input, snakemake.params.sheet
    frozen = Path(inputs.frozen[0])
    scores = as_told(
        snakemake.params.scores, frozen.stem, inputs.expression, inputs.reference, inputs.aliases
    )
    ledger = read_ledger(frozen.parents[1], verify=False)
    measures = read_measures(scores)
    samples = pd.DataFrame(snakemake.params.rows).set_index("place")
    table = score_samples(samples, measures, scores, sheet)
    stop_on(differing_scores(table, ledger, scores.frozen_as, sheet))
    table = with_frozen(table, ledger, scores.frozen_as)
    write_table(table, snakemake.output.scores, SCORED)
    described = summary(table, {name: one.reference for name, one in measures.items()})
    write_table(described, snakemake.output.summary, SUMMARY)
    for row in described.itertuples():
        log.info(
            "%s: %d samples, %d to %d of %d genes by %s, %d positive",
            row.sample_type,
            row.samples,
            row.fewest_genes,
            table["genes_found"].max(),
            row.genes_asked,
            row.identifiers,
            row.positive_samples,
        )
