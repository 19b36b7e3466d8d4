"""Rule tabulate_failures: where the chosen classifier of each protocol is wrong."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.chosen import chosen_models
from livermet.tables import AS_WRITTEN, read_table, write_table
from livermet.validation.failures import (
    CURVES,
    FAILURES,
    SCORED,
    Drawn,
    failure_panels,
    tabulate_curves,
    tabulate_failures,
    tabulate_scores,
)

with job(snakemake) as log:
    given, output = snakemake.input, snakemake.output
    names = {"dtype": {"series": str, "patient": str, "fold": str}}
    predictions = pd.concat([read_table(path, **AS_WRITTEN, **names) for path in given.predictions])
    validated = pd.concat([read_table(path, **AS_WRITTEN) for path in given.cross_validation])
    choice = read_table(given.choice, **AS_WRITTEN) if given.choice else None
    chosen = chosen_models(validated, choice)
    facts = read_table(given.facts, dtype={"series": str})
    drawn = Drawn(snakemake.params.draws, snakemake.params.seed)
    types = facts.set_index("series")["sample_type"]
    panels = failure_panels(predictions, chosen, types, drawn)
    write_table(tabulate_failures(panels), output.table, FAILURES)
    write_table(tabulate_scores(panels), output.scores, SCORED)
    write_table(tabulate_curves(panels), output.curves, CURVES)
    log.info("%s", ", ".join(f"{name}: {choice.model}" for name, choice in chosen.items()))
