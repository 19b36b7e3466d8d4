"""Rules predict_nnunet_*: segment a batch's series by the folds that may see them."""

import sys
from pathlib import Path

import torch

from livermet.checkpoints import forget_checkpoints
from livermet.device import choose_device
from livermet.faults import plain_faults
from livermet.files import read_json
from livermet.finished import Finished
from livermet.jobs import job
from livermet.nnunet.prediction import FoldPredictor
from livermet.pipeline import in_three_steps
from livermet.predicted import write_on_grid
from livermet.provenance.code import file_checksum, script_hash

with job(snakemake) as log, plain_faults("segmentation.device: cpu"):
    torch.set_num_threads(snakemake.threads)
    series_folds = snakemake.params.by_series
    used = sorted({fold for folds in series_folds.values() for fold in folds})
    inputs, outputs = snakemake.input, snakemake.output
    predictor = FoldPredictor(
        read_json(inputs.plan),
        read_json(inputs.description),
        dict(zip(used, inputs.checkpoints, strict=True)),
        choose_device(snakemake.resources.device),
        **snakemake.params.settings,
    )
    sums = dict(zip(used, map(file_checksum, inputs.checkpoints), strict=True))
    finished = Finished(
        outputs.predictions,
        snakemake.rule,
        {
            "plan": file_checksum(inputs.plan),
            "description": file_checksum(inputs.description),
            "settings": snakemake.params.settings,
            "versions": snakemake.params.versions,
            "code": script_hash(Path(str(sys.modules["__main__"].__file__))),
        },
    )
    for checkpoint in inputs.checkpoints:
        # The rule that trained it has ended, or this job would not be here.
        forget_checkpoints(Path(checkpoint).parent)
    cts = dict(zip(series_folds, inputs.cts, strict=True))
    files = {series: [path] for series, path in zip(cts, outputs.predictions, strict=True)}
    # None of them where they are not saved.
    for series, path in zip(cts, outputs.probabilities, strict=False):
        files[series].append(path)
    made_from = {
        series: [file_checksum(ct), [sums[fold] for fold in series_folds[series]]]
        for series, ct in cts.items()
    }
    left = [one for one in cts if not finished.take(one, made_from[one], files[one])]
    if len(left) < len(cts):
        log.info(
            "%d of %d were segmented by a job that was stopped", len(cts) - len(left), len(cts)
        )

    def prepare(series):
        """Read the CT of a series."""
        return predictor.prepare(cts[series])

    def segment(series, scan):
        """Let the networks see it."""
        wanted = len(files[series]) > 1
        return predictor.segment_prepared(scan, series_folds[series], wanted)

    def write(series, volumes):
        """Write what was found, and keep it in case that the job is killed."""
        for volume, path in zip(volumes, files[series], strict=False):
            write_on_grid(volume, cts[series], path)
        finished.keep(series, made_from[series], files[series])

    done = len(cts) - len(left)
    for series in in_three_steps(left, prepare, segment, write, snakemake.threads):
        done += 1
        log.info("segmented %s (%d of %d)", series, done, len(cts))

finished.forget()
