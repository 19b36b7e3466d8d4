"""A packed model: one folder that holds all that predicts, checked as a whole when it is opened.

```
pack.json        what made it, versions, settings, and the SHA-256 of every other file
MODEL_CARD.md    what the model was made from, what it is worth, what it is not for
segmentation/    networks: plain tensors, and nnU-Net's plan
phenotype/       the classifier, frozen, and what it was trained on
```

A copy predicts the same numbers as where it was packed, or is refused; docs/decisions/
portable_models.md says by which rule.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from livermet import __version__
from livermet.errors import InputError, stop_on
from livermet.pack import segmentation
from livermet.pack.phenotype import Phenotype
from livermet.provenance.code import file_checksum

LOG = logging.getLogger("livermet")
# Another number is another layout of the folder.
FORMAT = 1
MANIFEST, CARD, PHENOTYPE = "pack.json", "MODEL_CARD.md", "phenotype"
CHECKSUM = "sha256"
# By what a folder holds: packages of which another minor version may compute other numbers.
BOUND = {
    segmentation.NNUNET: ("nnunetv2", "dynamic-network-architectures"),
    segmentation.MONAI: ("monai",),
    PHENOTYPE: ("scikit-learn", "xgboost", "pyradiomics-bhklab"),
}
# Of these, another version is told, since their numbers agree to rounding.
TOLD = ("numpy", "openvino", "scipy", "simpleitk", "skops", "torch")


@dataclass(frozen=True)
class Packed:
    """A packed model that was opened: every file is as it was packed.

    model: its name in the run, such as nnunet_finetuned; of a run without networks 'reference' or
    'table'. family: 'nnunet', 'monai', or None without networks. networks: files, fold by fold, or
    one of MONAI. plan and description: nnU-Net's. settings: the parts of the run's config that a
    prediction needs, in the config's own shape. phenotype: None where the folder has none;
    `phenotype_lacks` then says why. It is opened when it is first asked for, which raises
    InputError where it computes other numbers here. warnings: sentences on versions that differ.
    """

    folder: Path
    manifest: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    @cached_property
    def phenotype(self) -> Phenotype | None:
        """The frozen classifier; a forest of 5,000 trees takes seconds to open."""
        inside = any(name.startswith(f"{PHENOTYPE}/") for name in self.manifest["files"])
        return Phenotype.load(self.folder / PHENOTYPE) if inside else None

    @property
    def model(self) -> str:
        """The model's name in the run that trained it."""
        return self.manifest["model"]

    @property
    def family(self) -> str | None:
        """The family of its networks."""
        return self.manifest["family"]

    @property
    def networks(self) -> list[Path]:
        """The files of its networks."""
        return _networks(self.folder, self.manifest)

    @property
    def plan(self) -> Path | None:
        """nnU-Net's plan."""
        return self._of_nnunet(segmentation.PLAN)

    @property
    def description(self) -> Path | None:
        """nnU-Net's dataset.json, without cases."""
        return self._of_nnunet(segmentation.DESCRIPTION)

    @property
    def settings(self) -> dict[str, Any]:
        """What of the run's config a prediction needs."""
        return self.manifest["settings"]

    @property
    def phenotype_lacks(self) -> str:
        """Why the folder has no classifier; '' where it has one."""
        return self.manifest["phenotype_lacks"]

    def _of_nnunet(self, name: str) -> Path | None:
        is_nnunet = self.family == segmentation.NNUNET
        return self.folder / segmentation.FOLDER / name if is_nnunet else None


def open_pack(path: str | Path) -> Packed:
    """Open a packed model; nothing in it is run.

    Raises InputError that lists every file which is missing or has changed, and where versions do
    not fit. Versions that may differ are warned of.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    stop_on(_unfitting(manifest) or _changed(folder, manifest["files"]))
    warnings = tuple(_other_versions(manifest))
    for warning in warnings:
        LOG.warning("%s", warning)
    segmentation.check_networks(_networks(folder, manifest))
    return Packed(folder, manifest, warnings)


def write_manifest(folder: Path, facts: Mapping[str, Any], parts: Iterable[str]) -> None:
    """Write pack.json of a folder that holds all else; `parts` are keys of BOUND."""
    content = {
        **facts,
        "format": FORMAT,
        "livermet": __version__,
        "packages": installed((*(name for part in parts for name in BOUND[part]), *TOLD)),
        "files": {
            str(path.relative_to(folder)): file_checksum(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    (folder / MANIFEST).write_text(_as_text(content))


def _as_text(content: Mapping[str, Any]) -> str:
    """Write a manifest with its own checksum, always in the same form."""
    plain = json.dumps(content, indent=1, sort_keys=True)
    signed = {**content, CHECKSUM: hashlib.sha256(plain.encode()).hexdigest()}
    return json.dumps(signed, indent=1, sort_keys=True) + "\n"


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        text = path.read_text()
        content = json.loads(text)
        signed = content.pop(CHECKSUM)
    except FileNotFoundError:
        raise InputError(
            f"{folder} is no packed model: it has no {MANIFEST}; name a folder that `livermet "
            "pack` has written."
        ) from None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({error}); copy the folder again.") from error
    if text != _as_text(content):
        raise InputError(
            f"{path} is not as it was packed (its checksum is {signed}); copy the folder again."
        )
    return content


def _unfitting(manifest: Mapping[str, Any]) -> list[str]:
    """List what of the versions does not fit: format, livermet's first number, BOUND's minor."""
    if manifest["format"] != FORMAT:
        return [
            f"The model was packed in format {manifest['format']}, and this livermet "
            f"({__version__}) reads format {FORMAT}: install livermet {manifest['livermet']}, or "
            "pack the model again with this one."
        ]
    if _number(manifest["livermet"], 1) != _number(__version__, 1):
        return [
            f"The model was packed by livermet {manifest['livermet']}, and this is {__version__}: "
            f"install livermet {manifest['livermet']}, or pack the model again with this one."
        ]
    packed, here = manifest["packages"], installed(manifest["packages"])
    bound = {name for names in BOUND.values() for name in names}
    return [
        f"The model was packed with {name} {packed[name]}, and {name} "
        f"{here[name] or 'is not'} {'is ' if here[name] else ''}installed, which may compute other "
        f"numbers: install {name} {packed[name]}, or pack the model again."
        for name in packed
        if name in bound and _number(packed[name], 2) != _number(here[name], 2)
    ]


def _other_versions(manifest: Mapping[str, Any]) -> list[str]:
    packed = {"livermet": manifest["livermet"], **manifest["packages"]}
    here = {"livermet": __version__, **installed(manifest["packages"])}
    return [
        f"The model was packed with {name} {packed[name]}, and {name} {here[name] or 'is not'} "
        f"{'is ' if here[name] else ''}installed: numbers may differ by rounding."
        for name in packed
        if packed[name] != here[name]
    ]


def _changed(folder: Path, files: Mapping[str, str]) -> list[str]:
    """List the files that are missing, or whose content is not what was packed."""
    problems = []
    for name, checksum in files.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            problems.append(f"{folder / MANIFEST} names a file outside of its folder ({name}).")
        elif not path.is_file():
            problems.append(f"{path} is missing; copy the folder again.")
        elif file_checksum(path) != checksum:
            problems.append(f"{path} is not as it was packed; copy the folder again.")
    return problems


def installed(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of some packages, without a build's own mark ('+cpu'); '' without one."""
    found = {}
    for name in names:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = ""
    return found


def _number(version_of: str, parts: int) -> tuple[str, ...]:
    return tuple(version_of.split(".")[:parts])


def _networks(folder: Path, manifest: Mapping[str, Any]) -> list[Path]:
    return [folder / segmentation.FOLDER / name for name in manifest["networks"]]
