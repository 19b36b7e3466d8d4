"""Rule draw_specification_curve: every procedure that could be chosen, by its AUC."""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.specifications.figures import specification_curve
from livermet.tables import read_table

with job(snakemake) as log:
    # 'none' is a transform here and no missing value.
    curve = read_table(snakemake.input.curve, keep_default_na=False, na_values=[""])
    save(lambda: specification_curve(curve), snakemake.output.png, snakemake.output.svg)
    log.info("%d specifications", curve["kind"].eq("specification").sum())
