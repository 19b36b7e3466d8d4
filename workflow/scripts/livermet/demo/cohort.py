"""The demo's sheets: two seeded cohorts of phantoms, and scores that their lesions explain.

`python -m livermet.demo.cohort --out config/demo` writes series.tsv, molecular.tsv and phantoms.tsv
as they are committed; `--size test --out tests/demo/cohort` writes the smaller cohort of the tests.
"""

import argparse
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, NUMBER, SERIES, TEXT, Column, Contract
from livermet.sheets import MOLECULAR_SHEET, SERIES_SHEET
from livermet.tables import write_table

SEED = 20250319
NEGATIVE, POSITIVE = (-0.35, -0.10), (0.10, 0.50)  # ranges of the latent score of a study
MISLEADING = 4


class Role(NamedTuple):
    """Target patients who are alike.

    `studies` has a letter a study: '+' phenotype positive, '-' negative, '0' free of lesions.
    `sample` says when the molecular sample was taken: near the study, late (outside any window of
    92 days) or never.
    """

    patients: int
    studies: str
    sample: str = "near"


@dataclass(frozen=True)
class Size:
    """How many patients, and how large a phantom is.

    `referenced`: which of every five target patients have references. `paired_studies`: studies
    with a thin and a thick series. `thin` and `thick`: number of slices and their thickness in mm.
    """

    source_patients: int
    roles: tuple[Role, ...]
    referenced: tuple[int, ...]
    paired_studies: int
    matrix: int
    pixel_mm: float
    thin: tuple[int, float]
    thick: tuple[int, float]


SIZES = {
    "demo": Size(
        source_patients=24,
        roles=(
            Role(7, "-"),
            Role(3, "+-"),
            Role(2, "++"),
            Role(1, "+0"),
            Role(11, "+"),
            Role(2, "0"),
            Role(1, "+", "late"),
            Role(1, "+", "never"),
        ),
        referenced=(0, 1, 3, 4),
        paired_studies=6,
        matrix=64,
        pixel_mm=5.0,
        thin=(32, 6.0),
        thick=(24, 8.0),
    ),
    "test": Size(
        source_patients=8,
        roles=(
            Role(6, "-"),
            Role(1, "+-"),
            Role(1, "+0"),
            Role(7, "+"),
            Role(1, "+", "never"),
        ),
        referenced=(0, 1, 3, 4),
        paired_studies=1,
        matrix=48,
        pixel_mm=6.5,
        thin=(25, 8.0),
        thick=(20, 10.0),
    ),
}


NIFTI, DICOM = "nifti", "dicom"
SEXES = "FM"
PHANTOM_SHEET = Contract(
    files=("phantoms.tsv",),
    row="a series of phantoms",
    columns=(
        SERIES,
        Column("kind", TEXT, "how the CT is stored", words=(NIFTI, DICOM)),
        Column("patient_seed", COUNT, "what decides the build of the patient"),
        Column("study_seed", COUNT, "what decides organs and lesions of the study"),
        Column("noise_seed", COUNT, "what decides the noise of the series"),
        Column("matrix", COUNT, "rows and columns of a slice", unit="voxels", low=1),
        Column("pixel_mm", NUMBER, "side of a pixel", unit="mm", low=0),
        Column("slices", COUNT, "number of slices", low=1),
        Column("slice_mm", NUMBER, "thickness of a slice", unit="mm", low=0),
        Column("lesions", COUNT, "number of lesions"),
        Column("radius_min_mm", NUMBER, "smallest radius of a lesion", unit="mm", low=0),
        Column("radius_max_mm", NUMBER, "largest radius of a lesion", unit="mm", low=0),
        Column("liver_hu", NUMBER, "mean of the liver", unit="HU"),
        Column("contrast_hu", NUMBER, "how far lesions lie below the liver", unit="HU"),
        Column("texture_hu", NUMBER, "standard deviation inside lesions", unit="HU", low=0),
        Column(
            "texture_mm",
            NUMBER,
            "distance over which this texture hangs together",
            unit="mm",
            low=0,
        ),
        Column("noise_hu", NUMBER, "standard deviation of the noise", unit="HU", low=0),
        Column("scanner", TEXT, "model of the scanner in the header"),
        Column("kvp", NUMBER, "tube voltage in the header", unit="kV", low=0),
        Column("phase", TEXT, "contrast phase"),
        Column("sex", TEXT, "sex of the patient", words=tuple(SEXES)),
        Column("age", COUNT, "age of the patient at the study", unit="years"),
    ),
    key=("series",),
)
SHEETS = {"series": SERIES_SHEET, "molecular": MOLECULAR_SHEET, "phantoms": PHANTOM_SHEET}


class DemoCohort(NamedTuple):
    """The three sheets."""

    series: pd.DataFrame
    molecular: pd.DataFrame
    phantoms: pd.DataFrame


def demo_cohort(size: Size, seed: int = SEED) -> DemoCohort:
    """Draw both cohorts' sheets; the same size and seed give the same sheets.

    The source cohort (LiTS) has one NIfTI series and a reference for every patient. In the target
    cohort (mSCLC) a latent score of each study sets the number, size and texture of its lesions,
    and the molecular score is that latent score and a little noise. Some studies look as if they
    had another's score.
    """
    rng = np.random.default_rng(seed)
    rows = _source_rows(rng, size)
    target, samples = _target_rows(rng, size)
    rows += target
    table = pd.DataFrame(rows).assign(liver_mask="")
    molecular = pd.DataFrame(samples).sort_values(["patient", "sample_date"], ignore_index=True)
    return DemoCohort(table[SERIES_SHEET.names], molecular, table[PHANTOM_SHEET.names])


def _source_rows(rng, size: Size) -> list[dict]:
    rows = []
    lesions = rng.permutation(np.arange(size.source_patients) % 7)
    for number in range(1, size.source_patients + 1):
        patient = f"lits_{number:03d}"
        person = _person(rng, size)
        study = _study(rng, person, severity=rng.uniform(), lesions=int(lesions[number - 1]))
        day = date(2014, 1, 1) + timedelta(int(rng.integers(0, 1000)))
        rows.append(
            person
            | study
            | _series(rng, size, "thin")
            | {
                "series": patient,
                "patient": patient,
                "study_date": day.isoformat(),
                "cohort": "LiTS",
                "kind": NIFTI,
                "image": f"{patient}/ct.nii.gz",
                "reference": f"{patient}/reference.nii.gz",
            }
        )
    return rows


def _target_rows(rng, size: Size) -> tuple[list[dict], list[dict]]:
    roles = [role for role in size.roles for _ in range(role.patients)]
    has_reference = [k % 5 in size.referenced for k in range(len(roles))]
    number_of = rng.permutation(len(roles)) + 1
    signs = "".join(role.studies for role in roles)
    latents = _latents(rng, signs)
    shown = _shown(rng.spawn(1)[0], latents, signs)
    paired = _paired_studies(rng, roles, size.paired_studies)
    rows, samples = [], []
    study_number = 0
    for role, number, referenced in zip(roles, number_of, has_reference, strict=True):
        patient = f"msclc_{number:03d}"
        person = _person(rng, size)
        first_day = date(2018, 1, 1) + timedelta(int(rng.integers(0, 1200)))
        for order, sign in enumerate(role.studies):
            later = order * int(rng.integers(250, 400))
            day = first_day + timedelta(later)
            latent = latents[study_number]
            severity = (shown[study_number] - NEGATIVE[0]) / (POSITIVE[1] - NEGATIVE[0])
            study = _study(rng, person, severity, lesions=0 if sign == "0" else None)
            study["age"] = person["age"] + later // 365
            names = ["thin", "thick"] if study_number in paired else [_thin_or_thick(rng)]
            for name in names:
                series = f"{patient}_{day:%Y%m%d}_{name}"
                rows.append(
                    person
                    | study
                    | _series(rng, size, name)
                    | {
                        "series": series,
                        "patient": patient,
                        "study_date": day.isoformat(),
                        "cohort": "mSCLC",
                        "kind": DICOM,
                        "image": f"{series}/dicom",
                        "reference": f"{series}/reference.nii.gz" if referenced else "",
                    }
                )
            samples += _samples(rng, patient, day, latent, role.sample, is_first=order == 0)
            study_number += 1
    return sorted(rows, key=lambda row: row["series"]), samples


def _latents(rng, signs: str) -> np.ndarray:
    """Spread latent scores evenly over the range of the positive and of the negative studies."""
    latents = np.empty(len(signs))
    for (low, high), letters in ((NEGATIVE, "-"), (POSITIVE, "+0")):
        here = [k for k, sign in enumerate(signs) if sign in letters]
        latents[rng.permutation(here)] = low + (high - low) * (np.arange(len(here)) + 0.5) / len(
            here
        )
    return latents


def _shown(rng, latents: np.ndarray, signs: str) -> np.ndarray:
    """Let one in `MISLEADING` of the rarer class look like one of the other class, and the reverse.

    No feature then tells every study's class, as with tumours. They change places by pairs and not
    by chance, so that cohorts of other seeds have about as clear a signal.
    """
    negative, positive = ([k for k, sign in enumerate(signs) if sign == letter] for letter in "-+")
    pairs = min(len(negative), len(positive)) // MISLEADING
    one, other = rng.choice(negative, pairs, replace=False), rng.choice(positive, pairs, False)
    shown = latents.copy()
    shown[one], shown[other] = latents[other], latents[one]
    return shown


def _paired_studies(rng, roles: list[Role], count: int) -> set[int]:
    """Choose which studies have a thin and a thick series: sampled ones with lesions."""
    able = [role.sample == "near" and sign != "0" for role in roles for sign in role.studies]
    return set(rng.choice(np.flatnonzero(able), count, replace=False).tolist())


def _person(rng, size: Size) -> dict:
    scanner, kvp = [("Abdomen 16", 120), ("Abdomen 64", 120), ("Abdomen 64", 100)][rng.integers(3)]
    return {
        "patient_seed": _seed(rng),
        "sex": SEXES[rng.integers(2)],
        "age": int(rng.integers(41, 85)),
        "matrix": size.matrix,
        "pixel_mm": round(float(size.pixel_mm + rng.uniform(-0.2, 0.2)), 1),
        "scanner": scanner,
        "kvp": kvp,
    }


def _study(rng, person: dict, severity: float, lesions: int | None = None) -> dict:
    """Draw a study's anatomy; with severity (0-1) lesions grow in number, size and texture."""
    arterial = rng.random() < 0.2
    drawn = int(np.clip(np.rint(1.4 + 2.0 * severity + rng.normal(0, 0.8)), 1, 6))
    lesions = drawn if lesions is None else lesions
    return {
        "study_seed": _seed(rng),
        "phase": "arterial" if arterial else "portal venous",
        "liver_hu": _round(rng.uniform(92, 105) if arterial else rng.uniform(102, 125)),
        "lesions": lesions,
        "lesions_read": "present" if lesions else "absent",
        "radius_min_mm": _round(12.0 + 2.0 * severity + rng.uniform(0.0, 1.0)),
        "radius_max_mm": _round(16.5 + 4.0 * severity + rng.uniform(0.0, 4.0)),
        "contrast_hu": _round(rng.uniform(55, 75)),
        "texture_hu": _round(5.0 + 15.0 * severity + rng.normal(0.0, 1.0)),
        "texture_mm": _round(4.0 + 4.0 * severity + rng.normal(0.0, 0.5)),
    }


def _series(rng, size: Size, name: str) -> dict:
    slices, slice_mm = size.thin if name == "thin" else size.thick
    noise_hu = 12.0 if name == "thin" else 10.0
    return {
        "noise_seed": _seed(rng),
        "slices": slices,
        "slice_mm": slice_mm,
        "noise_hu": noise_hu,
    }


def _samples(rng, patient: str, day: date, latent: float, when: str, is_first: bool) -> list[dict]:
    """Draw a study's samples: the one to match, sometimes one further off, sometimes an old one."""
    if when == "never":
        return []
    days = [140] if when == "late" else [int(rng.integers(-45, 46))]
    scores = [latent]
    if rng.random() < 0.2 and when == "near":
        days.append(int(rng.choice([-1, 1])) * int(rng.integers(60, 90)))
        scores.append(latent)
    if rng.random() < 0.2 and is_first:
        days.append(-int(rng.integers(150, 400)))
        scores.append(float(rng.uniform(NEGATIVE[0], POSITIVE[1])))
    return [
        {
            "patient": patient,
            "sample_date": (day + timedelta(after)).isoformat(),
            "sample_type": "biopsy" if rng.random() < 0.4 else "cfdna",
            "score": round(score + float(np.clip(rng.normal(0, 0.03), -0.06, 0.06)), 3),
        }
        for after, score in zip(days, scores, strict=True)
    ]


def _thin_or_thick(rng) -> str:
    return "thin" if rng.random() < 0.6 else "thick"


def _seed(rng) -> int:
    return int(rng.integers(1, 10**6))


def _round(value: float) -> float:
    return round(float(value), 1)


def main(arguments: list[str] | None = None) -> None:
    """Write the three sheets into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the three sheets")
    parser.add_argument("--size", choices=SIZES, default="demo")
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args(arguments)
    for name, sheet in demo_cohort(SIZES[chosen.size], chosen.seed)._asdict().items():
        write_table(sheet, chosen.out / f"{name}.tsv", SHEETS[name])


if __name__ == "__main__":
    main()
