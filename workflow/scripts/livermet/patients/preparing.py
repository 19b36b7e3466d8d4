"""A study of new patients, made for a packed model: its config, its sheet and its ledger.

The workflow then runs on it as on any other. A second time it grows: a series that it has stays as
it is, a new one gets a new batch, so that nothing is made again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from livermet.archive.progress import Counter
from livermet.archive.pseudonyms import Pseudonyms, make_secret, read_secret
from livermet.config.loading import PROJECT, check_config, laid_over, load_config
from livermet.errors import InputError
from livermet.files import whole_file
from livermet.ledger.tables import Rules, assign, read_ledger, write_ledger
from livermet.pack.folder import Packed, open_pack
from livermet.pack.layout import MANIFEST
from livermet.patients.scans import find_scans
from livermet.sheets import SERIES_COLUMNS, SERIES_SHEET
from livermet.sources import is_there
from livermet.tables import read_table, write_table
from livermet.vocabulary import Accepted, ExportedAs

RUN, COHORT = "predict", "patients"
CONFIG, SHEET, LEDGER, DATA = "config.yaml", "series.tsv", "ledger", "data"
# By it a secret is known again, and nothing is told of it.
SECRET_MARK = "secret_mark"
HEAD = "# Written by livermet predict, by what the packed model says; written anew each time.\n"


@dataclass(frozen=True)
class Request:
    """What a user asks for; the fields are options of `livermet predict`.

    dicom: a word of `ExportedAs`; None for what the folder was made with.
    """

    images: Path
    model: Path
    out: Path
    secret: Path
    accept: Sequence[str] = ()
    leave_out: Sequence[str] = ()
    phase: str = ""
    dicom: str | None = None
    device: str = "auto"
    processes: int = 1


def prepare(request: Request, counter: Counter, tell: Callable[[str], None]) -> list[str]:
    """Write a study for new patients, or add them to one; the workflow makes all else.

    `tell` is told sentences for the terminal; those on what was found, and what of it is not used,
    are returned too. Raises InputError where the model or the images cannot be used, and for a
    folder that another model's results are in.
    """
    packed = open_pack(request.model)
    for warning in packed.warnings:
        tell(warning)
    out = request.out
    _refuse_others(packed, out)
    # What was accepted once stays so, or earlier patients' scans would be refused now; and DICOM
    # that was asked for once is written of later patients too.
    kept = _config_in(out)
    accept = dict.fromkeys([*kept.get("ingest", {}).get("accept", ()), *request.accept])
    dicom = request.dicom or kept.get("export", {}).get("dicom", str(ExportedAs.NONE))
    config = study_of(packed, replace(request, accept=tuple(accept), dicom=dicom))
    # The first: by it the folder is known as ours, whatever comes of the rest.
    _write_text((packed.folder / MANIFEST).read_text(), out / MANIFEST)
    pseudonyms = _pseudonyms(request, tell)
    _refuse_another_secret(pseudonyms, out)
    scans = find_scans(
        request.images,
        out,
        out / DATA,
        COHORT,
        pseudonyms,
        request.accept,
        request.processes,
        counter,
    )
    phase = scans.rows["phase"].where(scans.rows["phase"] != "", request.phase)
    sheet = grown(sheet_of(out), scans.rows.assign(phase=phase))
    there = sheet["image"].map(lambda image: is_there(out / DATA / image))
    told = [*scans.told, *_gone(sheet.loc[~there, "series"].tolist())]
    told += _still_written(dicom) if request.dicom is None else []
    for sentence in told:
        tell(sentence)
    sheet = sheet[there]
    _refuse_unknown(request.leave_out, sheet, out)
    sheet = sheet[~sheet["series"].isin(request.leave_out)]
    if sheet.empty:
        raise InputError("No series is left; leave out fewer (--leave-out).")
    _write_text(HEAD + yaml.safe_dump(config, sort_keys=False), out / CONFIG)
    assign_new(sheet, out / LEDGER, laid_over(_defaults(), config))
    # The last: a series in the sheet has its place in the ledger.
    write_table(sheet, out / SHEET, SERIES_SHEET)
    return told


def study_of(packed: Packed, request: Request) -> dict[str, Any]:
    """Return the config of a study that a packed model predicts; paths begin at its folder.

    Raises InputError for a model without networks, and for settings that this livermet refuses.
    """
    if not packed.family:
        raise InputError(
            "The packed model has no network, so that it cannot segment a scan: it was made from "
            "given masks or features. `livermet validate` takes a feature table."
        )
    accepted = {str(word) for word in Accepted}
    config: dict[str, Any] = {
        "run": RUN,
        "data_root": DATA,
        "sheets": {"series": SHEET, "molecular": None, "phantoms": None},
        "ledger": LEDGER,
        "cohorts": {"source": None, "target": COHORT},
        "ingest": {"accept": [word for word in request.accept if word in accepted]},
    }
    # A scan that cannot be read stops its own study, and no other one of its batch.
    config["split"] = {"batch_size": 1}
    if len(packed.networks) > 1:
        # One a fold.
        config["split"]["folds"] = len(packed.networks)
    for section, keys in packed.settings.items():
        config[section] = {**config.get(section, {}), **keys}
    config["segmentation"] = {
        **config.get("segmentation", {}),
        "packed": str(request.model.resolve()),
        "models": [packed.model],
        "final_model": packed.model,
        "device": request.device,
    }
    # A run of the workflow begins in another folder.
    pseudonymous = request.dicom == ExportedAs.PSEUDONYMS
    secret = str(request.secret.resolve()) if pseudonymous else None
    config["export"] = {"dicom": str(request.dicom or ExportedAs.NONE), "secret": secret}
    check_config(laid_over(_defaults(), config))
    return config


def _defaults() -> dict[str, Any]:
    return load_config([PROJECT / "config" / "config.yaml"])


def _refuse_others(packed: Packed, out: Path) -> None:
    """Raise InputError where a folder holds anything but the results of this model."""
    if out.resolve().is_relative_to(packed.folder.resolve()):
        raise InputError(
            f"{out} lies in the folder of the model, which is to stay as it was packed; name "
            "another folder with --out."
        )
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} is no folder; name another one with --out.")
    known = out / MANIFEST
    if known.is_file():
        if known.read_text() != (packed.folder / MANIFEST).read_text():
            raise InputError(
                f"{out} holds what another model has predicted; name another folder with --out."
            )
    elif any(not name.name.startswith(".") for name in out.iterdir()):
        raise InputError(
            f"{out} holds files, and none of them is of livermet predict; name another folder "
            "with --out."
        )


def _pseudonyms(request: Request, tell: Callable[[str], None]) -> Pseudonyms:
    beside = [request.images, request.out]
    if make_secret(request.secret, beside):
        tell(
            f"A new secret was made at {request.secret}. Pseudonyms come from it: keep it where "
            "patients' names are kept."
        )
    return Pseudonyms(read_secret(request.secret, beside))


def _refuse_another_secret(pseudonyms: Pseudonyms, out: Path) -> None:
    """Raise InputError where the series of a folder have pseudonyms of another secret."""
    mark, place = pseudonyms.key(SECRET_MARK).hex(), out / DATA / SECRET_MARK
    if (out / SHEET).is_file() and place.is_file() and place.read_text().strip() != mark:
        raise InputError(
            f"The pseudonyms in {out} come from another secret, so that its patients would be "
            "there twice. Name the secret that it was begun with (--secret or LIVERMET_SECRET), or "
            "another folder with --out."
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    _write_text(f"{mark}\n", place)


def sheet_of(out: Path) -> pd.DataFrame:
    """Read the sheet of a folder of results, as text but for the age; empty before the first."""
    if not (out / SHEET).is_file():
        return pd.DataFrame(columns=SERIES_COLUMNS)
    sheet = read_table(out / SHEET, dtype=str, keep_default_na=False)
    return sheet.assign(age=pd.to_numeric(sheet["age"]))


def _gone(series: Sequence[str]) -> list[str]:
    """Say which series the workflow would lose: ingest would fail, and take their CT away."""
    if not series:
        return []
    return [
        f"Left out of the lists, since the scans are not any more where they were read: "
        f"{', '.join(series)}. Their pages stay as they are; name the scans as IMAGES, and they "
        "are in the lists again."
    ]


def _config_in(out: Path) -> dict[str, Any]:
    """Return the config of the last run, empty before the first."""
    if not (out / CONFIG).is_file():
        return {}
    return yaml.safe_load((out / CONFIG).read_text(encoding="utf-8"))


def _still_written(dicom: str) -> list[str]:
    """Say that DICOM is written though this time nobody has asked for it."""
    if dicom == ExportedAs.NONE:
        return []
    return [f"DICOM is written as the last time (--dicom {dicom}); --dicom none ends it."]


def _refuse_unknown(names: Sequence[str], sheet: pd.DataFrame, out: Path) -> None:
    """Raise InputError for a series to be left out that the folder never had."""
    known = {*sheet["series"], *read_ledger(out / LEDGER, unfinished=True).batches["series"]}
    if unknown := [name for name in names if name not in known]:
        raise InputError(
            f"--leave-out names {', '.join(unknown)}, which {out} does not have; {SHEET} in it "
            "has the names of series."
        )


def grown(sheet: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Add rows to a sheet of series; of a series that it has the phase alone may be told anew."""
    told = dict(zip(rows["series"], rows["phase"], strict=True))
    known = zip(sheet["series"], sheet["phase"], strict=True)
    sheet = sheet.assign(phase=[told.get(series) or phase for series, phase in known])
    new = rows[~rows["series"].isin(sheet["series"])]
    if sheet.empty or new.empty:
        return sheet if new.empty else new.reset_index(drop=True)
    return pd.concat([sheet, new], ignore_index=True)[SERIES_COLUMNS]


def assign_new(sheet: pd.DataFrame, folder: Path, config: Mapping[str, Any]) -> None:
    """Give each new patient a place that no model is trained in, and each series its batch."""
    rules = Rules(
        folds=0,
        test={COHORT: sorted(sheet["patient"].unique())},
        batch_size=config["split"]["batch_size"],
        training_sets={},
        stratified_cohort="",
        seed=config["seed"],
    )
    ledger = read_ledger(folder, unfinished=True)
    write_ledger(assign(ledger, sheet, pd.Series(dtype=str), rules), folder)


def _write_text(text: str, path: Path) -> None:
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")
