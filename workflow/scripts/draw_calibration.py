"""Rule draw_calibration: calibration and decision curves of the corrected protocol's model."""

from livermet.jobs import job
from livermet.phenotype.chosen import corrected_choice
from livermet.report import words
from livermet.report.classification.figures import calibration, of_model
from livermet.report.drawing import save
from livermet.tables import read_table

with job(snakemake) as log:
    given = snakemake.input
    curve, decisions, record = (
        # 'none' is a weighting here and no missing value.
        read_table(path, keep_default_na=False, na_values=[""])
        for path in (given.curve, given.decisions, given.choice)
    )
    choice = corrected_choice(record)
    curve, decisions = of_model(curve, choice), of_model(decisions, choice)
    output = snakemake.output
    name = words.choice(choice)
    save(lambda: calibration(curve, decisions, name), output.png, output.svg)
    log.info("%s: %d points of the calibration curve", name, len(curve))
