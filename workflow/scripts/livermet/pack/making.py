"""Packing: from a finished run to a folder that predicts elsewhere."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livermet.errors import InputError
from livermet.files import read_json, remove_parts
from livermet.models import CLASSIFIERS, NETWORKS
from livermet.pack import segmentation
from livermet.pack.folder import CARD, PHENOTYPE, write_manifest
from livermet.pack.freezing import freeze
from livermet.pack.phenotype import Phenotype
from livermet.phenotype.columns import CORRECTED
from livermet.provenance.journal import PROJECT, commit_of

# Masks that no network of the run made.
GIVEN = ("reference", "table")
OTHER_CHOSEN = (
    "**The classifier in this folder is {}, which cross-validation did not choose. The card below "
    "is that of the chosen one: its numbers are not those of this folder.**\n"
)
# Of each section of the config, what a prediction needs.
NEEDED = {
    "detection": ("connectivity", "minimum_lesion_voxels"),
    "phenotype": ("aggregation", "assumed_auc", "feature_transform", "name", "positive_above"),
    "radiomics": ("lesions", "per_lesion", "settings"),
}


def pack_run(
    run: Path, model: str, out: Path, with_phenotype: bool = True, classifier: str | None = None
) -> str:
    """Pack a model of a finished run into a new folder; say in a sentence what it holds.

    `run` is results/ and the run's name; `model` a network of it, or 'reference' or 'table' where
    masks or features were given to it. `classifier` is the one that cross-validation chose, unless
    it is named. Raises InputError where something is missing, or `out` is there already.
    """
    settings = _settings_of(run)
    _check_model(settings, model)
    if out.exists():
        raise InputError(f"{out} is there already; name a folder that is not, or remove it.")
    phenotype, lacks = None, "It was left out when it was packed."
    if with_phenotype:
        phenotype, lacks = _phenotype(run, settings, model, classifier)
    remove_parts([out])
    beside = out.with_name(f".{os.getpid()}.{out.name}")
    beside.mkdir(parents=True)
    try:
        networks = _fill(beside, run, settings, model, phenotype, lacks)
        os.replace(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return _told(out, networks, phenotype, lacks)


def _fill(
    folder: Path,
    run: Path,
    settings: Mapping[str, Any],
    model: str,
    phenotype: Phenotype | None,
    lacks: str,
) -> list[str]:
    """Write all files of a pack into an empty folder; name its networks."""
    networks = _networks(run, settings, model, folder)
    if not networks and not phenotype:
        raise InputError(f"There is nothing to pack of {run}: {lacks}")
    if phenotype:
        phenotype.save(folder / PHENOTYPE)
    (folder / CARD).write_text(_card(run, model, phenotype))
    family = NETWORKS[model].family if networks else None
    facts = {
        "run": settings["run"],
        "model": model,
        "family": family,
        "networks": networks,
        "training_set": _training_set(settings, model),
        "classifier": phenotype.classifier if phenotype else None,
        "phenotype_lacks": "" if phenotype else lacks,
        "settings": needed_settings(settings, model),
        "commit": commit_of(PROJECT),
    }
    write_manifest(folder, facts, [*filter(None, [family]), *([PHENOTYPE] if phenotype else [])])
    return networks


def needed_settings(settings: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Take from a run's settings what a prediction needs, in the config's own shape."""
    kept: dict[str, Any] = {
        section: {key: settings[section][key] for key in keys if key in settings[section]}
        for section, keys in NEEDED.items()
    }
    if model in NETWORKS:
        networks = settings["segmentation"]
        family = NETWORKS[model].family
        own = networks[family]
        kept["segmentation"] = {
            family: {"prediction": own["prediction"]} if family == segmentation.NNUNET else own
        }
        kept["reference_labels"] = settings["reference_labels"]
    return kept


def _phenotype(
    run: Path, settings: Mapping[str, Any], model: str, classifier: str | None
) -> tuple[Phenotype | None, str]:
    """Freeze the classifier that learnt from a model's masks; None and the reason without one."""
    if not (run / "phenotype" / model / CORRECTED / "choice.tsv").is_file():
        return None, (
            f"The run has no classifier of the corrected protocol that learnt from {model}."
        )
    try:
        return freeze(run, settings, model, classifier), ""
    except InputError as error:
        if classifier:
            raise
        return None, f"The classifier cannot be frozen: {str(error).rstrip('.')}."


def _card(run: Path, model: str, phenotype: Phenotype | None) -> str:
    """Put the cards of the network and of the classifier together."""
    names = [*([model] if model in NETWORKS else []), *(["phenotype"] if phenotype else [])]
    cards = [run / "cards" / f"{name}.md" for name in names]
    missing = [str(path) for path in cards if not path.is_file()]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not there: the run is "
            "not finished, or older than model cards; run snakemake, then pack again."
        )
    texts = [path.read_text() for path in cards]
    if phenotype and not phenotype.validation.chosen:
        texts[-1:] = [OTHER_CHOSEN.format(CLASSIFIERS[phenotype.classifier].label), texts[-1]]
    return "\n".join(texts)


def _networks(run: Path, settings: Mapping[str, Any], model: str, folder: Path) -> list[str]:
    if model in GIVEN:
        return []
    return segmentation.pack_networks(run, settings, model, folder / segmentation.FOLDER)


def _training_set(settings: Mapping[str, Any], model: str) -> str | None:
    return settings["training_sets"][NETWORKS[model].training_set] if model in NETWORKS else None


def _settings_of(run: Path) -> dict[str, Any]:
    path = run / "provenance" / "settings.json"
    if not path.is_file():
        raise InputError(
            f"{run} is no finished run: it has no provenance/settings.json; name results/ and a "
            "run's name."
        )
    told = read_json(path)
    return {**told["settings"], "run": told["run"]}


def _check_model(settings: Mapping[str, Any], model: str) -> None:
    networks = settings["segmentation"].get("models") or []
    given = settings["phenotype"]["table"] or settings["segmentation"].get("source") == "reference"
    known = [*GIVEN] if given else list(networks)
    if model not in known:
        raise InputError(f"The run has no model '{model}'; name one of {', '.join(known)}.")


def _told(out: Path, networks: list[str], phenotype: Phenotype | None, lacks: str) -> str:
    count = len(networks)
    told = [f"Packed into {out}: {count} network{'' if count == 1 else 's'}"]
    if phenotype:
        told.append(f"and the classifier {CLASSIFIERS[phenotype.classifier].label}.")
        return " ".join([*told, *phenotype.validation.failures])
    return f"{told[0]}. There is no classifier in it: {lacks[:1].lower()}{lacks[1:]}"
