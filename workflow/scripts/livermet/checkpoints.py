"""Checkpoints of a training that may be killed at any moment.

A folder holds the newest two checkpoints of a training, each in a file named by its iteration, and
`resume.json`, which says of both what they hold, with their checksums, and what the training
started from. A checkpoint is first written whole and onto the disk, then recorded, and only then
is the third newest deleted: whatever moment a kill comes at, the record names files that are whole.

None of these files is a declared output, so that Snakemake leaves them where a job has failed. The
last checkpoint of a finished training stays as well (a hard link, which takes no room), until a job
that uses the network has begun: before that, Snakemake would delete the network of a job that was
killed between its last file and its end.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from livermet.durations import in_words
from livermet.errors import InputError
from livermet.files import onto_disk, remove_parts, whole_file
from livermet.provenance.code import file_checksum

LOG = logging.getLogger("livermet")
RECORD = "resume.json"
GENERATIONS = 2


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: its file, the epochs and iterations that were done, its SHA-256."""

    file: str
    epoch: int
    iteration: int
    sha256: str


@dataclass
class Resumption:
    """What `resume.json` holds.

    `origin` maps each part that decides the weights to a digest; `epochs` are those planned;
    `checkpoints` are the newest first; `resumed` are the iterations that a later job went on from;
    `extended` are changes of the number of epochs, as [iteration, before, after]; `seconds` is the
    time that the training took so far.
    """

    origin: dict[str, str] = field(default_factory=dict)
    epochs: int = 0
    checkpoints: list[Checkpoint] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    extended: list[list[int]] = field(default_factory=list)
    seconds: float = 0.0


def digests(**parts: Any) -> dict[str, str]:
    """Return a digest of each part of what a training starts from."""
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
        for name, part in parts.items()
    }


class Checkpoints:
    """The checkpoints of one training in a folder.

    `origin` is what `digests` gives of all that decides the weights but the number of epochs;
    `ending` is that of the files (`.pth`). `older` names files that earlier versions or nnU-Net
    leave in the folder, which are moved aside with refused checkpoints.
    """

    def __init__(
        self,
        folder: str | Path,
        origin: Mapping[str, str],
        epochs: int,
        ending: str,
        older: tuple[str, ...] = (),
    ):
        self.folder, self.ending, self.older = Path(folder), ending, older
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_parts()
        self.state = self._taken_up(dict(origin), epochs)

    def newest(self) -> tuple[Path, Checkpoint] | None:
        """Return the newest whole checkpoint and what it holds; None where none was recorded.

        One that is not whole is passed over with a warning. Raises InputError where a recorded file
        is not there, and where none is whole: a training never begins anew without a word.
        """
        for checkpoint in self.state.checkpoints:
            path = self.folder / checkpoint.file
            if not path.exists():
                raise InputError(
                    f"{self.folder / RECORD} records a checkpoint of epoch {checkpoint.epoch}, but "
                    f"{checkpoint.file} is not there: put it back; or take its entry out of that "
                    "file to go on from the one before, or remove that file to begin at epoch 0."
                )
            if file_checksum(path) == checkpoint.sha256:
                return path, checkpoint
            LOG.warning(
                "%s is not whole: it is passed over, and what was done since the checkpoint before "
                "is done again",
                path,
            )
        if self.state.checkpoints:
            raise InputError(
                f"None of the checkpoints that {self.folder / RECORD} records is whole: put copies "
                "of them back, or remove that file to begin at epoch 0."
            )
        return None

    def going_on_from(self, checkpoint: Checkpoint) -> None:
        """Record that this job goes on from a checkpoint, and forget what was not whole."""
        kept = self.state.checkpoints[self.state.checkpoints.index(checkpoint) :]
        for lost in self.state.checkpoints[: -len(kept)]:
            (self.folder / lost.file).unlink(missing_ok=True)
        self.state.checkpoints = kept
        self.state.resumed.append(checkpoint.iteration)
        self._write()

    def save(
        self, write: Callable[[Path], object], epoch: int, iteration: int, seconds: float
    ) -> Path:
        """Let `write` write a checkpoint to a path, keep it as the newest, and give its place.

        `seconds` is the time that the training took so far.
        """
        path = self._unrecorded(iteration)
        with whole_file(path) as beside:
            write(beside)
            onto_disk(beside)
            checkpoint = Checkpoint(path.name, epoch, iteration, file_checksum(beside))
        earlier = self.state.checkpoints
        self.state.checkpoints = [checkpoint, *earlier][:GENERATIONS]
        self.state.seconds = seconds
        self._write()
        for old in earlier[GENERATIONS - 1 :]:
            (self.folder / old.file).unlink(missing_ok=True)
        if 0 < epoch < self.state.epochs:
            left = in_words(seconds / epoch * (self.state.epochs - epoch))
            LOG.info("saved after epoch %d of %d: %s left", epoch, self.state.epochs, left)
        return path

    def finish(self, path: Path, final: str | Path | None = None) -> None:
        """Give a finished training's last checkpoint its final name, if any; the other ones go."""
        if final:
            linked(path, final)
        for old in self.state.checkpoints:
            if old.file != path.name:
                (self.folder / old.file).unlink(missing_ok=True)
        self.state.checkpoints = [one for one in self.state.checkpoints if one.file == path.name]
        self._write()

    def _unrecorded(self, iteration: int) -> Path:
        """Give a name that no recorded checkpoint has, of the same iteration or not.

        One that took the place of a recorded file would leave that record with another's checksum
        until it is written anew.
        """
        recorded = {one.file for one in self.state.checkpoints}
        endings = ["", *(f"_{number}" for number in range(1, GENERATIONS + 1))]
        names = [f"checkpoint_at_{iteration:08d}{again}{self.ending}" for again in endings]
        return self.folder / next(name for name in names if name not in recorded)

    def _taken_up(self, origin: dict[str, str], epochs: int) -> Resumption:
        """Read what the folder holds, if it is of this training; else move it aside."""
        record = self.folder / RECORD
        found = _read(record)
        whole = sorted(path.name for path in self.folder.glob(f"checkpoint_at_*{self.ending}"))
        names = [one.file for one in found.checkpoints] if found else whole
        others = [name for name in self.older if (self.folder / name).exists()]
        if found and found.origin == origin and epochs >= found.epochs:
            if epochs > found.epochs and found.checkpoints:
                done = found.checkpoints[0].iteration
                LOG.warning(
                    "%d epochs were planned and %d are now: training goes on, with the learning "
                    "rate that the longer schedule has from here; one that had been planned so "
                    "from the beginning would have other weights",
                    found.epochs,
                    epochs,
                )
                found.extended.append([done, found.epochs, epochs])
            found.epochs = epochs
            return found
        if record.exists() or others:
            self._move_aside([*names, *others], _differences(found, origin, epochs))
        started = Resumption(origin, epochs)
        self.state = started
        self._write()
        return started

    def _move_aside(self, names: list[str], reason: str) -> None:
        number = 1
        while (aside := self.folder / f"refused_{number}").exists():
            number += 1
        aside.mkdir()
        # The record last: a kill before leaves what is refused again.
        for name in [*names, RECORD]:
            with suppress(FileNotFoundError):
                os.replace(self.folder / name, aside / name)
        if names:
            LOG.warning(
                "the checkpoints in %s are not gone on from (%s): they are moved to %s, and "
                "training begins at epoch 0; delete them when nobody needs them",
                self.folder,
                reason,
                aside.name,
            )

    def _remove_parts(self) -> None:
        parts = {path.name.split(".", 2)[-1] for path in self.folder.glob(".*.*")}
        remove_parts(self.folder / name for name in parts)
        # A whole checkpoint that a kill came before the record of.
        found = _read(self.folder / RECORD)
        recorded = {one.file for one in found.checkpoints} if found else set()
        for path in self.folder.glob(f"checkpoint_at_*{self.ending}"):
            if found and path.name not in recorded:
                path.unlink()

    def _write(self) -> None:
        with whole_file(self.folder / RECORD) as beside:
            beside.write_text(json.dumps(asdict(self.state), indent=1) + "\n")
            onto_disk(beside)
        onto_disk(self.folder)


def forget_checkpoints(folder: str | Path) -> None:
    """Remove what a finished training kept to be resumed, once its network is in use.

    A folder that may not be written to is left as it is.
    """
    folder = Path(folder)
    found = _read(folder / RECORD)
    with suppress(OSError):
        for checkpoint in found.checkpoints if found else []:
            (folder / checkpoint.file).unlink(missing_ok=True)
        (folder / RECORD).unlink(missing_ok=True)


def linked(path: Path, name: str | Path) -> None:
    """Give a file a second name, whole or not at all; a copy where the disk knows no hard links."""
    with whole_file(name) as beside:
        try:
            os.link(path, beside)
        except OSError:
            shutil.copyfile(path, beside)


def _read(record: Path) -> Resumption | None:
    """Read `resume.json`; None where it is not there, or an earlier version's."""
    try:
        content = json.loads(record.read_text())
        checkpoints = [Checkpoint(**one) for one in content.pop("checkpoints")]
        return Resumption(**content, checkpoints=checkpoints)
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None


def _differences(found: Resumption | None, origin: Mapping[str, str], epochs: int) -> str:
    """Say in words which parts of what a training starts from are others."""
    if found is None:
        return "they were made by another version"
    parts = [
        name
        for name in sorted(origin.keys() | found.origin.keys())
        if origin.get(name) != found.origin.get(name)
    ]
    if not parts:
        return f"they were made for {found.epochs} epochs, and {epochs} are fewer"
    return f"of another origin: {', '.join(parts)}"
