"""Two plans beside each other: that of weights of others, and that of this run.

Needs no nnU-Net. What is told here decides no weight, so that no training reads it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from livermet.contracts import TEXT, Column, Contract
from livermet.nnunet.pretrained import KEY, Described

TAKE_THE_PLAN = "set segmentation.nnunet.plans to 'pretrained', which takes the plan of the weights"
MOST_SHOWN = 50  # letters of a cell in a log
SAME, NOTED, WARNED, ANEW, REFUSED = "same", "no matter", "warning", "begun anew", "refused"
DIFFERENCES = Contract(
    files=("nnunet/preprocessed/*/pretrained.tsv",),
    row="what two plans are compared by: that of the weights of others, and that of this run",
    columns=(
        Column("property", TEXT, "what is compared"),
        Column("pretrained", TEXT, "as the weights were trained"),
        Column("here", TEXT, "as this run trains"),
        Column(
            "verdict",
            TEXT,
            "what follows: a warning where weights are usable and see other images than before; "
            "'begun anew' of segmentation layers; 'refused' where the networks are not the same",
            words=(SAME, NOTED, WARNED, ANEW, REFUSED),
        ),
    ),
    key=("property",),
)


def compare(theirs: Described, ours: Described) -> pd.DataFrame:
    """Set two plans beside each other: `DIFFERENCES`."""
    rows = [
        ("configuration", theirs.name, ours.name, NOTED),
        *((name, *_pair(theirs, ours, of), REFUSED) for name, of in ARCHITECTURE.items()),
        ("other parts of the network", *_rest(theirs, ours), REFUSED),
        ("patch, voxels (z, y, x)", *_pair(theirs, ours, _patch), NOTED),
        *((name, *_pair(theirs, ours, of), WARNED) for name, of in IMAGES.items()),
        ("classes", *_pair(theirs, ours, _classes), ANEW),
        ("labels", *_pair(theirs, ours, _labels), WARNED),
    ]
    told = [
        (name, there, here, SAME if there == here else verdict)
        for name, there, here, verdict in rows
    ]
    table = pd.DataFrame(told, columns=DIFFERENCES.names)
    if (table["verdict"] == ANEW).any():
        # Layers that are begun anew know no labels.
        table["verdict"] = table["verdict"].mask(
            table["property"].eq("labels") & table["verdict"].eq(WARNED), NOTED
        )
    return table


def refusals(differences: pd.DataFrame) -> list[str]:
    """Say, in one sentence, why weights cannot be used; nothing where they can."""
    refused = differences[differences["verdict"] == REFUSED]
    if refused.empty:
        return []
    told = "; ".join(f"{r.property}: {r.pretrained}, here {r.here}" for r in refused.itertuples())
    remedy = TAKE_THE_PLAN
    if "input channels" in set(refused["property"]):
        remedy = "take weights of a network that sees one channel, a CT"
    return [
        f"The weights that '{KEY}' names are those of another network ({told}): {remedy}, or set "
        "that key to null."
    ]


def cautions(differences: pd.DataFrame) -> list[str]:
    """Say what is allowed and matters, a sentence each."""
    told = {WARNED: "the weights have learnt otherwise", ANEW: "segmentation layers begin anew"}
    return [
        f"{row.property}: {row.pretrained} where '{KEY}' was trained, here {row.here}: "
        f"{told[row.verdict]}"
        for row in differences.itertuples()
        if row.verdict in told
    ]


def as_lines(differences: pd.DataFrame) -> list[str]:
    """Lay a comparison out for a log, a line a row; what is long is cut."""
    table = differences[["property", "verdict", "pretrained", "here"]].astype(str)
    rows = [[_cut(cell) for cell in row] for row in [list(table), *table.to_numpy().tolist()]]
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


def _pair(theirs: Described, ours: Described, of) -> tuple[str, str]:
    return of(theirs), of(ours)


def _network(one: Described) -> Mapping[str, Any]:
    return one.configuration["architecture"]["arch_kwargs"]


def _class(one: Described) -> str:
    return one.configuration["architecture"]["network_class_name"].rpartition(".")[2]


def _channels(one: Described) -> str:
    return str(len(one.description.get("channel_names", one.description.get("modality", {}))))


def _listed(values: Iterable[Any]) -> str:
    """Write a list of numbers or of lists of numbers: '32 64 128', '1x3x3 3x3x3'."""
    return " ".join(
        "x".join(f"{v:g}" for v in one) if isinstance(one, list | tuple) else f"{one:g}"
        for one in values
    )


def _per_stage(*keys: str):
    def of(one: Described) -> str:
        value: Any = next((_network(one)[key] for key in keys if key in _network(one)), [])
        stages = int(_network(one)["n_stages"])
        # Plans may give one number for all stages.
        return _listed([value] * stages if isinstance(value, int) else value)

    return of


# What stands in rows of its own.
_SHOWN = frozenset(
    {
        "n_stages",
        "features_per_stage",
        "strides",
        "kernel_sizes",
        "n_conv_per_stage",
        "n_blocks_per_stage",
        "n_conv_per_stage_decoder",
    }
)


def _rest(theirs: Described, ours: Described) -> tuple[str, str]:
    """Name what else differs of two networks: activations, norms, biases."""
    there, here = _network(theirs), _network(ours)
    keys = sorted((there.keys() | here.keys()) - _SHOWN)
    differing = [key for key in keys if there.get(key) != here.get(key)]
    told = [", ".join(f"{key} {one.get(key)}" for key in differing) for one in (there, here)]
    return told[0] or "the same", told[1] or "the same"


ARCHITECTURE = {
    "network": _class,
    "input channels": _channels,
    "stages": lambda one: str(_network(one)["n_stages"]),
    "features": _per_stage("features_per_stage"),
    "strides": _per_stage("strides"),
    "kernels": _per_stage("kernel_sizes"),
    "convolutions or blocks": _per_stage("n_conv_per_stage", "n_blocks_per_stage"),
    "convolutions of the decoder": _per_stage("n_conv_per_stage_decoder"),
}


def _patch(one: Described) -> str:
    return _listed([list(one.configuration["patch_size"])])


def _normalization(one: Described) -> str:
    schemes = one.configuration["normalization_schemes"]
    known = one.plan.get("foreground_intensity_properties_per_channel", {})
    told = []
    for channel, scheme in enumerate(schemes):
        facts = known.get(str(channel), {}) if scheme == "CTNormalization" else {}
        of_plan = [f"{facts[k]:.4g}" for k in CT_INTENSITIES if k in facts]
        told.append(f"{scheme} ({' '.join(of_plan)})" if of_plan else scheme)
    return ", ".join(told)


# What nnU-Net's CTNormalization clips at and scales by, in HU.
CT_INTENSITIES = ("percentile_00_5", "percentile_99_5", "mean", "std")
IMAGES = {
    "spacing, mm (z, y, x)": lambda one: _listed([list(one.configuration["spacing"])]),
    "normalisation": _normalization,
    "order of axes": lambda one: _listed(one.plan.get("transpose_forward", [0, 1, 2])),
}


def _values(one: Described) -> dict[str, Any]:
    labels = one.description["labels"]
    return {name: value for name, value in labels.items() if name != "ignore"}


def _classes(one: Described) -> str:
    """Count the logits: of labels, or of regions, which nnU-Net gives a logit each."""
    values = _values(one)
    regions = any(isinstance(v, list | tuple) and len(v) > 1 for v in values.values())
    return f"{len(values) - 1} regions" if regions else str(len(values))


def _labels(one: Described) -> str:
    values = sorted(_values(one).items(), key=lambda item: str(item[1]))
    return ", ".join(f"{value} {name}" for name, value in values)
