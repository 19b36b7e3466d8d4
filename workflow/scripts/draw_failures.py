"""Rule draw_failures: where the chosen classifier of each protocol is wrong, figure 5 and table."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.phenotype.chosen import chosen_models
from livermet.phenotype.failures import failure_panels, tabulate_failures
from livermet.report import words
from livermet.report.classification.figures import failures
from livermet.report.drawing import save

# 'none' is a weighting here and no missing value.
AS_WRITTEN = {"keep_default_na": False, "na_values": [""]}

with job(snakemake) as log:
    names = {"dtype": {"series": str, "fold": str}}
    predictions = pd.concat(
        [read_table(path, **AS_WRITTEN, **names) for path in snakemake.input.predictions]
    )
    record = snakemake.input.choice
    choice = read_table(record, **AS_WRITTEN) if record else None
    chosen = chosen_models(read_table(snakemake.input.table_s2, **AS_WRITTEN), choice)
    facts = read_table(snakemake.input.facts, dtype={"series": str})
    panels = failure_panels(predictions, chosen, facts.set_index("series")["sample_type"])
    output = snakemake.output
    write_table(tabulate_failures(panels), output.table)
    save(lambda: failures(panels, snakemake.params.name), output.png, output.svg)
    log.info("%s", ", ".join(f"{name}: {words.choice(model)}" for name, model in chosen.items()))
