"""Rule draw_failures: figure 5, where the chosen classifier of each protocol is wrong."""

from livermet.jobs import job
from livermet.report.classification.figures import failures
from livermet.report.drawing import save
from livermet.tables import read_table
from livermet.validation.failures import panels_of_tables

with job(snakemake) as log:
    given, output = snakemake.input, snakemake.output
    panels = panels_of_tables(
        *(read_table(path) for path in (given.table, given.scores, given.curves))
    )
    save(lambda: failures(panels, snakemake.params.name), output.png, output.svg)
    log.info("%d protocols", len(panels))
