"""Rule draw_corrections: the ladder, from the published procedure to the corrected one."""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.ladder.figures import corrections
from livermet.tables import AS_WRITTEN, read_table

with job(snakemake) as log:
    steps = read_table(snakemake.input.corrections)
    baselines = read_table(snakemake.input.baselines, **AS_WRITTEN)
    save(lambda: corrections(steps, baselines), snakemake.output.png, snakemake.output.svg)
    log.info("%d steps, of which %d made", len(steps), steps["made"].eq("yes").sum())
