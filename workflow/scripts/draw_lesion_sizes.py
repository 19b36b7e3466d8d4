"""Rule draw_lesion_sizes: sensitivity by the diameter of the reference lesion."""

from livermet.jobs import job
from livermet.report.detection.figures import sensitivity_by_size
from livermet.report.drawing import save
from livermet.tables import read_table

with job(snakemake) as log:
    table = read_table(snakemake.input.sizes)
    output = snakemake.output
    save(lambda: sensitivity_by_size(table, snakemake.params.rule), output.png, output.svg)
    log.info("%d rows of the table, of which rule %s is drawn", len(table), snakemake.params.rule)
