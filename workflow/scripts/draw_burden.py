"""Rule draw_burden: figure 3, tumour burden against the molecular score and by class."""

from livermet.cohort.facts import studies_with_burden
from livermet.jobs import job
from livermet.report.burden.figures import burden
from livermet.report.drawing import save
from livermet.tables import read_table

with job(snakemake) as log:
    studies = studies_with_burden(read_table(snakemake.input.facts, dtype={"series": str}))
    statistics = read_table(snakemake.input.burden)
    output = snakemake.output
    save(lambda: burden(studies, statistics, snakemake.params.name), output.png, output.svg)
    log.info("%d studies", len(studies))
