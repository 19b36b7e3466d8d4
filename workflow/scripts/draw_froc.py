"""Rule draw_froc: sensitivity against false positives per scan, over the threshold."""

from livermet.jobs import job
from livermet.report.detection.figures import froc
from livermet.report.drawing import save
from livermet.tables import read_table

with job(snakemake) as log:
    table = read_table(snakemake.input.froc)
    output = snakemake.output
    save(lambda: froc(table, snakemake.params.rule), output.png, output.svg)
    log.info("%d rows of the table, of which rule %s is drawn", len(table), snakemake.params.rule)
