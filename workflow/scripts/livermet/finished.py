"""Finished files of a job of many scans, which a job that is killed leaves to the next one.

Snakemake deletes the declared outputs of a job that failed. Each finished file therefore has a
second name (a hard link, which takes no room) in a hidden folder beside the outputs, with a record
of what it was made from and of its own content. The next job takes a file only if both are the
same. The folder goes when the job has ended.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from livermet.checkpoints import linked
from livermet.files import onto_disk, read_json, write_json
from livermet.provenance.code import file_checksum

RECORD = "made.json"


class Finished:
    """The finished files of one job.

    `outputs` are the job's declared files, one folder's or several; `name` is the job's own among
    all that write there. `origin` is all that decides the files of every scan, as JSON values.
    """

    def __init__(self, outputs: Sequence[str | Path], name: str, origin: Mapping):
        self.folder = Path(outputs[0]).parent / f".unfinished_{name}"
        self.origin = json.loads(json.dumps(origin))

    def take(self, scan: str, own_origin: object, files: Sequence[str | Path]) -> bool:
        """Give a scan's files their names again, if they were made from the same; say whether."""
        try:
            record = read_json(self._record(scan))
        except (FileNotFoundError, ValueError):
            return False
        kept = [self._kept(scan, number, file) for number, file in enumerate(files)]
        if record.get("origin") != self._origin(own_origin) or not all(map(Path.exists, kept)):
            return False
        if record.get("sums") != [file_checksum(path) for path in kept]:
            return False
        for path, file in zip(kept, files, strict=True):
            linked(path, file)
        return True

    def keep(self, scan: str, own_origin: object, files: Sequence[str | Path]) -> None:
        """Give a scan's finished files their second names, and record what they were made from."""
        record = self._record(scan)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.unlink(missing_ok=True)
        sums = []
        for number, file in enumerate(files):
            kept = self._kept(scan, number, file)
            linked(Path(file), kept)
            onto_disk(kept)
            sums.append(file_checksum(kept))
        write_json({"origin": self._origin(own_origin), "sums": sums}, record)

    def forget(self) -> None:
        """Remove the second names: the job has ended, and its outputs are safe."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _origin(self, own_origin: object) -> dict:
        return {"job": self.origin, "scan": json.loads(json.dumps(own_origin))}

    def _record(self, scan: str) -> Path:
        return self.folder / scan / RECORD

    def _kept(self, scan: str, number: int, file: str | Path) -> Path:
        return self.folder / scan / f"{number}_{Path(file).name}"
