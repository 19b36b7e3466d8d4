"""Rule draw_corrections: the ladder, from the published procedure to the corrected one."""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.ladder.figures import corrections
from livermet.tables import read_table

with job(snakemake) as log:
    steps = read_table(snakemake.input.corrections)
    # 'none' is a weighting here and no missing value.
    baselines = read_table(snakemake.input.baselines, keep_default_na=False, na_values=[""])
    save(lambda: corrections(steps, baselines), snakemake.output.png, snakemake.output.svg)
    log.info("%d steps, of which %d made", len(steps), steps["made"].eq("yes").sum())
