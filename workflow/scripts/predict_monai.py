"""Rule predict_<model>_<batch>: segment the CTs of a batch with a trained MONAI network."""

from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk
import torch

from livermet.checkpoints import forget_checkpoints
from livermet.cpu_networks import on_device
from livermet.device import choose_device
from livermet.faults import plain_faults
from livermet.images import write_image
from livermet.jobs import job
from livermet.monai.cases import forget_cases
from livermet.monai.networks import load_network
from livermet.monai.prediction import on_ct_grid, prepare_scan
from livermet.monai.windows import probabilities_of_scan
from livermet.predicted import Batch
from livermet.provenance.code import file_checksum

with job(snakemake), plain_faults("a smaller segmentation.monai.batch_size"):
    torch.set_num_threads(snakemake.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    device = choose_device(snakemake.resources.device)
    loaded, trained_with = load_network(snakemake.input.model, device)
    network = on_device(loaded, device, snakemake.resources.cpu_engine)
    settings = replace(trained_with, overlap=snakemake.params.overlap)
    batch = Batch(
        snakemake.rule,
        dict(zip(snakemake.params.by_series, snakemake.input.ct, strict=True)),
        snakemake.output.prediction,
        snakemake.output.probability,
        {
            "model": file_checksum(snakemake.input.model),
            "overlap": settings.overlap,
            "versions": snakemake.params.versions,
        },
    )
    # The rule that trained it has ended, or this job would not be here.
    forget_checkpoints(Path(snakemake.input.model).parent)
    forget_cases(Path(snakemake.input.model).parent / "cases")

    def segment(series, scan):
        """Let the network see a scan."""
        return scan, probabilities_of_scan(network, scan.hu, settings, device)

    def write(series, found):
        """Write labels and, where they are saved, probabilities."""
        paths = batch.files[series]
        for image, path in zip(on_ct_grid(*found, len(paths) > 1), paths, strict=True):
            write_image(image, path)

    batch.segment(
        lambda series: prepare_scan(settings, batch.cts[series]), segment, write, snakemake.threads
    )

batch.forget()
