"""Rule calibrate_models: are probabilities right, and what are decisions by them worth."""

from livermet.jobs import job
from livermet.phenotype.fits import read_rows
from livermet.statistics.calibration import (
    CALIBRATION,
    CURVE,
    calibrate,
    calibration_curve,
    judged,
)
from livermet.statistics.decision_curve import DECISIONS, decision_curve, of_chosen
from livermet.tables import write_table

with job(snakemake) as log:
    given, outputs = snakemake.input, snakemake.output
    predictions = judged(read_rows([*given.published, *given.held_out, given.tested]))
    calibration = calibrate(predictions, snakemake.params.seed)
    for row in calibration.itertuples():
        log.info(
            "%s %s, %s: slope %.2f, Brier score %.3f %s",
            row.protocol,
            row.model,
            row.set,
            row.slope,
            row.brier,
            row.reason,
        )
    write_table(calibration, outputs.calibration, CALIBRATION)
    write_table(calibration_curve(predictions), outputs.curve, CURVE)
    chosen = of_chosen(predictions, read_rows([given.choice]))
    write_table(decision_curve(chosen, snakemake.params.seed), outputs.decisions, DECISIONS)
