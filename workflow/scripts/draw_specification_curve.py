"""Rule draw_specification_curve: every procedure that could be chosen, by its AUC."""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.specifications.figures import specification_curve
from livermet.tables import AS_WRITTEN, read_table

with job(snakemake) as log:
    curve = read_table(snakemake.input.curve, **AS_WRITTEN)
    save(lambda: specification_curve(curve), snakemake.output.png, snakemake.output.svg)
    log.info("%d specifications", curve["kind"].eq("specification").sum())
