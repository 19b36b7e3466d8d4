"""Rule draw_calibration: calibration and decision curves of the corrected protocol's model."""

from livermet.jobs import job
from livermet.phenotype.chosen import corrected_choice
from livermet.report import words
from livermet.report.classification.figures import calibration
from livermet.report.classification.tables import of_corrected
from livermet.report.drawing import save
from livermet.tables import AS_WRITTEN, read_table

with job(snakemake) as log:
    given = snakemake.input
    curve, decisions, record = (
        read_table(path, **AS_WRITTEN) for path in (given.curve, given.decisions, given.choice)
    )
    model = corrected_choice(record).model
    curve, decisions = of_corrected(curve, model), of_corrected(decisions, model)
    output = snakemake.output
    name = words.model(model)
    save(lambda: calibration(curve, decisions, name), output.png, output.svg)
    log.info("%s: %d points of the calibration curve", name, len(curve))
