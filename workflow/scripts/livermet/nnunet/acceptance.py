"""Weights of others, held against the network that is planned before any GPU is asked for.

Apart from `planning`, whose code decides what networks learn from.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from livermet.errors import stop_on
from livermet.nnunet.comparison import as_lines, cautions, compare, refusals
from livermet.nnunet.layout import CONFIGURATION
from livermet.nnunet.planning import described
from livermet.nnunet.pretrained import Described
from livermet.nnunet.weights import fitting, read_pretrained

LOG = logging.getLogger("livermet")


def hold_against_plan(
    checkpoints: Sequence[str | Path], plan: dict, description: dict
) -> pd.DataFrame:
    """Hold checkpoints of others against the network of a plan; give the first one's `DIFFERENCES`.

    All are opened on the CPU, and the network is built without values. What differs and matters is
    logged. Raises InputError where a checkpoint cannot be opened, or is of another network.
    """
    ours = Described(CONFIGURATION, plan, plan["configurations"][CONFIGURATION], description)
    tables = []
    for checkpoint in checkpoints:
        opened = read_pretrained(checkpoint)
        tables.append(compare(described(opened), ours))
        LOG.info("weights of %s after %s epochs:", opened.trainer, opened.epochs)
        for line in as_lines(tables[-1]):
            LOG.info("%s", line)
        stop_on(refusals(tables[-1]))
        _, anew = fitting(opened.weights, shapes_of(ours))
        for sentence in cautions(tables[-1]):
            LOG.warning("%s", sentence)
        LOG.info("begun anew: %s", ", ".join(anew) or "nothing")
    return tables[0]


def shapes_of(planned: Described) -> dict[str, torch.Tensor]:
    """Return the weights that a network of a plan has, without values."""
    labels = PlansManager(dict(planned.plan)).get_label_manager(dict(planned.description))
    architecture = planned.configuration["architecture"]
    with torch.device("meta"):
        network = get_network_from_plans(
            architecture["network_class_name"],
            architecture["arch_kwargs"],
            architecture["_kw_requires_import"],
            len(planned.description["channel_names"]),
            labels.num_segmentation_heads,
            allow_init=False,
            deep_supervision=True,
        )
    return network.state_dict()
