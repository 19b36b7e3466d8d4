"""The networks and classifiers that a run may have: their names, and what follows from a name.

`models.yaml` lists them; what builds each stands in `monai.architectures` and
`phenotype.classifiers`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from livermet.vocabulary import Protocol


@dataclass(frozen=True)
class Network:
    """A network that segments.

    `family` is 'monai' (one split: the ledger's fold 0 validates) or 'nnunet' (a network a fold,
    each of which scores the patients that it has not seen). `training_set` is its key of the
    config's `training_sets`; `finetuned_from` names the network that its training goes on from;
    `dataset` is nnU-Net's number for its training set; `published` says whether the article has it.
    `label` and `style` (colour, line, marker) are for readers.
    """

    label: str
    family: str
    style: list[Any]
    dataset: int | None = None
    training_set: str = "base"
    finetuned_from: str | None = None
    published: bool = False


@dataclass(frozen=True)
class Classifier:
    """A classifier of the phenotype; `published` says whether the article has it."""

    label: str
    published: bool = False


LABELS_AND_STYLES = Path(__file__).with_suffix(".yaml")
_LISTED = yaml.safe_load(LABELS_AND_STYLES.read_text())
NETWORKS = {name: Network(**facts) for name, facts in _LISTED["networks"].items()}
CLASSIFIERS = {name: Classifier(**facts) for name, facts in _LISTED["classifiers"].items()}


def networks_of(family: str) -> tuple[str, ...]:
    """Name the networks of a family, in the order of the list."""
    return tuple(name for name, network in NETWORKS.items() if network.family == family)


def published_networks() -> tuple[str, ...]:
    """Name the networks that the article has, in the order of the list."""
    return tuple(name for name, network in NETWORKS.items() if network.published)


def classifiers_of(protocol: str) -> tuple[str, ...]:
    """Name the classifiers of a protocol, in the order of the list."""
    return tuple(
        name for name, one in CLASSIFIERS.items() if one.published or protocol != Protocol.PUBLISHED
    )


def training_role(network: str) -> str:
    """Name the training set of a network: a key of the config's `training_sets`."""
    return NETWORKS[network].training_set


def lineage(network: str) -> tuple[str, ...]:
    """Name a network and those that its training began from, itself last."""
    base = NETWORKS[network].finetuned_from
    return (*lineage(base), network) if base else (network,)
