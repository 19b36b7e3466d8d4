"""A small study of phantoms with given masks, and Snakemake upon it, in folders of a test."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import SimpleITK as sitk
import yaml

from livermet.config.loading import load_config
from livermet.demo.cohort import DemoCohort, Role, Size, demo_cohort
from livermet.demo.dicom import write_dicom_series
from livermet.demo.phantoms import phantom_images
from livermet.ledger.assign import assign_from_config
from livermet.ledger.tables import read_ledger
from livermet.sheets import SERIES_SHEET

ROOT = Path(__file__).parents[1]
RUN = "small"
SIZE = Size(
    source_patients=0,
    roles=(Role(6, "-"), Role(8, "+"), Role(1, "+-"), Role(1, "+", "never")),
    referenced=(0, 1, 2, 3, 4),
    paired_studies=4,
    matrix=32,
    pixel_mm=9.5,
    thin=(20, 10.0),
    thick=(10, 20.0),
)
# Of two patients and of two thick series beside thin ones the study hears later.
LATER_PATIENTS, LATER_SERIES = 2, 2
DICOM_SERIES = 2
# Whatever takes time at its minimum.
CHEAP = {
    "run": RUN,
    "cohorts": {"source": None, "target": "mSCLC"},
    "segmentation": {"source": "reference"},
    "split": {"folds": 3, "test": {"source": 0, "target": 3}, "batch_size": 5},
    "detection": {"bootstrap_draws": 100},
    "radiomics": {
        "settings": {"resampledPixelSpacing": [8, 8, 8]},
        "perturbations": {"count": 2, "contour_sd_mm": 3, "correlation_mm": 15},
    },
    "phenotype": {
        "protocols": ["published"],
        "weightings": ["none"],
        "trees": 5,
        "bootstrap_draws": 100,
        "repeats": 1,
        "deals": 1,
        "permutations": {"count": 1, "deals": 1},
    },
}


@dataclass
class Study:
    """Inputs (sheets, ledger, data and config) in one folder, results below another."""

    inputs: Path
    workdir: Path

    @property
    def config_path(self) -> Path:
        return self.inputs / "study.yaml"

    @property
    def config(self) -> dict:
        return load_config([ROOT / "config" / "config.yaml", self.config_path])

    @property
    def data(self) -> Path:
        return Path(self.config["data_root"])

    @property
    def results(self) -> Path:
        return self.workdir / "results" / RUN

    def configure(self, value: Any, *keys: str) -> None:
        """Set one key of the study's config."""
        config = yaml.safe_load(self.config_path.read_text())
        section = config
        for key in keys[:-1]:
            section = section.setdefault(key, {})
        section[keys[-1]] = value
        self.config_path.write_text(yaml.safe_dump(config))

    def sheet(self, name: str) -> pd.DataFrame:
        """Read the sheet 'series' or 'molecular', or 'later': the series that are yet to come."""
        return pd.read_csv(self.inputs / f"{name}.tsv", sep="\t", dtype=str, keep_default_na=False)

    def write_sheet(self, name: str, table: pd.DataFrame) -> None:
        table.to_csv(self.inputs / f"{name}.tsv", sep="\t", index=False)

    def assign(self) -> None:
        assign_from_config(self.config)

    def command(self, *options: str) -> list[str]:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", str(self.workdir), "--configfile", str(self.config_path)]
        return [*command, "--profile", str(ROOT / "profiles" / "default"), *options]

    def snakemake(self, *options: str) -> str:
        """Run snakemake, which has to succeed; give what it printed."""
        result = subprocess.run(
            self.command(*options), cwd=self.workdir, capture_output=True, text=True, check=False
        )
        printed = result.stdout + result.stderr
        assert result.returncode == 0, printed[-6000:]
        return printed

    def run(self) -> str:
        """Make what is to be made."""
        return self.snakemake()

    def is_done(self) -> bool:
        """Tell whether nothing is left to be made."""
        return "Nothing to be done" in self.snakemake("--dry-run")

    def enter(self, rows: pd.DataFrame) -> None:
        """Write series that come later into the sheet, and assign them."""
        later = self.sheet("later")
        self.write_sheet("later", later[~later["series"].isin(rows["series"])])
        series = pd.concat([self.sheet("series"), rows])
        self.write_sheet("series", series.sort_values("series"))
        self.assign()

    def withdrawn(self) -> set[str]:
        """Name the series that the ledger knows and the sheet has no more."""
        return set(read_ledger(self.inputs / "ledger").batches["series"]) - set(
            self.sheet("series")["series"]
        )

    def copy(self, folder: Path, with_results: bool = True) -> "Study":
        """Copy the study, without its files' times, into a folder of its own."""
        study = Study(folder / "inputs", folder / "work")
        shutil.copytree(self.inputs, study.inputs, copy_function=shutil.copy)
        if with_results:
            shutil.copytree(self.workdir, study.workdir, copy_function=shutil.copy)
        study.workdir.mkdir(exist_ok=True)
        study.place_inputs("data")
        return study

    def place_inputs(self, data: str) -> None:
        """Name the places of the inputs in the config."""
        self.configure(str(self.inputs / data), "data_root")
        self.configure(str(self.inputs / "ledger"), "ledger")
        sheets = {name: str(self.inputs / f"{name}.tsv") for name in ("series", "molecular")}
        self.configure(sheets | {"phantoms": None}, "sheets")


def make_study(folder: Path, size: Size = SIZE, config: dict = CHEAP) -> Study:
    """Write the phantoms of all series, the sheets of the first ones, the ledger and the config."""
    study = Study(folder / "inputs", folder / "work")
    study.workdir.mkdir(parents=True)
    cohort = demo_cohort(size)
    series = _as_files(cohort)
    write_phantoms(cohort, series, folder / "inputs" / "data")
    later = series[_comes_later(series)]
    study.write_sheet("series", series.drop(later.index))
    study.write_sheet("later", later)
    study.write_sheet("molecular", cohort.molecular)
    study.config_path.write_text(yaml.safe_dump(config))
    study.place_inputs("data")
    study.assign()
    return study


def _as_files(cohort: DemoCohort) -> pd.DataFrame:
    """Let all but the first series be NIfTI, each with a reference."""
    series = cohort.series.astype(str)
    volumes = series.index[DICOM_SERIES:]
    series.loc[volumes, "image"] = series.loc[volumes, "series"] + "/ct.nii.gz"
    return series[SERIES_SHEET.names]


def _comes_later(series: pd.DataFrame) -> pd.Series:
    again = series.duplicated(["patient", "study_date"])
    patients = series["patient"].unique()[-LATER_PATIENTS:]
    first = series.index[again & ~series["patient"].isin(patients)][:LATER_SERIES]
    return series["patient"].isin(patients) | series.index.isin(first)


def write_phantoms(cohort: DemoCohort, series: pd.DataFrame, data: Path) -> None:
    """Write the CT of each series, as its name in the sheet says, and its reference."""
    rows = cohort.phantoms.to_dict("records")
    for row, named in zip(rows, series.to_dict("records"), strict=True):
        ct, labels = phantom_images(row)
        folder = data / named["series"]
        folder.mkdir(parents=True)
        if named["image"].endswith(".nii.gz"):
            sitk.WriteImage(ct, data / named["image"])
        else:
            study = {key: named[key] for key in ("patient", "study_date")}
            write_dicom_series(ct, row | study, data / named["image"])
        sitk.WriteImage(labels, data / named["reference"])
