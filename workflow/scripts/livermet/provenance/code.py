"""What a result depends on: its code, the versions that it was computed with, its files."""

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

PACKAGE = Path(__file__).parents[1]


# What reads and writes files, logs and errors, what saves and resumes a training, and what follows
# a result's origin: no number depends on it.
WITHOUT_NUMBERS = frozenset(
    {
        "checkpoints",
        "contracts",
        "controller",
        "device",
        "errors",
        "faults",
        "files",
        "interruption",
        "jobs",
        "provenance.code",
        "provenance.journal",
        "provenance.records",
        "tables",
    }
)
# Modules that hold definitions alone, which many stages share: of them count the names that are
# imported, with all that these use. A new word for readers would else train networks again.
DEFINITIONS = frozenset({"models", "vocabulary"})
LOGS = frozenset({"LOG", "log", "logger"})
# A string with so many blanks is a sentence for a reader, and no name or key.
BLANKS_OF_SENTENCE = 3


@dataclass(frozen=True)
class Logic:
    """What counts of a Python file: digests with and without sentences; what it may import."""

    spoken: str
    silent: str
    imports: list[str]


# Logic by the content of a file, so that files of the same content are taken apart once; it can be
# kept between processes.
KNOWN_LOGIC: dict[str, Logic] = {}


def script_hash(script: str | Path, sentences: bool = True) -> str:
    """Hash the logic of a rule's script and of every livermet module that it imports.

    The hash is taken over the syntax trees without docstrings, comments, positions, errors'
    sentences and log lines, so that it changes with the logic only. Without `sentences`, strings of
    several words are left out wherever they stand: none decides a network's weights. Modules that
    decide no number (`WITHOUT_NUMBERS`) are left out; of shared definitions (`DEFINITIONS`) those
    count that are used.
    """
    logic = _logic(Path(script))
    return _digest({"": logic} | _imported(logic), sentences)


def _imported(logic: Logic) -> dict[str, Logic]:
    found: dict[str, Logic] = {}
    waiting = set(logic.imports)
    while waiting:
        name = waiting.pop()
        module, _, _ = name.rpartition(".")
        if name in found or name in WITHOUT_NUMBERS:
            continue
        if module in DEFINITIONS:
            found[name] = _logic(_source_of(module), name)
            waiting.update(found[name].imports)
        elif _is_module(name):
            found[name] = _logic(_source_of(name))
            # A subpackage's own file runs before each of its modules.
            waiting |= {*found[name].imports, module} - {""}
    return found


def _digest(logic: Mapping[str, Logic], sentences: bool) -> str:
    parts = [f"{name} {one.spoken if sentences else one.silent}" for name, one in logic.items()]
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


@cache
def _logic(path: Path, definition: str = "") -> Logic:
    """Take a file apart, or of a module of definitions one of them: `models.NETWORKS`."""
    content = path.read_bytes()
    key = hashlib.sha256(_way_of_reading() + f"{definition}\n".encode() + content).hexdigest()
    if key not in KNOWN_LOGIC:
        tree = ast.parse(content)
        behind: set[str] = set()
        if definition:
            tree, behind = _defined(tree, *definition.rsplit(".", 1))
        imports = sorted(behind | set(_own_imports(tree)))
        spoken, silent = (
            hashlib.sha256(ast.dump(cast(ast.AST, _strip(tree, sentences))).encode()).hexdigest()
            # The second takes away from what the first has left.
            for sentences in (True, False)
        )
        KNOWN_LOGIC[key] = Logic(spoken, silent, imports)
    return KNOWN_LOGIC[key]


def _defined(tree: ast.Module, module: str, name: str) -> tuple[ast.Module, set[str]]:
    """Return the statements of a module that a name hangs on, and the other names behind them.

    What binds no name may change any of them, and counts for all. A name that is bound nowhere, or
    within a condition, stands for the whole module.
    """
    bound = [(statement, _names_bound(statement)) for statement in tree.body]
    known = {one for _, names in bound for one in names}
    if name not in known:
        return tree, set()
    own = [statement for statement, names in bound if name in names or not names]
    behind = (_names_in(own) & known) - {name}
    return ast.Module(own, []), {f"{module}.{one}" for one in behind}


def _names_bound(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(one.asname or one.name).partition(".")[0] for one in names}
        case ast.Assign(targets=targets):
            return _names_in(targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return _names_in([target])
    return set()


def _names_in(parts: Iterable[ast.AST]) -> set[str]:
    return {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)}


@cache
def _way_of_reading() -> bytes:
    """Return what changes a digest beside a file's content: this file, Python's syntax trees."""
    return Path(__file__).read_bytes() + sys.version.encode()


@cache
def _is_module(name: str) -> bool:
    try:
        _source_of(name)
    except KeyError:
        return False
    return True


def _strip(node: ast.AST, sentences: bool) -> ast.AST | None:
    """Leave of a syntax tree what a result can depend on; None where that is nothing."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))) if name in LOGS:
            return None
        case ast.Raise(exc=ast.Call(func=error)):
            node.exc = error
        # What a table promises: the columns' names and order may matter, its words and limits not.
        case ast.Call(func=ast.Name(id="Column"), args=[name, *_]):
            node.args, node.keywords = [name], _named(node, "family")
        case ast.Call(func=ast.Name(id="Contract")):
            node.keywords = _named(node, "columns")
        case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
        case ast.Constant(value=str(text)) if not sentences and _is_sentence(text):
            return ast.Constant("")
        case ast.JoinedStr(values=parts) if not sentences:
            texts = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
            if _is_sentence("".join(texts)):
                return ast.Constant("")
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            setattr(node, name, _strip(value, sentences))
        elif isinstance(value, list):
            kept = [_strip(v, sentences) if isinstance(v, ast.AST) else v for v in value]
            setattr(node, name, [v for v in kept if v is not None or None in value])
    return node


def _named(call: ast.Call, name: str) -> list[ast.keyword]:
    return [keyword for keyword in call.keywords if keyword.arg == name]


def _is_sentence(text: str) -> bool:
    return text.count(" ") >= BLANKS_OF_SENTENCE


def _source_of(name: str) -> Path:
    stem = PACKAGE.joinpath(*name.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.exists():
            return path
    raise KeyError(f"livermet has no module '{name}'")


def _own_imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            package, *base = (node.module or "").split(".")
            if package != "livermet":
                continue
            for alias in node.names:
                if ".".join(base) in DEFINITIONS:
                    yield f"{base[0]}.{alias.name}"
                    continue
                # `from livermet.a import b` imports module a.b where there is one, and a.
                yield from (".".join(parts) for parts in (base, [*base, alias.name]) if parts)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("livermet."):
                    yield alias.name.removeprefix("livermet.")


def pinned_versions(environment: Path) -> dict[str, str]:
    """Read the exact versions that a conda environment file pins, conda and pip packages alike."""
    pin = r"^\s*-\s+([\w.-]+)\s*={1,2}\s*([\w.+!]+)\s*(?:;.*)?$"
    pins = re.findall(pin, environment.read_text(), re.M)
    return {name.lower(): version for name, version in pins}


def file_checksum(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
