"""Rule draw_reproducibility: agreement of reconstructions, and what LASSO keeps choosing."""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.features.figures import reproducibility
from livermet.tables import read_table

with job(snakemake) as log:
    reliability = read_table(snakemake.input.reproducibility)
    stability = read_table(snakemake.input.stability)
    output = snakemake.output
    save(lambda: reproducibility(reliability, stability), output.png, output.svg)
    log.info("%d features with an ICC", reliability["icc"].notna().sum())
