"""Dry runs in forked children of a process that has imported Snakemake: a second each, not four.

A planner is a process of its own, so that no child inherits what pytest has imported. Every child
imports livermet anew, from beside the Snakefile that it is given.
"""

import json
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

SCRIPTS = Path(__file__).parents[1] / "workflow" / "scripts"


class Planner:
    """One process that plans, one dry run at a time."""

    def __init__(self):
        self.server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def plan(self, options: Sequence[str], folder: Path, **variables: str) -> CompletedProcess:
        """Dry-run in a folder; options are snakemake's, variables are added to the environment."""
        with TemporaryDirectory() as made:
            said = [str(Path(made, name)) for name in ("stdout", "stderr", "parsed")]
            request = {
                "arguments": ["--dry-run", "--nolock", *options],
                "folder": str(folder),
                "variables": dict(os.environ) | variables,
                "said": said,
            }
            self.server.stdin.write(json.dumps(request) + "\n")
            self.server.stdin.flush()
            code = int(self.server.stdout.readline())
            stdout, stderr = (Path(path).read_text() for path in said[:2])
        return CompletedProcess(request["arguments"], code, stdout, stderr)

    def close(self) -> None:
        """End the process."""
        self.server.stdin.close()
        self.server.wait()
        self.server.stdout.close()


@cache
def planner(number: int = 0) -> Planner:
    """Return a planner that all tests share, started when it is first asked for."""
    return Planner()


# What Snakemake has made of each Snakefile's text; children leave what is new to their parent.
PARSED: dict[tuple[str, int], tuple] = {}


def serve() -> None:
    """Answer each request on a line of standard input with the exit status of its dry run."""
    _import_once()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _run(**request)
        _, status = os.waitpid(child, 0)
        parsed = Path(request["said"][2])
        if parsed.exists():
            PARSED.update(pickle.loads(parsed.read_bytes()))
        print(os.waitstatus_to_exitcode(status), flush=True)


def _parse_once() -> None:
    """Let Snakemake parse no text again that it has parsed: a fifth of a dry run's time."""
    from snakemake import workflow

    parse = workflow.parse

    def known(snakefile, of_workflow, linemap, rulecount):
        text = Path(snakefile.get_path_or_uri(secret_free=False)).read_text()
        if (text, rulecount) not in PARSED:
            code = parse(snakefile, of_workflow, linemap=linemap, rulecount=rulecount)
            PARSED[text, rulecount] = (*code, dict(linemap))
        *code, lines = PARSED[text, rulecount]
        linemap.update(lines)
        return code

    workflow.parse = known


def _import_once() -> None:
    """Import what every dry run imports, but of this project nothing stays: it may be a copy."""
    import importlib

    sys.path.insert(0, str(SCRIPTS))
    needed = ["study", "config.keys", "config.loading", "nnunet.layout", "report.exhibits"]
    for name in ("snakemake.cli", "snakemake.report.html_reporter", "pandas", "yte"):
        importlib.import_module(name)
    for name in needed:
        importlib.import_module(f"livermet.{name}")
    _parse_once()
    sys.path.remove(str(SCRIPTS))
    for name in [name for name in sys.modules if name.partition(".")[0] == "livermet"]:
        del sys.modules[name]


def _run(arguments: list[str], folder: str, variables: dict[str, str], said: list[str]) -> None:
    code = 1
    try:
        known = len(PARSED)
        for number, path in enumerate([os.devnull, *said[:2]]):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        code = _exit_status(arguments)
        if len(PARSED) > known:
            Path(said[2]).write_bytes(pickle.dumps(PARSED))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Nothing that the parent has opened is closed here.
        os._exit(code)


def _exit_status(arguments: list[str]) -> int:
    from snakemake.cli import main

    # Profiles and rules look at the words of the command.
    sys.argv[1:] = arguments

    try:
        main(arguments)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return int(ended.code) if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    serve()
