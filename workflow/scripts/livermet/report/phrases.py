"""What captions and rules say of a run: templates, filled in from its settings.

`phrases.yaml` holds what several of them share; titles and captions stand with their exhibits.
"""

from collections.abc import Mapping
from pathlib import Path

import jinja2
import yaml

from livermet.models import networks_of
from livermet.report import words

PHRASES = yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text())
MONAI_MODELS = networks_of("monai")
# The page escapes what it shows.
_TEMPLATES = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)
_TEMPLATES.filters |= {
    "counted": words.counted,
    "model": words.model,
    "rule": words.rule,
    "weighting": lambda name: words.value("weighting", name),
}
_TEMPLATES.globals |= {"monai_models": MONAI_MODELS}


def fill(template: str, named: Mapping) -> str:
    """Fill a template in; a line's end or several blanks become one blank."""
    return " ".join(_TEMPLATES.from_string(template).render(**named).split())


def phrases_of(settings: Mapping) -> dict:
    """Return the settings and, by name, every phrase that captions and rules share.

    `settings`: source, target, name, entry (scans, masks or table), final_model, folds,
    connectivity, minimum_lesion_voxels, matching (the rule of table 3), surface_tolerance_mm,
    draws, window_days, positive_above, thresholds (by sample type), scoring (method, or None where
    scores are given), protocols, aggregation (phenotype.aggregation, or 'table'
    for a finished one), published_weights (printed or searched), harmonisation (by,
    thin_up_to_mm), pretrained (whether nnU-Net began from weights of others), weightings.
    """
    named = dict(settings)
    for name, phrase in PHRASES.items():
        named[name] = _say(phrase, named)
    return named


def _say(phrase: str | Mapping, named: Mapping) -> str:
    if isinstance(phrase, str):
        return fill(phrase, named)
    value = named[phrase["by"]]
    if isinstance(value, str):
        return fill(phrase[value if value in phrase else "otherwise"], named)
    told = [fill(phrase[name], named) for name in value]
    return phrase.get("join", " ").join(told)
