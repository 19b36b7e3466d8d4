"""The methods of a run as text to paste, written from its settings, with the references cited."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from livermet.models import NETWORKS
from livermet.phenotype.table import RADIOMIC_FEATURES
from livermet.report import words
from livermet.report.phrases import MONAI_MODELS, fill
from livermet.report.run import Run

PARAGRAPHS = yaml.safe_load(Path(__file__).with_name("methods.yaml").read_text())
REFERENCES = Path(__file__).with_name("references.bib")
ENTRY = re.compile(r"^@\w+\{(\w+),$.*?^\}$", re.M | re.S)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},?$", re.M)
# Packages that methods name with their versions, where the run has them.
NAMED_SOFTWARE = {
    "snakemake": "Snakemake",
    "nnunetv2": "nnU-Net",
    "monai": "MONAI",
    "torch": "PyTorch",
    "simpleitk": "SimpleITK",
    "pyradiomics-bhklab": "PyRadiomics (pyradiomics-bhklab)",
    "scikit-learn": "scikit-learn",
    "xgboost": "XGBoost",
    "statsmodels": "statsmodels",
    "scipy": "SciPy",
    "numpy": "NumPy",
}
OF_IMAGES = ("simpleitk", "pyradiomics-bhklab")
OF_NETWORKS = ("nnunetv2", "monai", "torch")


@dataclass(frozen=True)
class Methods:
    """Titled paragraphs, and the references that they cite as BibTeX, with a link to download."""

    paragraphs: list[tuple[str, str]]
    bibtex: str
    download: str


class Citations:
    """Writes references in a text, 'Isensee et al. 2021', and remembers which were cited."""

    def __init__(self, entries: Mapping[str, str]):
        self.entries = entries
        self.cited: list[str] = []

    def __call__(self, key: str, named: bool = False) -> str:
        """Cite an entry: '(Ty et al. 2025)', or `named` in a sentence 'Ty et al. (2025)'."""
        if key not in self.cited:
            self.cited.append(key)
        facts = dict(FIELD.findall(self.entries[key]))
        authors, year = authors_told(facts["author"]), facts["year"]
        return f"{authors} ({year})" if named else f"({authors} {year})"

    @property
    def bibtex(self) -> str:
        """The entries that were cited, in the order of their keys."""
        return "\n".join(self.entries[key] for key in sorted(self.cited)) + "\n"


def read_references(path: Path = REFERENCES) -> dict[str, str]:
    """Return the entries of a BibTeX file by key, each as it is written there."""
    return {found[1]: found[0] for found in ENTRY.finditer(path.read_text(encoding="utf-8"))}


def authors_told(authors: str) -> str:
    """Write 'Isensee et al.', 'Chen and Guestrin' or 'Breiman' for BibTeX's list of authors."""
    names = [author.split(",")[0] for author in authors.split(" and ")]
    return " and ".join(names) if len(names) < 3 else f"{names[0]} et al."


def methods(run: Run) -> Methods:
    """Write the methods of a run, a paragraph a topic that the run has."""
    cite = Citations(read_references())
    named = {**run.phrases, **_facts(run), "cite": cite}
    held = {run.entry, *run.settings["protocols"]}
    paragraphs = [
        (one["title"], fill(one["text"], named))
        for one in PARAGRAPHS
        if held & set(one.get("when", held))
    ]
    encoded = base64.b64encode(cite.bibtex.encode()).decode()
    return Methods(paragraphs, cite.bibtex, f"data:application/x-bibtex;base64,{encoded}")


def _facts(run: Run) -> dict:
    """Gather what the paragraphs tell beside the settings and the phrases."""
    trained = run.settings["models"]
    return {
        "patients_told": _patients(run),
        "nnunet_models": [name for name in trained if name not in MONAI_MODELS],
        "monai_trained": [name for name in trained if name in MONAI_MODELS],
        "finetuned": any(NETWORKS[name].finetuned_from for name in trained),
        "features_counted": len(RADIOMIC_FEATURES),
        "software": words.listed(_software(run)),
    }


def _patients(run: Run) -> str:
    facts = run.tables["facts"]
    by_cohort = facts.groupby("cohort", sort=False)
    cohorts = words.listed(
        f"{words.counted(rows['patient'].nunique(), 'patient')} of {name} "
        f"({words.counted(len(rows), 'CT series', 'CT series')})"
        for name, rows in by_cohort
    )
    used = facts[facts["included"]]
    tested = used.loc[used["place"].eq("test"), "patient"].nunique()
    return (
        f"The study has {cohorts}. {words.counted(used['patient'].nunique(), 'patient')} of "
        f"{run.target} with {words.counted(len(used), 'series', 'series')} were classified, "
        f"{tested} of them test patients."
    )


def _software(run: Run) -> Iterable[str]:
    versions = run.settings["versions"]
    left_out = {
        "scans": (),
        "masks": OF_NETWORKS,
        "table": (*OF_NETWORKS, *OF_IMAGES),
    }[run.entry]
    return [
        f"{name} {versions[package]}"
        for package, name in NAMED_SOFTWARE.items()
        if package in versions and package not in left_out
    ]
