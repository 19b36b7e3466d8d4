"""What a lab does to a study between two runs: to its inputs, and to its results."""

import os
import random
import shutil
import time
from collections.abc import Callable

import numpy as np
import pydicom
import SimpleITK as sitk
from small_study import Study

SEED = 20250319
# Each change has a series of its own, so that any order of changes is possible.
OVERWRITTEN = "msclc_001_20190422_thin"
TOUCHED = "msclc_002_20200505_thin"
REDRAWN = "msclc_004_20210228_thin"
DELETED = "msclc_008_20181008_thin"
WITHDRAWN = "msclc_014_20181217_thick"
AGED, RESCORED = "msclc_008", "msclc_006"


def new_series(study: Study) -> None:
    """Another series of a study that is known."""
    later = study.sheet("later")
    known = later[later["patient"].isin(study.sheet("series")["patient"])]
    study.enter(known.iloc[:1])


def new_patient(study: Study) -> None:
    """A patient who is not known yet."""
    later = study.sheet("later")
    unknown = later[~later["patient"].isin(study.sheet("series")["patient"])]
    study.enter(unknown[unknown["patient"] == unknown["patient"].iloc[-1]])


def withdrawn_series(study: Study) -> None:
    """One of two series of a study leaves the sheet."""
    series = study.sheet("series")
    study.write_sheet("series", series[series["series"] != WITHDRAWN])


def corrected_reference(study: Study) -> None:
    """A reference is drawn again: lesions grow by a voxel where liver is."""
    path = study.data / REDRAWN / "reference.nii.gz"
    image = sitk.ReadImage(str(path))
    labels = sitk.GetArrayFromImage(image)
    labels[np.roll(labels == 2, 1, axis=2) & (labels == 1)] = 2
    drawn = sitk.GetImageFromArray(labels)
    drawn.CopyInformation(image)
    sitk.WriteImage(drawn, str(path))


def corrected_score(study: Study) -> None:
    """A molecular score is corrected, and its class stays."""
    table = study.sheet("molecular")
    table.loc[table["patient"] == RESCORED, "score"] = "-0.4"
    study.write_sheet("molecular", table)


def corrected_age(study: Study) -> None:
    """Age and phase of a patient are corrected."""
    table = study.sheet("series")
    table.loc[table["patient"] == AGED, ["age", "phase"]] = ["71", "arterial"]
    study.write_sheet("series", table)


def other_bins(study: Study) -> None:
    """Grey levels fall into narrower bins."""
    study.configure(20, "radiomics", "settings", "binWidth")


def other_minimum(study: Study) -> None:
    """Single voxels are no lesion."""
    study.configure(2, "detection", "minimum_lesion_voxels")


def more_draws(study: Study) -> None:
    """Intervals are of more draws."""
    study.configure(120, "phenotype", "bootstrap_draws")


def overwritten_slice(study: Study) -> None:
    """A slice of a DICOM series is overwritten in place, its time set back and its size kept."""
    path = sorted((study.data / OVERWRITTEN / "dicom").iterdir())[9]
    times = path.stat()
    dataset = pydicom.dcmread(path)
    dataset.PixelData = (dataset.pixel_array + 20).astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=True)
    assert path.stat().st_size == times.st_size
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def touched_files(study: Study) -> None:
    """Sheets and a series' files have another time and the same content."""
    for path in (study.data / TOUCHED).rglob("*"):
        path.touch()
    for name in ("series", "molecular"):
        (study.inputs / f"{name}.tsv").touch()


def times_to_come(study: Study) -> None:
    """A clock that is ahead has stamped the data and the results."""
    ahead = time.time() + 30 * 24 * 3600
    for folder in (study.data, study.results):
        for path in folder.rglob("*"):
            os.utime(path, (ahead, ahead))


def moved_data(study: Study) -> None:
    """The data lie elsewhere."""
    place = study.data.with_name("archive")
    study.data.rename(place)
    study.configure(str(place), "data_root")


def deleted_outputs(study: Study) -> None:
    """A table and an ingested CT are deleted."""
    (study.results / "tables" / "table1_cohort.csv").unlink()
    (study.results / "series" / DELETED / "ct.nii.gz").unlink()


def edited_output(study: Study) -> None:
    """A table is edited by hand."""
    path = study.results / "radiomics" / "reference" / "features.csv"
    path.write_text(path.read_text().replace("msclc_009", "msclc_999"))


def lost_metadata(study: Study) -> None:
    """Snakemake's own folder is removed."""
    shutil.rmtree(study.workdir / ".snakemake")


def copied_results(study: Study) -> None:
    """Results are copied without their times, and the copy takes their place."""
    copy = study.workdir / "copy"
    shutil.copytree(study.results, copy, copy_function=shutil.copy)
    shutil.rmtree(study.results)
    copy.rename(study.results)


Change = Callable[[Study], None]
INPUTS: dict[str, Change] = {
    change.__name__: change
    for change in (
        new_series,
        new_patient,
        withdrawn_series,
        corrected_reference,
        corrected_score,
        corrected_age,
        other_bins,
        other_minimum,
        more_draws,
        overwritten_slice,
        touched_files,
        moved_data,
    )
}
RESULTS: dict[str, Change] = {
    change.__name__: change
    for change in (deleted_outputs, edited_output, lost_metadata, copied_results, times_to_come)
}
CHANGES = INPUTS | RESULTS
# After these every file holds what it held.
STEPS = 2
HARMLESS = ("touched_files", "moved_data", "lost_metadata", "copied_results", "times_to_come")


def drawn_steps(seed: int) -> list[tuple[str, ...]]:
    """Draw an order of all changes: half of them at a time, and of the harmless ones with them."""
    draw = random.Random(seed)
    names = [name for name in CHANGES if name not in HARMLESS]
    names = draw.sample(names, len(names))
    harmless = draw.sample(HARMLESS, len(HARMLESS))
    return [(*names[step::STEPS], *harmless[step::STEPS]) for step in range(STEPS)]


SEQUENCE = drawn_steps(SEED)
