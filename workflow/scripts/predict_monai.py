"""Rule predict_<model>_<batch>: segment the CTs of a batch with a trained MONAI network."""

from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk
import torch

from livermet.checkpoints import forget_checkpoints
from livermet.device import choose_device
from livermet.faults import plain_faults
from livermet.images import write_image
from livermet.jobs import job
from livermet.monai.cases import forget_cases
from livermet.monai.networks import load_network
from livermet.monai.prediction import predict_scan

with job(snakemake) as log, plain_faults("a smaller segmentation.monai.batch_size"):
    torch.set_num_threads(snakemake.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    device = choose_device(snakemake.resources.device)
    network, trained_with = load_network(snakemake.input.model, device)
    # The rule that trained it has ended, or this job would not be here.
    forget_checkpoints(Path(snakemake.input.model).parent)
    forget_cases(Path(snakemake.input.model).parent / "cases")
    settings = replace(trained_with, overlap=snakemake.params.overlap)
    pairs = list(zip(snakemake.input.ct, snakemake.output.prediction, strict=True))
    probabilities = dict(
        # None of them where they are not saved.
        zip(snakemake.output.prediction, snakemake.output.probability, strict=False)
    )
    for done, (ct, prediction) in enumerate(pairs, start=1):
        labels, probability = predict_scan(network, settings, ct, device)
        write_image(labels, prediction)
        if prediction in probabilities:
            write_image(probability, probabilities[prediction])
        log.info("%d of %d: %s", done, len(pairs), prediction)
