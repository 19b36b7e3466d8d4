"""Rule draw_failures: figure 5, where the chosen classifier of each protocol is wrong."""

import pandas as pd

from livermet.files import read_table
from livermet.jobs import job
from livermet.report.failures import failure_panel, predictions_on_test
from livermet.report.figures import failures, save
from livermet.report.headlines import chosen_models

with job(snakemake) as log:
    # 'none' is a weighting here and no missing value.
    options = {"keep_default_na": False, "na_values": [""], "dtype": {"series": str, "fold": str}}
    predictions = pd.concat([read_table(p, **options) for p in snakemake.input.predictions])
    validated = read_table(snakemake.input.table_s2, keep_default_na=False, na_values=[""])
    facts = read_table(snakemake.input.facts, dtype={"series": str})
    sample_types = facts.set_index("series")["sample_type"]
    tested = predictions_on_test(predictions)
    panels = {
        protocol: failure_panel(tested[tested["protocol"].eq(protocol)], model, sample_types)
        for protocol, model in chosen_models(validated).items()
    }
    output = snakemake.output
    save(lambda: failures(panels, snakemake.params.name), output.png, output.svg)
    log.info("%s", ", ".join(f"{name}: {panel['model']}" for name, panel in panels.items()))
