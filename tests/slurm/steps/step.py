"""What a step does: note that it began, work for a while, write its file whole, then its record."""

import json
import os
import sys
import time
from pathlib import Path

kind, output, log, *options = sys.argv[1:]
journal = Path(f"{output}.journal")
job = os.environ.get("SLURM_JOB_ID", "")


def note(**words) -> None:
    with journal.open("a") as stream:
        asked = {"job": job, "node": os.environ.get("SLURMD_NODENAME", ""), "time": time.time()}
        stream.write(json.dumps(asked | words) + "\n")


def train(epochs: str, pause: str) -> None:
    saved = Path(f"{output}.latest")
    begun = int(saved.read_text()) if saved.exists() else 0
    note(begin=begun, gpu=os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    for epoch in range(begun, int(epochs)):
        time.sleep(float(pause))
        part = saved.with_suffix(f".{os.getpid()}")
        part.write_text(str(epoch + 1))
        part.replace(saved)
        note(epoch=epoch + 1)


def ingest(series: str) -> None:
    note(begin=0)
    time.sleep(0.5)
    if series.startswith("bad"):
        print(f"Series {series} cannot be read: copy it again.", file=sys.stderr)
        sys.exit(1)
    note(end=0)


def hungry(megabytes: str) -> None:
    note(begin=0)
    held = bytearray(int(megabytes) * 1_000_000)
    for place in range(0, len(held), 4096):
        held[place] = 1
    time.sleep(6)


def slow(seconds: str) -> None:
    note(begin=0)
    time.sleep(float(seconds))


def collect() -> None:
    note(begin=0)


Path(log).parent.mkdir(parents=True, exist_ok=True)
sys.stderr = sys.stdout = open(log, "w", buffering=1)  # noqa: SIM115
record = Path(log.replace("/logs/", "/records/")).with_suffix(".json")
record.parent.mkdir(parents=True, exist_ok=True)
record.unlink(missing_ok=True)
print(f"{kind} {job}")
{"train": train, "ingest": ingest, "hungry": hungry, "slow": slow, "collect": collect}[kind](
    *options
)
part = Path(f"{output}.part")
part.write_text(kind)
part.replace(output)
record.write_text("{}")
