"""What is written of the config's keys: the defaults, the schema for editors, the tables of a page.

`make config` writes the three anew.
"""

import json
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from pydantic.json_schema import PydanticJsonSchemaWarning

from livermet.config.keys import NOT_SET, Config, Keys
from livermet.config.loading import PROJECT
from livermet.files import whole_file

FOLDER = PROJECT / "config"
WIDTH = 100
# Sections with a table of their own.
STAGES = ("segmentation", "detection", "radiomics", "phenotype", "viewer", "export")
BEGIN, END = "<!-- keys: written by livermet.config.written -->", "<!-- end of keys -->"
HEADS = {
    "defaults": "The full study, and the defaults of every other config, which is laid over this "
    "file. Written from livermet/config/keys.py, as the tables of config/README.md are: `make "
    "config`.",
    "schema": "Of a config, whole or in part: it asks for no key. Written from "
    "livermet/config/keys.py: `make config`.",
}


def defaults_file() -> str:
    """Write config.yaml: every key with its default, what it takes and why."""
    return "\n".join([*_comment(HEADS["defaults"], 0), *_lines(Config(), 0)]) + "\n"


def schema_file() -> str:
    """Write the JSON schema (draft 2020-12) of a config, as YAML."""
    with warnings.catch_warnings():
        # A key that a library's own default stands for has none of ours.
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **Config.model_json_schema(),
        }
    # Through JSON, so that no alias joins what two keys share.
    plain = yaml.safe_dump(json.loads(json.dumps(schema)), sort_keys=False, width=WIDTH)
    return "\n".join(_comment(HEADS["schema"], 0)) + "\n" + plain


def key_tables() -> str:
    """Write the tables of config/README.md: one of the study, one a stage."""
    config = Config()
    parts = ["\n".join(_table(config, "", [name for name, _ in config if name not in STAGES]))]
    for name in STAGES:
        stage = getattr(config, name)
        names = [key for key, _ in stage]
        parts.append(f"### {name}\n\n" + "\n".join(_table(stage, f"{name}.", names)))
    return "\n\n".join(parts)


def page(old: str) -> str:
    """Put the tables of keys into config/README.md, between the two lines that mark their place."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{key_tables()}\n\n{END}{after}"


def _lines(keys: Keys, depth: int) -> Iterator[str]:
    """Write the keys of a section, those that are not set left out."""
    indent = "  " * depth
    for name, field in type(keys).model_fields.items():
        value = getattr(keys, name)
        if value is NOT_SET:
            continue
        if depth == 0 and name in STAGES:
            yield ""
        if isinstance(value, Keys) and not _is_row(field):
            yield from _comment((type(value).__doc__ or "").split("\n\n")[0], depth)
            inner = list(_lines(value, depth + 1))
            yield from [f"{indent}{name}:", *inner] if inner else [f"{indent}{name}: {{}}"]
            continue
        yield from _comment(_told(field), depth)
        yield f"{indent}{name}: {_flow(value)}"


def _is_row(field: FieldInfo) -> bool:
    """Tell whether a section is one row of a table: all of it is given at once, as of a job."""
    return isinstance(field.default, Keys)


def _told(field: FieldInfo) -> str:
    reason = _why(field)
    return f"{field.description}{f' ({reason})' if reason else ''}"


def _why(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("why", "")) if isinstance(extra, dict) else ""


def _comment(text: str, depth: int) -> list[str]:
    start = "  " * depth + "# "
    return textwrap.wrap(
        " ".join(text.split()), WIDTH, initial_indent=start, subsequent_indent=start
    )


def _flow(value: Any) -> str:
    """Write a value in one line of YAML."""
    if isinstance(value, Keys):
        value = value.model_dump()
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _table(keys: Keys, prefix: str, names: list[str]) -> Iterator[str]:
    yield "| key | what it takes | the default, and why |"
    yield "|---|---|---|"
    for name in names:
        yield from _rows(keys, prefix, name)


def _rows(keys: Keys, prefix: str, name: str) -> Iterator[str]:
    field, value = type(keys).model_fields[name], getattr(keys, name)
    if isinstance(value, Keys) and not _is_row(field):
        for inner in type(value).model_fields:
            yield from _rows(value, f"{prefix}{name}.", inner)
        return
    default = "not set" if value is NOT_SET else f"`{_flow(value)}`"
    reason = _why(field)
    told = f"{default}: {reason}" if reason else default
    yield f"| {prefix}{name} | {field.description} | {told} |"


def main() -> None:
    """Write the three files."""
    readme = FOLDER / "README.md"
    written = {
        FOLDER / "config.yaml": defaults_file(),
        FOLDER / "schemas" / "config.schema.yaml": schema_file(),
        readme: page(readme.read_text()),
    }
    for path, text in written.items():
        with whole_file(path) as beside:
            beside.write_text(text)


if __name__ == "__main__":
    main()
