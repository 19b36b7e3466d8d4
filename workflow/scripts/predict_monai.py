"""Rule predict_<model>_<batch>: segment the CTs of a batch with a trained MONAI network."""

from dataclasses import replace

import SimpleITK as sitk
import torch

from livermet.images import write_image
from livermet.jobs import job
from livermet.monai.networks import device_of, load_network
from livermet.monai.prediction import predict_scan

with job(snakemake) as log:
    torch.set_num_threads(snakemake.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    device = device_of(snakemake.resources.device)
    network, trained_with = load_network(snakemake.input.model, device)
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
