"""Rules predict_nnunet_*: segment a batch's series by the folds that may see them."""

from pathlib import Path

import torch

from livermet.checkpoints import forget_checkpoints
from livermet.device import choose_device
from livermet.faults import plain_faults
from livermet.files import read_json
from livermet.images import on_grid_of, read_image, write_image
from livermet.jobs import job
from livermet.nnunet.prediction import FoldPredictor

with job(snakemake) as log, plain_faults("segmentation.device: cpu"):
    torch.set_num_threads(snakemake.threads)
    series_folds = snakemake.params.by_series
    used = sorted({fold for folds in series_folds.values() for fold in folds})
    predictor = FoldPredictor(
        read_json(snakemake.input.plan),
        read_json(snakemake.input.description),
        dict(zip(used, snakemake.input.checkpoints, strict=True)),
        choose_device(snakemake.resources.device),
        **snakemake.params.settings,
    )
    for checkpoint in snakemake.input.checkpoints:
        # The rule that trained it has ended, or this job would not be here.
        forget_checkpoints(Path(checkpoint).parent)
    jobs = zip(series_folds.items(), snakemake.input.cts, snakemake.output.predictions, strict=True)
    probabilities = dict(
        # None of them where they are not saved.
        zip(snakemake.output.predictions, snakemake.output.probabilities, strict=False)
    )
    for done, ((series, folds), ct, path) in enumerate(jobs, start=1):
        grid = read_image(ct)
        if path in probabilities:
            labels, probability = predictor.segment_with_probability(ct, folds)
            write_image(on_grid_of(probability, grid), probabilities[path])
        else:
            labels = predictor.segment(ct, folds)
        write_image(on_grid_of(labels, grid), path)
        log.info("segmented %s (%d of %d)", series, done, len(series_folds))
