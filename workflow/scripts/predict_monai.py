"""Rule predict_<model>_<batch>: segment the CTs of a batch with a trained MONAI network."""

import SimpleITK as sitk
import torch

from livermet.images import write_image
from livermet.jobs import job
from livermet.monai_models.networks import device_of, load_network
from livermet.monai_models.prediction import predict_labels

with job(snakemake) as log:
    torch.set_num_threads(snakemake.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    device = device_of(snakemake.resources.device)
    network, settings = load_network(snakemake.input.model, device)
    pairs = list(zip(snakemake.input.ct, snakemake.output.prediction, strict=True))
    for done, (ct, prediction) in enumerate(pairs, start=1):
        write_image(predict_labels(network, settings, ct, device), prediction)
        log.info("%d of %d: %s", done, len(pairs), prediction)
