"""How far a run is, read from the files that its jobs write and from SLURM's queue.

A job that has ended well has a record (`livermet.provenance.records`); one that has begun has a
log. No plan is made, so that jobs that nothing has been written of yet are counted only where
SLURM holds them.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from livermet import durations
from livermet.models import NETWORKS
from livermet.provenance.records import record_path

SECONDS_FOR_SQUEUE = 30
# How workflow/endings.py names the log of an attempt that failed.
ATTEMPT = re.compile(r"\.slurm-(\d+)$")
# What the SLURM executor writes as a job's comment.
COMMENT = re.compile(r"^(?:rule_)?(.*)$")
FAILED_LOG = re.compile(r"^\s+log: (.*?)(?: \(check log file\(s\).*)?$")
MONAI_EPOCH = re.compile(r"^(\S+ \S+) Epoch (\d+) of (\d+): .*(Dice liver \S+, lesion \S+)$")
MONAI_DEVICE = re.compile(r" on (\S+): \d+ training and")
NNUNET_DEVICE = re.compile(r"^Using device: (\S+)")
NNUNET_EPOCH = re.compile(r": Epoch (\d+)$")
NNUNET_DICE = re.compile(r": Pseudo dice \[(.*)\]")
NNUNET_TIME = re.compile(r": Epoch time: ([\d.]+) s")


class State(Enum):
    """Where a job stands."""

    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class Queued:
    """A job in SLURM's queue: its number, SLURM's state and comment, which names rule or group."""

    number: str
    state: str
    comment: str


@dataclass(frozen=True)
class Step:
    """A job of a run: its log, where it stands, and the SLURM jobs that it is or was."""

    log: Path
    state: State
    slurm: tuple[str, ...] = ()


@dataclass(frozen=True)
class Training:
    """How far a network's training is; `dice` is in the words of what trains it."""

    network: str
    done: int = 0
    epochs: int | None = None
    dice: str = ""
    seconds: float | None = None
    device: str = ""

    @property
    def left(self) -> float | None:
        """Return the seconds that are left; None where they are not known."""
        if self.seconds is None or self.epochs is None:
            return None
        return self.seconds * max(self.epochs - self.done, 0)


# ---- Jobs ---------------------------------------------------------------------------------------


def steps_of(
    run: Path, queue: Iterable[Queued], failed: Collection[str], controlled: bool
) -> list[Step]:
    """Tell of each job that has a log where it stands.

    `failed` are the logs that Snakemake's own log names as those of failed jobs; `controlled` says
    whether the folder is locked, as it is while a run works in it.
    """
    by_name = {_flat(one.comment): one for one in queue}
    attempts = defaultdict(list)
    logs = []
    for log in sorted((run / "logs").rglob("*.log")):
        attempt = ATTEMPT.search(log.stem)
        if attempt:
            attempts[log.with_name(ATTEMPT.sub("", log.stem) + ".log")].append(attempt.group(1))
        else:
            logs.append(log)
    steps = []
    for log in sorted({*logs, *attempts}):
        held = by_name.get(_flat("/".join(log.relative_to(run / "logs").with_suffix("").parts)))
        earlier = tuple(sorted(attempts[log], key=int)) if log in attempts else ()
        if held:
            state = State.WAITING if held.state == "PENDING" else State.RUNNING
            steps.append(Step(log, state, (held.number,)))
        # A job removes its record when it begins. No time is asked: a copy may have lost them.
        elif record_path(log).exists():
            steps.append(Step(log, State.DONE))
        elif str(log) in failed or not controlled:
            steps.append(Step(log, State.FAILED, earlier))
        else:
            steps.append(Step(log, State.RUNNING, earlier))
    return steps


def _flat(name: str) -> str:
    return COMMENT.sub(r"\1", name).replace("_wildcards_", "_").replace("/", "_")


def stages_of(project: Path) -> dict[str, re.Pattern]:
    """Read which logs belong to which stage, in the stages' order, from the rules' files."""
    order = re.findall(r'include: "rules/(\w+)\.smk"', (project / "Snakefile").read_text())
    stages = {}
    for stage in order:
        text = (project / "rules" / f"{stage}.smk").read_text()
        names = [
            re.sub(r"\{nnunet_model\}", r"nnunet\\w*", name)
            for name in re.findall(r'log:\s+f"\{RUN\}/logs/([^/"]+?)(?:/|\.log)', text)
        ]
        if names:
            stages[stage] = re.compile("|".join(names))
    return stages


def stage_of(step: Step, run: Path, stages: Mapping[str, re.Pattern]) -> str:
    """Name the stage of a job by its log; `other` where no rule of today writes it."""
    name = step.log.relative_to(run / "logs").parts[0].removesuffix(".log")
    return next((stage for stage, known in stages.items() if known.fullmatch(name)), "other")


def failed_in(log: str) -> set[str]:
    """Read from Snakemake's own log which rules' logs are those of jobs that failed."""
    failed, inside = set(), False
    for line in log.splitlines():
        if line.startswith("Error in "):
            inside = True
        elif line and not line[0].isspace():
            inside = False
        elif inside and (named := FAILED_LOG.match(line)):
            failed |= {name.strip() for name in named.group(1).split(",")}
    return failed


def newest_log(folder: Path) -> str:
    """Read the newest log of Snakemake's own; empty where there is none."""
    logs = sorted(folder.glob("*.snakemake.log"), key=lambda path: path.stat().st_mtime)
    return logs[-1].read_text(errors="replace") if logs else ""


def ask_queue(begun: str) -> list[Queued] | None:
    """Ask SLURM for this user's jobs whose names begin so; None where it does not answer."""
    if not shutil.which("squeue"):
        return None
    command = ["squeue", "--user", str(os.getuid()), "--noheader", "--format", "%i|%T|%j|%k"]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_FOR_SQUEUE, check=True
        ).stdout
    except (subprocess.SubprocessError, OSError):
        return None
    return queued_in(said, begun)


def queued_in(said: str, begun: str) -> list[Queued]:
    """Read squeue's lines, `number|state|name|comment`, of jobs whose names begin so."""
    rows = [line.split("|", 3) for line in said.splitlines() if line.count("|") >= 3]
    return [
        Queued(number, state, comment)
        for number, state, name, comment in rows
        if name.startswith(begun)
    ]


# ---- Trainings ----------------------------------------------------------------------------------


def trainings_of(run: Path) -> list[Training]:
    """Tell of each network whose training has begun how far it is."""
    found = []
    for log in sorted((run / "logs").glob("train_*/*.log")):
        if ATTEMPT.search(log.stem):
            continue
        model = log.parent.name.removeprefix("train_")
        if model == "monai":
            found.append(_training(log.stem, run / "monai" / log.stem, log, _monai_course))
            continue
        if model not in NETWORKS:
            continue
        pattern = f"nnunet/results/Dataset{NETWORKS[model].dataset:03d}_*/*/fold_{log.stem}"
        folders = sorted(run.glob(pattern), key=lambda path: path.stat().st_mtime)
        name = f"{model} fold {log.stem}"
        folder = folders[-1] if folders else run / "nnunet"
        found.append(_training(name, folder, log, _nnunet_course))
    return found


def _training(name: str, folder: Path, log: Path, course) -> Training:
    seen = course(log.read_text(errors="replace").splitlines())
    ended = _read(folder / "model.json")
    resume = _read(folder / "resume.json")
    saved = resume.get("checkpoints") or [{"epoch": 0}]
    epochs = resume.get("epochs") or seen.get("epochs")
    done = max(seen.get("done", 0), saved[0]["epoch"])
    seconds = seen.get("seconds")
    if seconds is None and saved[0]["epoch"]:
        seconds = resume["seconds"] / saved[0]["epoch"]
    if ended:
        planned = ended.get("epochs") or ended.get("settings", {}).get("epochs")
        epochs, done = planned, planned or done
        seconds = ended.get("training", {}).get("seconds_per_epoch", seconds)
    device = ended.get("device") or seen.get("device", "")
    return Training(name, done, epochs, seen.get("dice", ""), seconds, device)


def _monai_course(lines: Iterable[str]) -> dict:
    seen: dict = {}
    for line in lines:
        if epoch := MONAI_EPOCH.match(line):
            seen |= {
                "done": int(epoch.group(2)),
                "epochs": int(epoch.group(3)),
                "dice": f"validation {epoch.group(4)}",
            }
        elif device := MONAI_DEVICE.search(line):
            seen["device"] = device.group(1)
    return seen


def _nnunet_course(lines: Iterable[str]) -> dict:
    """Read nnU-Net's log, which numbers epochs from 0; an epoch is done when its time is told."""
    seen: dict = {}
    epoch = -1
    for line in lines:
        if begun := NNUNET_EPOCH.search(line):
            epoch = int(begun.group(1))
        elif device := NNUNET_DEVICE.match(line):
            seen["device"] = device.group(1)
        elif dice := NNUNET_DICE.search(line):
            # Written as np.float32(0.9369), or as plain numbers.
            values = re.findall(r"(?:\(|^|[\s,])(\d+\.\d+(?:e-?\d+)?|nan)", dice.group(1))
            words = zip(("liver", "lesion"), values, strict=False)
            seen["dice"] = "pseudo Dice " + ", ".join(f"{n} {float(v):.3f}" for n, v in words)
        elif took := NNUNET_TIME.search(line):
            seen |= {"done": epoch + 1, "seconds": float(took.group(1))}
    return seen


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}


# ---- In words -----------------------------------------------------------------------------------


def in_words(
    run: Path,
    steps: Iterable[Step],
    stages: Mapping[str, re.Pattern],
    trainings: Iterable[Training],
    queue: Iterable[Queued],
) -> Iterator[str]:
    """Tell how far a run is, line by line: stages, jobs that run or failed, queue, trainings."""
    by_stage = defaultdict(list)
    for step in steps:
        by_stage[stage_of(step, run, stages)].append(step)
    if not by_stage:
        yield "No job of this run has begun."
    for stage in [*stages, "other"]:
        if stage not in by_stage:
            continue
        counts = Counter(step.state for step in by_stage[stage])
        told = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
        yield f"{stage}: {told}"
        for step in by_stage[stage]:
            if step.state is not State.DONE:
                number = f"SLURM {', '.join(step.slurm)}, " if step.slurm else ""
                yield f"  {step.state.value}: {number}{step.log}"
    of_steps = {number for step in by_stage.values() for one in step for number in one.slurm}
    others = [one for one in queue if one.number not in of_steps]
    if others:
        yield "SLURM jobs of groups, or not begun:"
    for one in others:
        yield f"  {one.number} {one.state} {one.comment.removeprefix('rule_')}"
    for place, training in enumerate(trainings):
        if not place:
            yield "trainings:"
        yield f"  {_of_training(training)}"


def _of_training(training: Training) -> str:
    parts = [f"epoch {training.done} of {training.epochs or 'an unknown number'}"]
    if training.dice:
        parts.append(training.dice)
    if training.seconds is not None:
        parts.append(f"{training.seconds:.1f} s an epoch")
    if training.left:
        parts.append(f"{durations.in_words(training.left)} left")
    if training.device:
        parts.append(training.device)
    return f"{training.network}: {', '.join(parts)}"


def told(run: Path, project: Path) -> Iterator[str]:
    """Tell how far the run in `results/<run>` is; Snakemake's own files are in this folder."""
    own = Path(".snakemake")
    name = _read(own / "livermet" / "slurm_run.json").get("name")
    # The folder's controller may be that of another run.
    own_name = f"livermet-{re.sub('[^A-Za-z0-9]', '-', run.name)[:24]}-"
    queue = ask_queue(name) if name and name.startswith(own_name) else []
    if queue is None:
        yield "SLURM does not answer: which jobs are in its queue is not known."
    locks = own / "locks"
    controlled = locks.is_dir() and any(locks.iterdir())
    failed = failed_in(newest_log(own / "log"))
    steps = steps_of(run, queue or [], failed, controlled)
    yield from in_words(run, steps, stages_of(project), trainings_of(run), queue or [])
