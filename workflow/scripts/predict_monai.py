"""Rule predict_<model>_<batch>: segment the CTs of a batch with a trained MONAI network."""

import sys
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk
import torch

from livermet.checkpoints import forget_checkpoints
from livermet.device import choose_device
from livermet.faults import plain_faults
from livermet.finished import Finished
from livermet.images import write_image
from livermet.jobs import job
from livermet.monai.cases import forget_cases
from livermet.monai.networks import load_network
from livermet.monai.prediction import prepare_scan
from livermet.monai.volumes import labels_on_ct_grid, lesion_probability_on_ct_grid
from livermet.monai.windows import probabilities_of_scan
from livermet.pipeline import in_three_steps
from livermet.provenance.code import file_checksum, script_hash

with job(snakemake) as log, plain_faults("a smaller segmentation.monai.batch_size"):
    torch.set_num_threads(snakemake.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(snakemake.threads)
    device = choose_device(snakemake.resources.device)
    network, trained_with = load_network(snakemake.input.model, device)
    settings = replace(trained_with, overlap=snakemake.params.overlap)
    finished = Finished(
        snakemake.output.prediction,
        snakemake.rule,
        {
            "model": file_checksum(snakemake.input.model),
            "overlap": settings.overlap,
            "versions": snakemake.params.versions,
            "code": script_hash(Path(str(sys.modules["__main__"].__file__))),
        },
    )
    # The rule that trained it has ended, or this job would not be here.
    forget_checkpoints(Path(snakemake.input.model).parent)
    forget_cases(Path(snakemake.input.model).parent / "cases")
    cts = dict(zip(snakemake.params.by_series, snakemake.input.ct, strict=True))
    files = {series: [path] for series, path in zip(cts, snakemake.output.prediction, strict=True)}
    # None of them where they are not saved.
    for series, path in zip(cts, snakemake.output.probability, strict=False):
        files[series].append(path)
    sums = {series: file_checksum(ct) for series, ct in cts.items()}
    left = [series for series in cts if not finished.take(series, sums[series], files[series])]
    if len(left) < len(cts):
        log.info(
            "%d of %d were segmented by a job that was stopped", len(cts) - len(left), len(cts)
        )

    def prepare(series):
        """Read the CT of a series."""
        return prepare_scan(settings, cts[series])

    def segment(series, scan):
        """Let the networks see it."""
        return scan, probabilities_of_scan(network, scan.hu, settings, device)

    def write(series, found):
        """Write what was found, and keep it in case that the job is killed."""
        scan, probabilities = found
        write_image(labels_on_ct_grid(probabilities, scan.grid, scan.ct), files[series][0])
        for path in files[series][1:]:
            write_image(lesion_probability_on_ct_grid(probabilities, scan.grid, scan.ct), path)
        finished.keep(series, sums[series], files[series])

    done = len(cts) - len(left)
    for series in in_three_steps(left, prepare, segment, write, snakemake.threads):
        done += 1
        log.info("%d of %d: %s", done, len(cts), files[series][0])

finished.forget()
