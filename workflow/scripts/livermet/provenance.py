"""What a result depends on: its code, the versions it was computed with, its files."""

import ast
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def code_hash(*modules: str) -> str:
    """Hash the logic of livermet modules and of every livermet module that they import.

    The hash is taken over the syntax tree without docstrings, comments and positions, so that it
    changes with the logic only. A name is a module or subpackage below `livermet`
    ('detection', 'nnunet.training'); a subpackage's own file counts with each of its modules.
    What only writes files, logs and errors (files, jobs, errors) need not be named: it decides no
    number. Raises KeyError for a name that is neither.
    """
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(_module_facts(name)[1])
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(f"{name}\n{_module_facts(name)[0]}\n".encode())
    return digest.hexdigest()[:12]


@cache
def _module_facts(name: str) -> tuple[str, tuple[str, ...]]:
    tree = ast.parse(_source_of(name).read_text())
    parents = {name.rpartition(".")[0]} - {""}
    imports = tuple(sorted((set(_own_imports(tree)) | parents) - {name}))
    return ast.dump(_without_docstrings(tree)), imports


def _source_of(name: str) -> Path:
    stem = PACKAGE.joinpath(*name.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.exists():
            return path
    raise KeyError(f"livermet has no module '{name}'")


def _own_imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "livermet":
            base = node.module.split(".")[1:]
            for alias in node.names:
                # `from livermet.a import b` imports module a.b where there is one, and a.
                for parts in (base, [*base, alias.name]):
                    if parts and _is_module(".".join(parts)):
                        yield ".".join(parts)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("livermet."):
                    yield alias.name.removeprefix("livermet.")


def all_modules() -> list[str]:
    """Name every module and subpackage of livermet, sorted."""
    paths = PACKAGE.rglob("*.py")
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths}
    return sorted({name.removesuffix(".__init__") for name in names} - {"__init__"})


def _is_module(name: str) -> bool:
    try:
        _source_of(name)
    except KeyError:
        return False
    return True


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree


def pinned_versions(environment: Path) -> dict[str, str]:
    """Read the exact versions that a conda environment file pins, conda and pip packages alike."""
    pins = re.findall(r"^\s*-\s+([\w.-]+)\s*={1,2}\s*([\w.+!]+)\s*$", environment.read_text(), re.M)
    return {name.lower(): version for name, version in pins}


def listing_digest(folder: Path) -> str:
    """Digest a DICOM folder's listing: name, size and time of every file below it.

    Snakemake sees a folder's own time only, so a slice overwritten in place would go unnoticed.
    """
    rows = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        facts = path.stat()
        rows.append(f"{path.relative_to(folder)}\t{facts.st_size}\t{facts.st_mtime_ns}")
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def file_checksum(path: str | Path) -> str:
    """Give the SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
