"""Rule draw_flow: figure 1, what each exclusion removes and where the rest goes."""

from livermet.jobs import job
from livermet.report.cohort.figures import flow
from livermet.report.cohort.tables import flow_of_facts
from livermet.report.drawing import save
from livermet.tables import read_table

with job(snakemake) as log:
    if snakemake.input.exclusions:
        exclusions = read_table(snakemake.input.exclusions)
    else:
        exclusions = flow_of_facts(read_table(snakemake.input.facts))
    splits = read_table(snakemake.input.table2)
    output = snakemake.output
    save(lambda: flow(exclusions, splits, snakemake.params.target), output.png, output.svg)
    log.info("%d steps", len(exclusions))
