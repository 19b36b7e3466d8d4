"""Rule draw_segmentation_error: probabilities on other masks beside those on the series' own."""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.segmentation_error.figures import changed_probabilities
from livermet.tables import read_table

with job(snakemake) as log:
    scored = read_table(snakemake.input.scored, dtype={"series": str})
    output = snakemake.output
    save(lambda: changed_probabilities(scored), output.png, output.svg)
    log.info("%d masks", len(scored))
