"""The conda environments of rules: what their results depend on, and all that they install.

`make envs` writes envs/ from requirements.lock: the packages named here, and what these need.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from livermet.config.loading import PROJECT
from livermet.files import whole_file
from livermet.provenance.code import pinned_versions

FOLDER = PROJECT / "envs"
LOCK = PROJECT / "requirements.lock"
PYTHON = "3.11"
# The machines that the files are for, wherever they are written.
MACHINE = {
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_system": "Linux",
    "python_full_version": f"{PYTHON}.0",
    "python_version": PYTHON,
    "sys_platform": "linux",
}
HEAD = """\
# Written from requirements.lock and livermet/provenance/environments.py: `make envs`.
channels:
  - conda-forge
  - nodefaults
dependencies:
"""


@dataclass(frozen=True)
class Environment:
    """What the rules of an environment need of the lock.

    Results depend on the versions of `decisive`: they are params of its rules, and another version
    makes the results anew, or asks for leave to train. On those of `predicting` predictions depend
    too, and no training does. `besides` are imported too, but no result depends on them. What all
    these need in turn is installed in the lock's versions and is no param.
    """

    decisive: tuple[str, ...]
    besides: tuple[str, ...] = ()
    predicting: tuple[str, ...] = ()

    @property
    def named(self) -> set[str]:
        """All that the environment's scripts import."""
        return {*self.decisive, *self.besides, *self.predicting}


ENVIRONMENTS = {
    "export": Environment(
        (
            "connected-components-3d",
            "highdicom",
            "imagecodecs",
            "nibabel",
            "numpy",
            "pandas",
            "pydicom",
            "scipy",
            "simpleitk",
        )
    ),
    "ingest": Environment(
        (
            "imagecodecs",
            "nibabel",
            "numpy",
            "pandas",
            "pydicom",
            "scikit-image",
            "scipy",
            "simpleitk",
        )
    ),
    "lesions": Environment(
        (
            "connected-components-3d",
            "numpy",
            "pandas",
            "scipy",
            "simpleitk",
            "statsmodels",
            "surface-distance",
        )
    ),
    "monai": Environment(("monai", "numpy", "simpleitk", "torch"), ("pandas",), ("openvino",)),
    # Beside nnU-Net itself: its networks (dynamic-network-architectures), its augmentation
    # (batchgenerators, batchgeneratorsv2 and, for filters, scipy), its crops and padding
    # (acvl-utils), its resampling (scikit-image, scipy). blosc2 keeps the cases without loss,
    # scikit-learn would split them, which the ledger does, and timm and torchvision are for
    # networks that livermet does not train.
    "nnunet": Environment(
        (
            "acvl-utils",
            "batchgenerators",
            "batchgeneratorsv2",
            "dynamic-network-architectures",
            "nnunetv2",
            "numpy",
            "scikit-image",
            "scipy",
            "simpleitk",
            "torch",
        ),
        ("pandas", "pyyaml"),
        ("openvino",),
    ),
    "phenotype": Environment(
        (
            "joblib",
            "numpy",
            "pandas",
            "pingouin",
            "pyyaml",
            "scikit-learn",
            "scipy",
            "statsmodels",
            "threadpoolctl",
            "xgboost",
        ),
        # Keeps the classifiers of packed models, which compute the same from either file.
        ("skops",),
    ),
    # PyRadiomics: 3.1.0 on the index cannot be installed, 3.0.1 builds only by hand; same code.
    "radiomics": Environment(
        (
            "connected-components-3d",
            "numpy",
            "pandas",
            "pykwalify",
            "pyradiomics-bhklab",
            "pywavelets",
            "scipy",
            "simpleitk",
        )
    ),
    "report": Environment(
        (
            "itables",
            "jinja2",
            "matplotlib",
            "numpy",
            "pandas",
            "pyyaml",
            "scikit-learn",
            "simpleitk",
        ),
        # Of intervals, which tables have; what is drawn asks for their limits alone.
        ("scipy",),
    ),
    "viewer": Environment(
        (
            "connected-components-3d",
            "imagecodecs",
            "jinja2",
            "numpy",
            "pandas",
            "scipy",
            "simpleitk",
        ),
        # Reads the labels of classifiers.
        ("pyyaml",),
    ),
}


def decisive_versions(environment: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return the versions that an environment's results depend on, as its file pins them."""
    return _pinned(environment, ENVIRONMENTS[environment].decisive, folder)


def prediction_versions(environment: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return the versions that predictions of an environment's networks depend on."""
    kind = ENVIRONMENTS[environment]
    return _pinned(environment, (*kind.decisive, *kind.predicting), folder)


def _pinned(environment: str, names: Iterable[str], folder: Path) -> dict[str, str]:
    wanted = {"python", *names}
    pinned = pinned_versions(folder / f"{environment}.yaml")
    return {name: version for name, version in pinned.items() if name in wanted}


def locked_packages(lock: str) -> dict[str, Requirement]:
    """Read the lines of a lock file, by the canonical names of the packages."""
    lines = (line for line in lock.splitlines() if line and not line.startswith("#"))
    found = map(Requirement, lines)
    return {canonicalize_name(one.name): one for one in found}


def needed(names: Iterable[str], locked: Mapping[str, Requirement]) -> set[str]:
    """Return packages with all that they need, by what the installed ones say of themselves.

    What the lock does not hold is left out: CUDA's libraries, which torch's own build pins.
    """
    found: set[tuple[str, str]] = set()
    waiting = {(name, "") for name in names}
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting |= {other for other in _requirements(*one) if other[0] in locked} - found
    return {name for name, _ in found}


def _requirements(name: str, extra: str) -> Iterator[tuple[str, str]]:
    """List what a package needs on `MACHINE`, alone or for an extra of it; each with its extras."""
    for requirement in map(Requirement, metadata.requires(name) or []):
        marker = requirement.marker
        if marker is None or marker.evaluate(MACHINE | {"extra": extra}):
            for wanted in ("", *requirement.extras):
                yield canonicalize_name(requirement.name), wanted


def environment_file(environment: Environment, locked: Mapping[str, Requirement]) -> str:
    """Write an environment's file: every package that pip installs, in the lock's version."""
    first = {*environment.decisive, *environment.predicting}
    rest = needed(environment.named, locked) - first
    return "\n".join(
        [
            f"{HEAD}  - python ={PYTHON}",
            "  - pip",
            "  - pip:",
            "      # Params of its rules: results depend on these.",
            *_pins(first, locked),
            "      # Everything else that it needs.",
            *_pins(rest, locked),
            "",
        ]
    )


def _pins(names: Iterable[str], locked: Mapping[str, Requirement]) -> Iterator[str]:
    for name in sorted(names):
        marker = locked[name].marker
        yield f"      - {name} {locked[name].specifier}{f'; {marker}' if marker else ''}"


def main() -> None:
    """Write all files of envs/."""
    locked = locked_packages(LOCK.read_text())
    for name, environment in ENVIRONMENTS.items():
        with whole_file(FOLDER / f"{name}.yaml") as beside:
            beside.write_text(environment_file(environment, locked))


if __name__ == "__main__":
    main()
