"""A study of zero-byte files, so that the whole DAG can be planned without any data."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import expression_phantoms as phantoms
import pandas as pd
import yaml
from planning import planner

from livermet.config.loading import load_config
from livermet.ledger.assign import assign_from_config
from livermet.phenotype.table import FEATURES
from livermet.provenance.records import LOGIC
from livermet.sheets import MOLECULAR_SHEET, SERIES_SHEET

ROOT = Path(__file__).parents[2]
KNOWN: dict[str, bytes] = {}


@dataclass
class Study:
    """A folder with a study's config, sheets, ledger and empty files; snakemake runs in it."""

    folder: Path

    @property
    def config_path(self) -> Path:
        return self.folder / "study.yaml"

    @property
    def config(self) -> dict:
        return load_config([ROOT / "config" / "config.yaml", self.config_path])

    def configure(self, **keys) -> None:
        """Lay keys over the study's config file."""
        known = yaml.safe_load(self.config_path.read_text()) if self.config_path.exists() else {}
        self.config_path.write_text(yaml.safe_dump(known | keys))

    def assign(self) -> str:
        return assign_from_config(self.config)

    def series(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "series.tsv", sep="\t", dtype=str, keep_default_na=False)

    def write_series(self, table: pd.DataFrame) -> None:
        table.to_csv(self.folder / "series.tsv", sep="\t", index=False)

    def write_molecular(self, table: pd.DataFrame) -> None:
        table.to_csv(self.folder / "molecular.tsv", sep="\t", index=False)

    def begin_with(self, table: pd.DataFrame) -> None:
        """Let the study begin with a finished feature table."""
        path = self.folder / "features.csv"
        table.to_csv(path, index=False)
        self.configure(phenotype={"table": str(path)})

    def plan(self, *options: str) -> subprocess.CompletedProcess:
        """Dry-run the study; options are snakemake's."""
        return planned_in(self.folder, "--configfile", str(self.config_path), *options)


def planned_in(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Dry-run the project in a folder that knows what earlier plans found out about the code."""
    kept = folder / LOGIC
    if KNOWN and not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(KNOWN["logic"])
    plan = planner().plan(["--snakefile", str(ROOT / "Snakefile"), *options], folder)
    if kept.exists():
        KNOWN["logic"] = kept.read_bytes()
    return plan


def make_study(folder: Path, lits: int = 12, msclc: int = 20, **keys) -> Study:
    """Write a study: LiTS as NIfTI with references, mSCLC as DICOM, thin and thick in a study.

    Every second mSCLC patient has a reference, two of five a negative sample.
    """
    study = Study(folder)
    rows = [
        _row(f"lits_{n}", f"L{n}", "LiTS", f"lits_{n}/ct.nii.gz", f"lits_{n}/reference.nii.gz")
        for n in range(lits)
    ]
    for n in range(msclc):
        reference = f"msclc_{n}_thin/reference.nii.gz" if n % 2 else ""
        rows.append(_row(f"msclc_{n}_thin", f"M{n}", "mSCLC", f"msclc_{n}_thin/dicom", reference))
        rows.append(_row(f"msclc_{n}_thick", f"M{n}", "mSCLC", f"msclc_{n}_thick/dicom", ""))
    study.write_series(pd.DataFrame(rows, columns=SERIES_SHEET.names))
    study.write_molecular(
        pd.DataFrame(
            [
                (f"M{n}", "2020-01-10", "biopsy", -0.1 if n % 5 in (0, 2) else 0.2)
                for n in range(msclc)
            ],
            columns=MOLECULAR_SHEET.names,
        )
    )
    for row in rows:
        write_files(study, row)
    study.configure(
        run="study",
        data_root=str(folder / "data"),
        sheets={
            "series": str(folder / "series.tsv"),
            "molecular": str(folder / "molecular.tsv"),
            "phantoms": None,
        },
        ledger=str(folder / "ledger"),
        split={"test": {"source": 2, "target": 4}, "batch_size": 6},
        **keys,
    )
    return study


# By sample; as `make_study` gives it to patients, two of five are negative.
POSITIVE = {f"T{number}": number % 5 not in (0, 2) for number in range(20)}


def score_from_expression(study: Study) -> None:
    """Let a study's samples, of 20 patients, be scored from a table of expression."""
    phantoms.write(phantoms.centroids(), study.folder / "centroids.tsv")
    phantoms.write(phantoms.expression(POSITIVE), study.folder / "expression.tsv")
    samples = [(f"M{n}", "2020-01-10", "biopsy", f"T{n}") for n in range(20)]
    columns = ["patient", "sample_date", "sample_type", "sample"]
    study.write_molecular(pd.DataFrame(samples, columns=columns))
    assay = {
        "expression": str(study.folder / "expression.tsv"),
        "units": "tpm",
        "reference": str(study.folder / "centroids.tsv"),
    }
    study.configure(molecular={"assays": {"biopsy": assay}})


def feature_table() -> pd.DataFrame:
    """Make a finished feature table: 20 patients of one series each, four of them for test."""
    rows = [
        {
            "File": f"s{n}",
            "unique_scandate": f"d{n}",
            "unique_pt": f"p{n}",
            "Group": "test" if n < 4 else "train",
            "NE_Score": 0.2 if n % 2 else -0.1,
            "NE_Class": n % 2,
        }
        | dict.fromkeys(FEATURES, float(n))
        for n in range(20)
    ]
    return pd.DataFrame(rows)


def write_files(study: Study, row: dict) -> None:
    """Make the empty files that a row of the sheet of series names."""
    for column in ("image", "reference"):
        if row[column]:
            path = study.folder / "data" / row[column]
            if path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            else:
                path.mkdir(parents=True, exist_ok=True)
                (path / "1.dcm").touch()


def _row(series: str, patient: str, cohort: str, image: str, reference: str) -> dict[str, str]:
    return dict.fromkeys(SERIES_SHEET.names, "") | {
        "series": series,
        "patient": patient,
        "study_date": "2020-01-01",
        "cohort": cohort,
        "image": image,
        "reference": reference,
        "lesions_read": "present",
    }
