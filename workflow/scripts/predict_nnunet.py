"""Rules predict_nnunet_*: segment a batch's series by the folds that may see them."""

from pathlib import Path

import torch

from livermet.checkpoints import forget_checkpoints
from livermet.device import choose_device
from livermet.faults import plain_faults
from livermet.files import read_json
from livermet.jobs import job
from livermet.nnunet.prediction import FoldPredictor
from livermet.predicted import Batch, write_on_grid
from livermet.provenance.code import file_checksum

with job(snakemake), plain_faults("segmentation.device: cpu"):
    torch.set_num_threads(snakemake.threads)
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    series_folds = params.by_series
    used = sorted({fold for folds in series_folds.values() for fold in folds})
    checkpoints = dict(zip(used, inputs.checkpoints, strict=True))
    predictor = FoldPredictor(
        read_json(inputs.plan),
        read_json(inputs.description),
        checkpoints,
        choose_device(snakemake.resources.device),
        snakemake.resources.cpu_engine,
        **params.settings,
    )
    sums = {fold: file_checksum(path) for fold, path in checkpoints.items()}
    batch = Batch(
        snakemake.rule,
        dict(zip(series_folds, inputs.cts, strict=True)),
        outputs.predictions,
        outputs.probabilities,
        {
            "plan": file_checksum(inputs.plan),
            "description": file_checksum(inputs.description),
            "settings": params.settings,
            "versions": params.versions,
        },
        {series: [sums[fold] for fold in folds] for series, folds in series_folds.items()},
    )
    for checkpoint in inputs.checkpoints:
        # The rule that trained it has ended, or this job would not be here.
        forget_checkpoints(Path(checkpoint).parent)

    def segment(series, scan):
        """Let the networks see a scan."""
        wanted = len(batch.files[series]) > 1
        return predictor.segment_prepared(scan, series_folds[series], wanted)

    def write(series, volumes):
        """Write labels and, where they are saved, probabilities."""
        for volume, path in zip(volumes, batch.files[series], strict=False):
            write_on_grid(volume, batch.cts[series], path)

    batch.segment(
        lambda series: predictor.prepare(batch.cts[series]), segment, write, snakemake.threads
    )

batch.forget()
