"""Rule draw_lesion_sizes: sensitivity and PPV by the diameter of the lesion."""

from livermet.jobs import job
from livermet.report.detection.figures import ppv_by_size, sensitivity_by_size
from livermet.report.drawing import save
from livermet.tables import read_table

with job(snakemake) as log:
    given, output, rule = snakemake.input, snakemake.output, snakemake.params.rule
    known, predicted = read_table(given.sizes), read_table(given.predicted)
    save(lambda: sensitivity_by_size(known, rule), output.png, output.svg)
    save(lambda: ppv_by_size(predicted, rule), output.predicted_png, output.predicted_svg)
    log.info("%d and %d rows, of which rule %s is drawn", len(known), len(predicted), rule)
