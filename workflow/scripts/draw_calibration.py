"""Rule draw_calibration: calibration and decision curves of the corrected protocol's model."""

from livermet.files import read_table
from livermet.jobs import job
from livermet.report.calibration_figure import calibration, of_model
from livermet.report.figures import save
from livermet.report.headlines import corrected_choice

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
    save(lambda: calibration(curve, decisions, choice.name), output.png, output.svg)
    log.info("%s: %d points of the calibration curve", choice.name, len(curve))
