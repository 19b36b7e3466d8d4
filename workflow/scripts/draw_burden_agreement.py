"""Rule draw_burden_agreement: the final model's tumour burden beside that of the reference."""

from livermet.jobs import job
from livermet.report.detection.figures import agreement_of_burden
from livermet.report.drawing import save
from livermet.tables import read_table

with job(snakemake) as log:
    model = snakemake.params.model
    scans, limits = (
        table[table["model"].eq(model)]
        for table in (read_table(snakemake.input.scans), read_table(snakemake.input.burden))
    )
    output = snakemake.output
    save(lambda: agreement_of_burden(scans, limits), output.png, output.svg)
    log.info("%s: %d scans", model, len(scans))
