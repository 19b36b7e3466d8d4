"""Pages of new patients from their templates: files that need no other to be read."""

from collections.abc import Mapping
from typing import Any

import jinja2

from livermet.patients.texts import FOLDERS

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDERS),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
PATIENT, INDEX = "patient.html", "index.html"


def render(content: Mapping[str, Any], template: str) -> str:
    """Fill a template in; all text is escaped, and the same content gives the same page."""
    return TEMPLATES.get_template(template).render(**content)
