"""The methods of a run as text to paste, written from its settings, with the references cited."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
# What a plan's change says of it.
PLAN_CHANGES = {
    "spacing_mm": "voxels of {} mm (z, y, x)",
    "patch_size": "patches of {} voxels (z, y, x)",
    "batch_size": "{} patches an iteration",
    "n_stages": "{} stages",
    "features": "{} features in the first stage",
    "convolutions_per_stage": "{} convolution(s) a stage",
    "normalization": "normalization {}",
    "torch_resampling": "resampling by torch: {}",
}
# PyRadiomics' settings that the sentence names, and those that go without saying as they are here.
NAMED_OF_RADIOMICS = ("resampledPixelSpacing", "interpolator", "binWidth", "binCount")
UNSAID_OF_RADIOMICS = {
    "padDistance": 5,
    "normalize": False,
    "resegmentRange": None,
    "resegmentMode": "absolute",
    "resegmentShape": False,
    "force2D": False,
    "voxelArrayShift": 0,
}


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
    settings = run.settings
    trained = settings["models"]
    radiomics = {
        key: value
        for key, value in settings["radiomics"].items()
        if key not in NAMED_OF_RADIOMICS and UNSAID_OF_RADIOMICS.get(key, ...) != value
    }
    return {
        "patients_told": _patients(run),
        "cohorts": set(run.tables["facts"]["cohort"]),
        "nnunet_models": [name for name in trained if name not in MONAI_MODELS],
        "plan_changes": words.listed(
            PLAN_CHANGES[key].format(_value(value))
            for key, value in settings["nnunet"]["plan_changes"].items()
        )
        if settings["nnunet"]["plan_changes"]
        else "",
        "monai_trained": _alike(settings["monai"]),
        "finetuned": any(NETWORKS[name].finetuned_from for name in trained),
        "features_counted": len(RADIOMIC_FEATURES),
        "radiomics_changes": ", ".join(f"{key} {_value(one)}" for key, one in radiomics.items()),
        "software": words.listed(_software(run)),
    }


def _value(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, list) else str(value)


def _alike(settings: Mapping[str, Mapping]) -> list[tuple[list[str], Mapping]]:
    """Put networks of the same settings together: their names, and the settings."""
    groups: list[tuple[list[str], Mapping]] = []
    for name, own in settings.items():
        same = [names for names, of_group in groups if of_group == own]
        if same:
            same[0].append(name)
        else:
            groups.append(([name], own))
    return groups


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
    versions, models = run.settings["versions"], set(run.settings["models"])
    unused = {"nnunetv2": models - set(MONAI_MODELS), "monai": models & set(MONAI_MODELS)}
    left_out = {
        "scans": [package for package, networks in unused.items() if not networks],
        "masks": OF_NETWORKS,
        "table": (*OF_NETWORKS, *OF_IMAGES),
    }[run.entry]
    return [
        f"{name} {versions[package]}"
        for package, name in NAMED_SOFTWARE.items()
        if package in versions and package not in left_out
    ]
