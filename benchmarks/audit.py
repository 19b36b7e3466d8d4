"""The audit of a study of zero-byte files: how its time and memory grow with the number of series.

The study is that of benchmarks/dag.py, finished with its records; journals are written as jobs
write them. `first` is the audit with what jobs have left of sizes and times, `copied` the one of
results that were copied without `.snakemake`, so that every file is read. Seconds are of whole
processes of `livermet audit`, megabytes their peaks, bytes those of what it writes. The issue's
limit for 10,000 series is 600 s (`--sizes 10000`).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("benchmarks", "tests", "tests/dag")]

from dag import LAUNCHER, figures
from finished import finish
from study import make_study

from livermet.provenance.findings import CRATE, MANIFEST, PAGE
from livermet.provenance.journal import journal_path, write_journal

SIZES = [1000]
RUN = Path("results/study")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    sizes = parser.parse_args().sizes
    found = {size: measure_size(size) for size in sizes}
    case = "audits of finished studies of zero-byte files, four models, batches of 20"
    print(json.dumps({"name": "audit", "case": case, "by_series": found}))


def measure_size(size: int) -> dict:
    """Make a finished study of `size` series, audit it twice and remove it."""
    with tempfile.TemporaryDirectory(prefix="livermet-audit-") as folder:
        study = make_study(Path(folder), lits=size * 6 // 10, msclc=size // 5)
        study.configure(split={"test": {"source": 2, "target": 4}, "batch_size": 20})
        study.assign()
        finish(study)
        jobs = write_journals(study.folder)
        found = {"jobs": jobs, "first": audit(study.folder)}
        found["bytes"] = {
            path: (study.folder / RUN / path).stat().st_size for path in (MANIFEST, CRATE, PAGE)
        }
        manifest = json.loads((study.folder / RUN / MANIFEST).read_text())
        found["files"] = len(manifest["files"])
        shutil.rmtree(study.folder / ".snakemake")
        found["copied"] = audit(study.folder)
    print(f"{size} series: {json.dumps(found)}", flush=True)
    return found


def write_journals(folder: Path) -> int:
    """Write one journal, and copy it to all other jobs; give their number."""
    records = sorted((folder / RUN / "records").rglob("*.json"))
    places = [journal_path(path.relative_to(folder)) for path in records]
    # A journal's place begins where snakemake runs.
    os.chdir(folder)
    write_journal("any", time.time(), records[0].relative_to(folder))
    written = places[0].read_text()
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(written)
    return len(records)


def audit(folder: Path) -> dict:
    """Audit the study's run in a process of its own, which has to find nothing wrong."""
    paths = [str(ROOT / "workflow/scripts"), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "livermet", "audit", str(RUN)]
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    text, _, facts = done.stdout.rstrip("\n").rpartition("\n")
    start, end, cpu, megabytes, status = json.loads(facts)
    if status:
        raise SystemExit(text[-3000:])
    return figures(end - start, cpu, megabytes)


if __name__ == "__main__":
    main()
