"""Plans of studies of zero-byte files: how their time and memory grow with the number of series.

For each size a study (four models; six of ten series LiTS, the others thin and thick mSCLC; seven
of ten with a reference) is planned: from nothing (`cold`), with every result there (`finished`:
fabricated with its records, nothing runs), and with one series added to that (`added`). `nested` is
the process that a cluster starts for one job, with the options that Snakemake gives it: seconds
until the first line of the job's script. The scripts are replaced by one that notes the time and
fails, in a copy of the code. Seconds are of whole processes, megabytes their peaks. `growth` is the
ratio of seconds and of megabytes between two sizes, to be held against that of the series.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "dag")]

from finished import add_series, finish, planned_jobs
from study import Study, make_study

SIZES = [100, 1000]
FOLDER_OF_CODE = ("Snakefile", "config", "envs", "profiles", "rules", "workflow")
# Its own process's peak would be at least that of the process that starts it.
LAUNCHER = """
import json, os, sys, time
start = time.time()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
status, used = os.wait4(process, 0)[1:]
facts = [start, time.time(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, status]
print(json.dumps(facts), file=sys.stderr)
"""
STUB = "import time\nopen('begun', 'w').write(str(time.time()))\nraise SystemExit(1)\n"
# Rule, script and wildcards of jobs that are started by themselves, in an order in which none has
# taken away, by failing, what the next one reads.
NESTED = {
    "nested_measure": (
        "measure_detection",
        "measure_detection",
        {"model": "nnunet", "batch": "{batch}"},
    ),
    "nested_predict": ("predict_nnunet_out_of_fold_{batch}", "predict_nnunet", {}),
    "nested_reference": ("ingest_reference_b0001", "ingest_reference", {}),
    "nested_ingest": ("ingest_series", "ingest_series", {"series": "lits_0"}),
}
# What Snakemake 9 gives to the process of a job (`spawn_jobs.py`, `executors/real.py`).
OPTIONS_OF_JOB = (
    "--cores 1 --attempt 1 --force-use-threads --force --target-files-omit-workdir-adjustment "
    "--max-inventory-time 0 --retries 0 --nocolor --no-hooks --nolock --ignore-incomplete "
    "--rerun-triggers mtime --latency-wait 0 --mode subprocess"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    sizes = parser.parse_args().sizes
    figures = {size: measure_size(size) for size in sizes}
    print(
        json.dumps(
            {
                "name": "dag",
                "case": "plans of studies of zero-byte files, four models, batches of 20",
                "by_series": figures,
                "growth": {
                    f"{small} to {large}": growth(figures[small], figures[large])
                    for small, large in pairwise(sizes)
                },
            }
        )
    )


def measure_size(size: int) -> dict:
    """Make a study of `size` series, measure its plans and remove it."""
    with tempfile.TemporaryDirectory(prefix="livermet-dag-") as folder:
        study = make_study(Path(folder), lits=size * 6 // 10, msclc=size // 5)
        study.configure(split={"test": {"source": 2, "target": 4}, "batch_size": 20})
        study.assign()
        found = {"cold": plan(study)[0]}
        finish(study)
        found["finished"], text = plan(study)
        if planned_jobs(text):
            raise SystemExit(f"A finished study of {size} series is planned again:\n{text[-2000:]}")
        batch = add_series(study, "added")
        found["added"], text = plan(study)
        found["added"] |= counts(planned_jobs(text), batch)
        # Last: a job that fails takes its results with it.
        found |= {name: measure_nested(study, *job) for name, job in NESTED.items()}
    print(f"{size} series: {json.dumps(found)}", flush=True)
    return found


def plan(study: Study) -> tuple[dict, str]:
    """Dry-run a study in a process of its own; give its figures and what it printed."""
    facts, text = run(study, ["--snakefile", str(ROOT / "Snakefile"), "--dry-run"])
    start, end, cpu, megabytes, status = facts
    if status:
        raise SystemExit(text[-3000:])
    return figures(end - start, cpu, megabytes), text


def measure_nested(study: Study, rule: str, script: str, wildcards: dict) -> dict:
    """Start a job's own process in a copy of the code whose scripts are stubs."""
    batch = next(
        Path(path).stem.removeprefix("out_of_fold_")
        for path in sorted((study.folder / "results/study/records/predict_nnunet").glob("out_*"))
    )
    code = study.folder / "code"
    if not code.exists():
        for name in FOLDER_OF_CODE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            code.mkdir(exist_ok=True)
            copy(ROOT / name, code / name)
    (code / "workflow" / "scripts" / f"{script}.py").write_text(STUB)
    rule = rule.format(batch=batch)
    wildcards = {key: value.format(batch=batch) for key, value in wildcards.items()}
    target = f"{rule}:{','.join(f'{key}={value}' for key, value in wildcards.items())}"
    options = ["--snakefile", str(code / "Snakefile"), "--target-jobs", target]
    facts, text = run(study, [*options, "--allowed-rules", rule, *OPTIONS_OF_JOB.split()])
    begun = study.folder / "begun"
    if not begun.exists():
        raise SystemExit(text[-3000:])
    start, _, cpu, megabytes, _ = facts
    seconds = float(begun.read_text()) - start
    begun.unlink()
    return figures(seconds, cpu, megabytes)


def run(study: Study, options: list[str]) -> tuple[list[float], str]:
    """Run snakemake below a small process, whose facts of it are the last line."""
    command = [sys.executable, "-m", "snakemake", "--directory", str(study.folder), *options]
    command += ["--configfiles", str(study.config_path)]
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command],
        cwd=study.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    text, _, facts = done.stdout.rstrip("\n").rpartition("\n")
    return json.loads(facts), text


def figures(seconds: float, cpu: float, megabytes: float) -> dict:
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_mb": round(megabytes)}


def counts(jobs: list[tuple[str, str]], batch: str) -> dict:
    """Count the jobs of the series that was added, and those of the whole study."""
    own = [rule for rule, log in jobs if batch in f"{rule} {log}" or "added" in log]
    return {"own_jobs": len(own), "aggregate_jobs": len(jobs) - len(own)}


def growth(small: dict, large: dict) -> dict:
    """Return the ratios of seconds and of megabytes between two sizes."""
    return {
        case: [round(large[case][key] / small[case][key], 1) for key in ("seconds", "peak_mb")]
        for case in small
    }


if __name__ == "__main__":
    main()
