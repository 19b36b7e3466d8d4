"""Records: what each result was made from, kept beside the results, and what follows for a plan.

Every job ends by writing a record, `results/<run>/records/` and then the path of its log: the
job's code, its params, and the checksums of what it read and wrote. A result is as it should be if
its record says what would be said of it now; neither times nor Snakemake's own metadata are asked.
Records hold no time, no host and no path outside of the run, so that equal results have equal
records and both can be copied together.

Reading every file before every plan would take hours. What each file's size and times were when
its checksum was taken is therefore kept in `.snakemake/livermet/`, for this machine alone: a file
with other times is read again, so that a touched or copied file counts as what it holds.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from typing import Any

from livermet.files import write_json
from livermet.listing import list_files
from livermet.provenance.code import KNOWN_LOGIC, Logic, file_checksum

HINTS = Path(".snakemake/livermet")
VERIFIED = HINTS / "verified.json"
LOGIC = HINTS / "logic.json"
# The param that names what a job makes series by series.
BY_SERIES = "by_series"
# The params that name all that decides a network's weights, and what was planned for it. They alone
# make a network what it is: that its cases have changed since is told, and trains nothing.
NETWORK, PLANNING = "network", "planning"
# The param of jobs that make phantoms in the place of raw data, which anyone may then change.
RAW = "raw"
FROZEN = frozenset({NETWORK, PLANNING})
MOST_CHANGES, MOST_SHOWN = 6, 60


@dataclass(frozen=True)
class Record:
    """What a job was: code, params, files read, and files written (path: checksum).

    A file read is a path, its series and a checksum, in the order of the job's inputs. Paths begin
    at the run's folder, so that it can be renamed; a file outside of it has none. The series is
    that of a raw file of a job that works series by series, otherwise empty.
    """

    code: str
    params: dict[str, Any]
    inputs: list[list[str | None]]
    outputs: dict[str, str | None]


def plain(value: Any) -> Any:
    """Return params as JSON would hold them: tuples as lists, keys and what JSON lacks as text."""
    return json.loads(json.dumps(value, default=str))


def record_path(log: str | Path) -> Path:
    """Return the place of a job's record by its log, `results/<run>/logs/` and a name."""
    results, run, _, *name = Path(log).parts
    return Path(results, run, "records", *name).with_suffix(".json")


def path_in_run(record: str | Path, path: str) -> str:
    """Return a path from the folder of a record's run on; empty for one outside of it."""
    run, parts = Path(record).parts[:2], Path(path).parts
    return "/".join(parts[2:]) if parts[:2] == run else ""


def files_and_series(
    inputs: Iterable[tuple[str, str | Sequence[str]]], by_series: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """List a job's inputs, each with the series whose it is, where that has to be told.

    `inputs` are names and files. A job that works series by series says of each series which named
    inputs it has a file of, as {series: {name: true}}; those files stand in the order of these
    series. Two files of a batch that were exchanged would else pass for the same files.
    """
    listed: list[tuple[str, str]] = []
    for name, value in inputs:
        files = [value] if isinstance(value, str) else value
        owners = [s for s, has in by_series.items() if isinstance(has, dict) and has.get(name)]
        listed += zip(map(str, files), owners or [""] * len(files), strict=True)
    return listed


def read_record(path: str | Path) -> Record | None:
    """Read a record; None where there is none, or none that can be read."""
    try:
        return Record(**json.loads(Path(path).read_text()))
    except (FileNotFoundError, TypeError, ValueError):
        return None


def write_record(record: Record, path: str | Path) -> None:
    """Write a record, whole or not at all."""
    write_json(asdict(record), path)


def stamp_of(path: str | Path) -> str | None:
    """Return a file's size and times, or a digest of those of a folder's files; None: not there.

    The time of the last change of the inode is among them: no program can set it back, so that a
    file overwritten under its old time is read again.
    """
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        return None
    if not os.path.isdir(path):
        return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"
    return _digest_of((name, str(stamp_of(file))) for name, file in _files_below(path))


def checksum_of(path: str | Path) -> str | None:
    """Return the SHA-256 of a file, or one made of the names and contents of a folder's files."""
    if os.path.isdir(path):
        return _digest_of((name, _content_of(file)) for name, file in _files_below(path))
    return file_checksum(path) if os.path.exists(path) else None


def _files_below(folder: str | Path) -> Iterable[tuple[str, Path]]:
    """List what ingest reads below a folder too: links to folders are followed."""
    files = (path for path in list_files(folder).files if path.is_file())
    return sorted((str(path.relative_to(folder)), path) for path in files)


def _content_of(path: Path) -> str:
    """Return a file's checksum; ingest tells of a file that cannot be opened."""
    try:
        return file_checksum(path)
    except PermissionError:
        return "cannot be opened"


def _digest_of(rows: Iterable[tuple[str, str]]) -> str:
    # A file's name may hold bytes of another encoding than UTF-8; os.fsencode gives them back.
    lines = [os.fsencode(name) + b"\t" + fact.encode() for name, fact in rows]
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


class Checksums:
    """Checksums of files, read only where size or times are not those they were known with.

    Paths begin at `folder`, the one that snakemake runs in.
    """

    def __init__(self, folder: str | Path = ""):
        self.folder = folder
        # (path, stamp): checksum
        self.known: dict[tuple[str, str], str | None] = {}
        # path: [stamp, checksum], of the files that had to be read.
        self.read: dict[str, list[str | None]] = {}

    def learn(self, hints: Mapping[str, list[str]]) -> None:
        """Add what was known of some files when their job ended."""
        for path, (stamp, checksum) in hints.items():
            self.known[path, stamp] = checksum

    def of(self, path: str) -> str | None:
        """Return a file's checksum; None where it is not there."""
        place = os.path.join(self.folder, path)
        stamp = stamp_of(place)
        if stamp is None:
            return None
        if (path, stamp) not in self.known:
            self.known[path, stamp] = checksum_of(place)
            self.read[path] = [stamp, self.known[path, stamp]]
        return self.known[path, stamp]


def verified_checksums(paths: Iterable[str]) -> dict[str, str | None]:
    """Return the checksums of files, of which those alone are read that have other times."""
    verified, sums = read_hints(VERIFIED), Checksums()
    sums.learn(verified)
    found = {path: sums.of(path) for path in paths}
    if sums.read:
        write_json(verified | sums.read, VERIFIED)
    return found


def hints_path(record: str | Path) -> Path:
    """Return the place of the sizes and times of a job's files, by the place of its record."""
    return HINTS / record


def read_hints(path: str | Path) -> dict[str, list]:
    """Read what is kept for this machine alone; nothing where it is not there, or not whole."""
    try:
        return json.loads(Path(path).read_text())
    except (FileNotFoundError, ValueError):
        return {}


def recall_logic() -> None:
    """Take up what earlier processes found out about the code."""
    KNOWN_LOGIC.update({key: Logic(*values) for key, values in read_hints(LOGIC).items()})


def keep_logic() -> None:
    """Leave what this process has found out about the code to later ones."""
    kept = read_hints(LOGIC)
    found = {key: list(astuple(logic)) for key, logic in KNOWN_LOGIC.items() if key not in kept}
    if found:
        write_json(kept | found, LOGIC)


class Fault(Enum):
    """Why a job's results are not as they should be; the value is what a user reads."""

    UNKNOWN = "no record says how they were made"
    MISSING = "files are missing"
    ALTERED = "files are not as their job left them"
    CODE = "code has changed"
    PARAMS = "params have changed"
    INPUTS = "inputs have changed"


@dataclass(frozen=True)
class Input:
    """A file that a job reads: its path, its series, the record of the job that makes it.

    The series is that of `files_and_series`; `made_by` is None for raw data.
    """

    path: str
    series: str = ""
    made_by: Path | None = None


@dataclass
class Wanted:
    """A job of a plan: what its record would say. `log` is the job's, which names its record."""

    log: str
    code: str
    params: dict[str, Any]
    inputs: list[Input]
    outputs: list[str]
    record: Path = field(init=False)

    def __post_init__(self):
        self.record = record_path(self.log)
        self.params = plain(self.params)


@dataclass
class Finding:
    """What is wrong with a job's results, and where: files, or names of params."""

    fault: Fault
    names: list[str]


def faults(wanted: Wanted, records: Mapping[Path, Record | None], sums: Checksums) -> list[Finding]:
    """Say why a job has to run, as far as it does not follow from the jobs before it.

    `records` hold those of the job and of all jobs that make its inputs.
    """
    missing = [path for path in wanted.outputs if stamp_of(path) is None]
    if missing:
        return [Finding(Fault.MISSING, missing)]
    record = records[wanted.record]
    if record is None:
        return [Finding(Fault.UNKNOWN, wanted.outputs)]
    altered = [path for path in wanted.outputs if sums.of(path) != _written(record, wanted, path)]
    altered = [] if RAW in wanted.params else altered
    params = changed_params(record.params, wanted.params)
    inputs = _changed_inputs(wanted, record, records, sums)
    found = [
        Finding(Fault.ALTERED, altered),
        Finding(Fault.CODE, [] if record.code == wanted.code else [wanted.code]),
        Finding(Fault.PARAMS, params),
        Finding(Fault.INPUTS, inputs),
    ]
    return [finding for finding in found if finding.names]


def changed_params(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name the params that differ; of what is made series by series only what is still wanted."""
    names = sorted(set(old) | set(new))
    changed = [name for name in names if name != BY_SERIES and old.get(name) != new.get(name)]
    before = old.get(BY_SERIES, {})
    series = new.get(BY_SERIES, {})
    return changed + [name for name in sorted(series) if before.get(name) != series[name]]


def is_trained(params: Mapping[str, Any], log: str, outputs: Iterable[str]) -> bool:
    """Say whether a network, or what was planned for it, is there and was made of these params."""
    record = read_record(record_path(log))
    return (
        record is not None
        and not changed_params(record.params, plain(params))
        and all(os.path.exists(path) for path in outputs)
    )


def why_trained(record: Record | None, params: Mapping[str, Any], lost: list[str]) -> str:
    """Say why a network that has been trained before would be trained again, in a user's words.

    Empty where its record says what it should and its files are there.
    """
    if record is None:
        return Fault.UNKNOWN.value
    changes = list(_changes(record.params.get(NETWORK), params[NETWORK]))
    if lost and not changes:
        return f"{Fault.MISSING.value}: {', '.join(lost)}"
    more = len(changes) - MOST_CHANGES
    return "; ".join([*changes[:MOST_CHANGES], *([f"{more} more changes"] if more > 0 else [])])


def _changes(old: Any, new: Any, name: str = "") -> Iterable[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in changed_params(old, new):
            yield from _changes(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif ".code." in f".{name}":
        yield f"the code of {name.rpartition('.')[2]} has changed"
    else:
        yield f"{name} was {_short(old)}, is {_short(new)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _written(record: Record, wanted: Wanted, path: str) -> str | None:
    return record.outputs.get(path_in_run(wanted.record, path) or path)


def _changed_inputs(
    wanted: Wanted, record: Record, records: Mapping[Path, Record | None], sums: Checksums
) -> list[str]:
    now, made = [], set()
    for file in wanted.inputs:
        place = path_in_run(wanted.record, file.path) or file.path
        if file.made_by:
            maker = records[file.made_by]
            now.append((place, "", maker.outputs.get(place) if maker else None))
            made.add(place)
        else:
            # Raw data are known by their content alone: an archive may move.
            now.append(("", file.series, sums.of(file.path)))
    then = [
        (path, "", checksum) if path in made else ("", series, checksum)
        for path, series, checksum in record.inputs
    ]
    if (FROZEN | {BY_SERIES}) & wanted.params.keys():
        # A job that works series by series has lost nothing where a series is withdrawn, nor has a
        # network, which reads nothing once it is trained.
        known = set(then)
        kept, gone = [fact in known and fact[2] is not None for fact in now], []
    else:
        pairs = zip_longest(now, then)
        kept = [fact == before for fact, before in pairs][: len(now)]
        gone = [str(path) for path, _, _ in record.inputs[len(now) :]]
    changed = [file.path for file, same in zip(wanted.inputs, kept, strict=True) if not same]
    return changed + gone
