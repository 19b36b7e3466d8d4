"""Rule preprocess_nnunet: crop, normalise and resample a training set; record its checksums."""

from pathlib import Path

from livermet.files import read_json, write_json
from livermet.jobs import job
from livermet.nnunet.dataset import files_of_case
from livermet.nnunet.layout import case_folder
from livermet.nnunet.planning import preprocess_dataset
from livermet.provenance.code import file_checksum

if __name__ == "__main__":  # with several threads, processes import this file
    with job(snakemake):
        description = read_json(snakemake.input.description[0])
        folder = Path(snakemake.input.description[0]).parent
        root, dataset = folder.parents[1], folder.name  # root/raw/dataset
        cases = {}
        for series in description["dataset"]:
            ct, reference = files_of_case(description, series, folder)
            cases[series] = {"ct": file_checksum(ct), "reference": file_checksum(reference)}
        preprocess_dataset(
            description,
            folder,
            read_json(snakemake.input.plan[0]),
            case_folder(root, dataset),
            snakemake.threads,
        )
        write_json(cases, snakemake.output.cases)
