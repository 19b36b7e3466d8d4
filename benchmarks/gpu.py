"""What can be measured on a GPU alone, at the article's sizes: each step prints JSON lines.

    python benchmarks/gpu.py [--folder FOLDER] [--slices 200] [STEP ...]

Steps, in their order: `guards` hides the GPU from a job that was given one, and lets two jobs want
one GPU; `phantoms` makes four CT phantoms of 512 x 512; `preprocess` and `cases` prepare them for
nnU-Net and for MONAI; `unet`, `segresnet` and `nnunet` train, are asked to leave in the middle and
go on; `epochs` times nnU-Net's own trainer and ours in turn; `devices` compares a GPU's labels with
a CPU's, and `rounding` those of several patches at once with those of nnU-Net's own loop and with
those of 32 bits, by the network of `epochs`, or of `nnunet` where that was not asked for. Seconds a
scan are `benchmarks/predict.py`'s.

The first line says on what. `wait` is the share of a step in which the GPU has no batch yet.
"""

import argparse
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

# This folder holds files of packages' names.
HERE = Path(__file__).resolve().parent
sys.path = [place for place in sys.path if Path(place).resolve() != HERE]

import numpy as np
import torch
import yaml

from livermet.checkpoints import Checkpoints, digests
from livermet.demo.phantoms import phantom
from livermet.device import can_compile, choose_device
from livermet.errors import InputError
from livermet.files import read_json, write_json
from livermet.images import LESION, LIVER, array_of, read_image, write_image
from livermet.interruption import Clock, InterruptionError

MODEL, TRAINING_SET = "nnunet", "phantoms"
SERIES = ("p0", "p1", "p2", "p3")
VALIDATED = "p3"
IN_PLANE_MM, SLICE_MM, MATRIX = 0.8, 2.0, 512
ROW = {
    "matrix": MATRIX // 2,
    "pixel_mm": 2 * IN_PLANE_MM,
    "slice_mm": SLICE_MM,
    "lesions": 4,
    "radius_min_mm": 10.0,
    "radius_max_mm": 25.0,
    "liver_hu": 110.0,
    "contrast_hu": 60.0,
    "texture_hu": 8.0,
    "texture_mm": 4.0,
    "noise_hu": 12.0,
}
CONFIG = yaml.safe_load((HERE.parent / "config" / "config.yaml").read_text())["segmentation"]
ROUNDS = 3
# A training that is asked to leave after so many iterations of so many.
LEAVES_AFTER, ITERATIONS = 12, 40


def say(figure: str, **values) -> None:
    """Print a figure as a JSON line."""
    print(json.dumps({"figure": figure, **values}), flush=True)


def what_on() -> dict:
    """Tell GPU, driver, packages and commit."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    listed = "none"
    with suppress(OSError):
        listed = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    commit = (
        os.environ.get("LIVERMET_COMMIT")
        or subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=HERE, check=False
        ).stdout.strip()
    )
    packages = {name: version(name) for name in ("torch", "nnunetv2", "monai", "numpy")}
    return {"gpu": listed, "cores": os.cpu_count(), "commit": commit, **packages}


@contextmanager
def watched(seconds: float = 0.5):
    """Give a dictionary that holds the GPU's use and memory (MiB) when the block has ended."""
    found: dict = {}
    seen: list[tuple[int, int]] = []
    ended = threading.Event()
    query = [
        "nvidia-smi",
        "--query-gpu=utilization.gpu,memory.used",
        "--format=csv,noheader,nounits",
    ]

    def look() -> None:
        while not ended.wait(seconds):
            with suppress(ValueError, OSError):
                line = subprocess.run(query, capture_output=True, text=True, check=False).stdout
                use, memory = (int(part) for part in line.split("\n")[0].split(","))
                seen.append((use, memory))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
        if seen:
            found["gpu_use_percent"] = round(statistics.mean(use for use, _ in seen))
            found["gpu_memory_mib"] = max(memory for _, memory in seen)


class Waiting:
    """An iterator that counts the seconds in which its caller waits."""

    def __init__(self, of):
        self.of, self.seconds = of, 0.0

    def __iter__(self):
        return self

    def __next__(self):
        began = time.perf_counter()
        try:
            return next(self.of)
        finally:
            self.seconds += time.perf_counter() - began

    def __getattr__(self, name):
        return getattr(self.of, name)


def ct_of(folder: Path, series: str) -> Path:
    """Return the file of a phantom's CT."""
    return folder / "phantoms" / f"{series}_0000.nii.gz"


def reference_of(folder: Path, series: str) -> Path:
    """Return the file of a phantom's reference."""
    return folder / "references" / f"{series}.nii.gz"


def make_phantom(folder: Path, series: str, slices: int) -> None:
    """Draw a phantom at half the matrix and repeat its voxels, with noise of the full matrix."""
    import SimpleITK as sitk

    number = SERIES.index(series)
    seeds = {f"{name}_seed": number + 1 for name in ("patient", "study", "noise")}
    hu, labels, _ = phantom({**ROW, **seeds, "slices": slices})
    hu, labels = (part.repeat(2, axis=1).repeat(2, axis=2) for part in (hu, labels))
    noise = np.random.default_rng(number).normal(0, 8, hu.shape)
    hu = np.clip(hu + noise, -1024, 1500).astype(np.int16)
    for array, path in ((hu, ct_of(folder, series)), (labels, reference_of(folder, series))):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((IN_PLANE_MM, IN_PLANE_MM, SLICE_MM))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(image, path)


def phantoms(given: argparse.Namespace) -> None:
    """Make the phantoms, one process each."""
    with ProcessPoolExecutor(len(SERIES), get_context("spawn")) as pool:
        done = [pool.submit(make_phantom, given.folder, series, given.slices) for series in SERIES]
        for one in done:
            one.result()
    say("phantoms", matrix=MATRIX, slices=given.slices, number=len(SERIES))


def dataset() -> str:
    """Return the name of nnU-Net's dataset."""
    from livermet.nnunet.layout import dataset_name

    return dataset_name(MODEL, TRAINING_SET)


def preprocess(given: argparse.Namespace) -> None:
    """Plan as the article has it, and preprocess, one process a case."""
    from livermet.nnunet import planning
    from livermet.nnunet.dataset import describe_dataset
    from livermet.nnunet.layout import case_folder, nnunet_roots, preprocessed_folder, raw_folder

    root = str(given.folder / "nnunet")
    raw = raw_folder(root, dataset())
    description = describe_dataset(
        {series: str(ct_of(given.folder, series)) for series in SERIES},
        {series: str(reference_of(given.folder, series)) for series in SERIES},
        raw,
    )
    write_json(description, f"{raw}/dataset.json")
    began = time.perf_counter()
    with nnunet_roots(root, workers=1):
        planning.extract_fingerprint(dataset(), len(SERIES))
        kind, changes = (CONFIG["nnunet"][key] for key in ("plans", "plan_changes"))
        plan = planning.plan_dataset(dataset(), kind, changes)
        write_json(plan, f"{preprocessed_folder(root, dataset())}/livermetPlans.json")
        split = [{"train": [s for s in SERIES if s != VALIDATED], "val": [VALIDATED]}] * 5
        splits = Path(preprocessed_folder(root, dataset()), "splits_final.json")
        splits.write_text(json.dumps(split))
        planned = time.perf_counter()
        planning.preprocess_dataset(
            description, raw, plan, case_folder(root, dataset()), len(SERIES)
        )
    say(
        "nnU-Net: preprocessing",
        seconds=round(time.perf_counter() - planned, 1),
        seconds_of_planning=round(planned - began, 1),
        processes=len(SERIES),
        patch=plan["configurations"]["3d_fullres"]["patch_size"],
        batch=plan["configurations"]["3d_fullres"]["batch_size"],
    )


def fold_settings(**changes):
    """Return the config's settings of a fold's training."""
    from livermet.nnunet.trainer import TrainingSettings

    return replace(TrainingSettings(**CONFIG["nnunet"]["training"]), **changes)


def prepared(folder: Path) -> tuple[str, dict, dict]:
    """Return nnU-Net's root, the plan and the description that `preprocess` has made."""
    from livermet.nnunet.layout import preprocessed_folder, raw_folder

    root = str(folder / "nnunet")
    plan = read_json(f"{preprocessed_folder(root, dataset())}/livermetPlans.json")
    return root, plan, read_json(f"{raw_folder(root, dataset())}/dataset.json")


def fold_to_train(plan: dict, description: dict, number: int, settings):
    """Return a fold of the phantoms."""
    from livermet.nnunet.training import Fold

    return Fold(
        model=MODEL,
        training_set=TRAINING_SET,
        number=number,
        plan=plan,
        description=description,
        split={"train": [s for s in SERIES if s != VALIDATED], "val": [VALIDATED]},
        cases={series: {} for series in SERIES},
        patients={series: series for series in SERIES},
        settings=settings,
        seed=1,
        code={},
        versions={},
    )


def nnunet(given: argparse.Namespace) -> None:
    """Train a fold, ask it to leave in the middle, and let it go on."""
    from livermet.nnunet.trainer import nnUNetTrainerLivermet
    from livermet.nnunet.training import train_fold

    root, plan, description = prepared(given.folder)
    device = choose_device(given.device)
    length = ITERATIONS // 2
    settings = fold_settings(epochs=4, iterations_per_epoch=length, validation_iterations=4)
    fold = fold_to_train(plan, description, 0, settings)
    jobs = CONFIG["nnunet"]["jobs"]["train"]
    compiled = can_compile(CONFIG["compile"], device)
    step, seen = nnUNetTrainerLivermet.train_step, []

    def leave_after(self, batch):
        seen.append(None)
        if len(seen) == LEAVES_AFTER:
            os.kill(os.getpid(), signal.SIGUSR1)
        return step(self, batch)

    nnUNetTrainerLivermet.train_step = leave_after
    sentence = ""
    began = time.perf_counter()
    try:
        train_fold(fold, root, device, jobs["threads"], 0, compiled)
    except InterruptionError as left:
        sentence = str(left)
    between = time.perf_counter()
    record = train_fold(fold, root, device, jobs["threads"], 0, compiled)
    nnUNetTrainerLivermet.train_step = step
    say(
        "nnU-Net: trained, left and resumed",
        sentence=sentence,
        resumed_after_iterations=record["training"]["resumed_after_iterations"],
        losses=[round(loss, 3) for loss in record["training"]["curve"]["training_loss"]],
        compiled=compiled,
        seconds_until_left=round(between - began, 1),
        seconds_after=round(time.perf_counter() - between, 1),
        device=record["device"],
    )


def epochs(given: argparse.Namespace) -> None:
    """Time epochs of nnU-Net's own trainer and of ours in turn, the first with compilation."""
    from copy import deepcopy

    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    from livermet.batches import loading_processes
    from livermet.nnunet.layout import CONFIGURATION, nnunet_roots
    from livermet.nnunet.trainer import nnUNetTrainerLivermet

    root, plan, description = prepared(given.folder)
    device = choose_device(given.device)
    threads = CONFIG["nnunet"]["jobs"]["train"]["threads"]
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = True
    trainers = {}
    for name, kind, workers in (
        ("nnU-Net's", nnUNetTrainer, threads),
        ("ours", nnUNetTrainerLivermet, 0),
    ):
        with nnunet_roots(root, workers=workers):
            trainer = kind(
                {**deepcopy(plan), "continue_training": False},
                CONFIGURATION,
                1,
                deepcopy(description),
                device,
            )
            if name == "ours":
                trainer.follow(fold_settings())
                trainer.keep(
                    Checkpoints(trainer.output_folder, digests(a=1), 1000, ".pth"), Clock(0)
                )
                trainer.run_on(1, loading_processes(threads), can_compile(True, device))
            trainer.initialize()
            trainer.on_train_start()
        trainer.dataloader_train = Waiting(trainer.dataloader_train)
        trainer.dataloader_val = Waiting(trainer.dataloader_val)
        trainers[name] = trainer
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    for turn in range(ROUNDS + 1):
        for name, trainer in trainers.items():
            trainer.dataloader_train.seconds = 0.0
            began = time.perf_counter()
            with watched() as used:
                if name == "ours":
                    trainer.run_epoch()
                else:
                    run_own_epoch(trainer)
            took = time.perf_counter() - began
            if turn:
                seconds[name].append(took)
            say(
                f"{name} epoch",
                turn=turn,
                seconds=round(took, 1),
                wait=round(trainer.dataloader_train.seconds / took, 3),
                loss=round(float(trainer.logger.get_value("train_losses", -1)), 3),
                **used,
            )
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    say(
        "nnU-Net: seconds an epoch of 250 iterations",
        **{name: round(value, 2) for name, value in medians.items()},
        ratio=round(medians["nnU-Net's"] / medians["ours"], 3),
        hours_for_five_folds_of_1000_epochs=round(5 * 1000 * medians["ours"] / 3600, 1),
        processes_that_load=threads,
    )
    trainers["ours"].save_checkpoint(str(longer_trained(root)))


def run_own_epoch(trainer) -> None:
    """Run an epoch as nnU-Net's `run_training` does."""
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    steps = range(trainer.num_iterations_per_epoch)
    trainer.on_train_epoch_end([trainer.train_step(next(trainer.dataloader_train)) for _ in steps])
    with torch.no_grad():
        trainer.on_validation_epoch_start()
        steps = range(trainer.num_val_iterations_per_epoch)
        trainer.on_validation_epoch_end(
            [trainer.validation_step(next(trainer.dataloader_val)) for _ in steps]
        )
    trainer.on_epoch_end()


def monai_settings(model: str, **changes):
    """Return a network's settings: the config's, the article's."""
    from livermet.monai.settings import Settings, settings_of

    return replace(Settings.of(model, settings_of(CONFIG["monai"], model)), **changes)


def kept_cases(folder: Path, side: str, settings) -> list:
    """Return the phantoms as MONAI's networks draw from them, made where they are missing."""
    from livermet.monai.cases import cases_of

    chosen = [s for s in SERIES if (s == VALIDATED) == (side == "validation")]
    return cases_of(
        folder / "cases" / side,
        {series: (ct_of(folder, series), reference_of(folder, series)) for series in chosen},
        {series: {"ct": series, "reference": series} for series in chosen},
        settings,
        side == "validation",
        {"code": {}, "versions": {}},
    )


def cases(given: argparse.Namespace) -> None:
    """Make MONAI's cases at the article's spacing."""
    settings = monai_settings("unet")
    began = time.perf_counter()
    made = [
        *kept_cases(given.folder, "training", settings),
        *kept_cases(given.folder, "validation", settings),
    ]
    say(
        "MONAI: cases made",
        seconds_a_case=round((time.perf_counter() - began) / len(made), 1),
        voxels=list(made[0]()["image"].shape),
        bytes_a_case=sum(file.stat().st_size for file in made[0].folder.iterdir()),
    )


def train_monai(given: argparse.Namespace, model: str) -> None:
    """Train a network two epochs, ask it to leave in the middle, let it go on, and time steps."""
    import livermet.monai.training as module

    device = choose_device(given.device)
    settings = monai_settings(
        model, epochs=2, iterations_per_epoch=ITERATIONS // 2, validation_every=2
    )
    training, validation = (
        kept_cases(given.folder, side, settings) for side in ("training", "validation")
    )
    threads = CONFIG["monai"]["jobs"]["train"]["threads"]
    compiled = can_compile(CONFIG["compile"], device)
    machine = module.Machine(device, threads, compiled)
    marks: list[tuple[float, float]] = []
    waits: list[Waiting] = []
    batches_from, step = module.batches_from, module.Learner.step

    def waiting(*arguments, **named):
        waits.append(Waiting(batches_from(*arguments, **named)))
        return waits[-1]

    def timed(self, images, labels):
        loss = step(self, images, labels)
        marks.append((time.perf_counter(), waits[-1].seconds))
        if len(marks) == LEAVES_AFTER:
            os.kill(os.getpid(), signal.SIGUSR1)
        return loss

    module.batches_from, module.Learner.step = waiting, timed
    place = given.folder / "monai" / model
    sentence, progress = "", None
    began = time.perf_counter()
    with watched() as used:
        for _ in range(2):
            checkpoints = Checkpoints(place, digests(settings=model), 2, ".pt")
            clock = Clock(0, checkpoints.state.seconds)
            torch.cuda.reset_peak_memory_stats()
            try:
                with clock.listening():
                    progress = module.train(
                        settings, training, validation, 1, machine, checkpoints, clock
                    )
            except InterruptionError as left:
                sentence = str(left)
    module.batches_from, module.Learner.step = batches_from, step
    # Of the second part: its first steps compile, and fill the loaders.
    steady = marks[LEAVES_AFTER + 4 :]
    took = steady[-1][0] - steady[0][0]
    waited = steady[-1][1] - steady[0][1]
    steps = len(steady) - 1
    say(
        f"MONAI {model}: trained, left and resumed",
        sentence=sentence,
        resumed_after_iterations=checkpoints.state.resumed,
        seconds_a_step=round(took / steps, 3),
        wait=round(waited / took, 3),
        patches=settings.batch_size,
        patch=list(settings.patch_size),
        losses=[row["loss"] for row in progress.rows] if progress else None,
        validation=progress.rows[-1] if progress else None,
        peak_memory_of_torch_mib=round(torch.cuda.max_memory_allocated() / 2**20),
        hours_for_1500_epochs_of_131_cases=round(took / steps * 131 * 1500 / 3600, 1),
        compiled=compiled,
        processes_that_load=threads,
        seconds_in_all=round(time.perf_counter() - began, 1),
        **used,
    )


def unet(given: argparse.Namespace) -> None:
    """Train MONAI's U-Net."""
    train_monai(given, "unet")


def segresnet(given: argparse.Namespace) -> None:
    """Train MONAI's SegResNet."""
    train_monai(given, "segresnet")


def longer_trained(root: str) -> Path:
    """Return the file of the network that `epochs` has trained."""
    return Path(root, "checkpoint_final.pth")


def predictor_of(given: argparse.Namespace, device: str):
    """Return a trained network of the phantoms on a device, and the step that trained it."""
    from livermet.engines import Engine
    from livermet.nnunet.layout import fold_folder
    from livermet.nnunet.prediction import FoldPredictor

    root, plan, description = prepared(given.folder)
    checkpoint, step = longer_trained(root), "epochs"
    if not checkpoint.exists():
        checkpoint = Path(fold_folder(root, dataset(), 0), "checkpoint_final.pth")
        step = "nnunet"
    predictor = FoldPredictor(
        plan,
        description,
        {0: checkpoint},
        torch.device(device),
        Engine.TORCH,
        step_size=0.5,
        mirroring=False,
    )
    return predictor, step


def devices(given: argparse.Namespace) -> None:
    """Compare the labels of one checkpoint by GPU and by CPU, on a part of a phantom."""
    import SimpleITK as sitk

    ct = read_image(ct_of(given.folder, VALIDATED))
    reference = read_image(reference_of(given.folder, VALIDATED))
    where = np.argwhere(sitk.GetArrayViewFromImage(reference) == LESION)
    size = np.array([64, 160, 160])
    first = np.clip(where.mean(axis=0).astype(int) - size // 2, 0, None)
    z, y, x = (slice(int(f), int(f + n)) for f, n in zip(first, size, strict=True))
    part = given.folder / "part_0000.nii.gz"
    write_image(ct[x, y, z], part)
    labels = {}
    for name in (given.device, "cpu"):
        torch.set_num_threads(os.cpu_count() or 1)
        predictor, network = predictor_of(given, name)
        labels[name] = predictor.segment(part, [0])
    say(
        "nnU-Net: Dice of a GPU's labels to a CPU's",
        network=network,
        **dices(labels[given.device], labels["cpu"]),
        voxels={
            name: int((labels["cpu"] >= label).sum())
            for name, label in (("liver", LIVER), ("lesions", LESION))
        },
        equal=float((labels[given.device] == labels["cpu"]).mean()),
    )


@torch.inference_mode()
def rounding(given: argparse.Namespace) -> None:
    """Compare the labels of a whole phantom: of ours, of nnU-Net's own loop, and of 32 bits."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor, network = predictor_of(given, given.device)
    scan = predictor.prepare(ct_of(given.folder, VALIDATED))
    tiled = predictor.networks
    theirs = nnUNetPredictor(use_mirroring=False, device=torch.device(given.device))
    theirs.manual_initialization(
        tiled.networks[0],
        predictor.plans,
        predictor.configuration,
        None,
        predictor.description,
        "",
        None,
    )

    def labels_of(logits: torch.Tensor) -> np.ndarray:
        return logits.argmax(dim=0).cpu().numpy()

    on_ct = predictor.segment_prepared(scan, [0], False)[0]
    found = {"ours": labels_of(tiled.mean_logits(scan.image, [0]))}
    at_once, tiled.batch = tiled.batch, 1
    found["ours, one patch at a time"] = labels_of(tiled.mean_logits(scan.image, [0]))
    found["nnU-Net's"] = labels_of(theirs.predict_sliding_window_return_logits(scan.image))
    found["nnU-Net's again"] = labels_of(theirs.predict_sliding_window_return_logits(scan.image))
    torch.backends.cudnn.allow_tf32 = False
    tiled._logits = lambda batch, fold: tiled.networks[fold](batch)
    exact = labels_of(tiled.mean_logits(scan.image, [0]))
    torch.backends.cudnn.allow_tf32 = True
    say(
        "nnU-Net: Dice of labels by several patches at once",
        network=network,
        patches=at_once,
        to_32_bits={name: dices(labels, exact) for name, labels in found.items()},
        ours_to_nnunet=dices(found["ours"], found["nnU-Net's"]),
        to_reference=dices(on_ct, array_of(read_image(reference_of(given.folder, VALIDATED)))),
    )


def dices(one: np.ndarray, other: np.ndarray) -> dict:
    """Return the Dice of two label images, of the liver with its lesions and of lesions."""
    named = (("liver", LIVER), ("lesions", LESION))
    return {name: dice(one >= label, other >= label) for name, label in named}


def dice(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return the Dice of two masks; None where both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else None


CHOOSE = (
    "import logging, time\n"
    "logging.basicConfig()\n"
    "from livermet.device import choose_device\n"
    "print(choose_device('{wanted}'), flush=True)\n"
    "time.sleep({seconds})\n"
)


def choosing(wanted: str, seconds: float, **environment: str) -> subprocess.Popen:
    """Start a job that chooses its device and keeps it for some seconds."""
    return subprocess.Popen(
        [sys.executable, "-c", CHOOSE.format(wanted=wanted, seconds=seconds)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def guards(given: argparse.Namespace) -> None:
    """Hide the GPU from a job that was given one; let two jobs want one GPU."""
    hidden = choosing("auto", 0, CUDA_VISIBLE_DEVICES="", SLURM_JOB_GPUS="0").communicate()[0]
    say("a hidden GPU", sentence=hidden.strip().split("\n")[-1])
    began = time.perf_counter()
    first = choosing("cuda", 12)
    time.sleep(6)
    second = choosing("cuda", 0)
    said = second.communicate()[0]
    say(
        "two jobs on one GPU",
        seconds_until_the_second_had_it=round(time.perf_counter() - began, 1),
        second_said=said.strip(),
        first_said=first.communicate()[0].strip(),
    )


# `guards` before all that claim the GPU for this process.
STEPS = (guards, phantoms, preprocess, cases, unet, segresnet, nnunet, epochs, devices, rounding)


def main() -> None:
    """Run steps; one that fails is told, and the next begins."""
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", default=[step.__name__ for step in STEPS])
    parser.add_argument("--folder", type=Path, default=Path("results/benchmarks/gpu"))
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    say("machine", **what_on())
    failed = 0
    for step in STEPS:
        if step.__name__ not in given.steps:
            continue
        began = time.perf_counter()
        try:
            step(given)
        except (InputError, RuntimeError, OSError, ValueError, TypeError, AttributeError) as error:
            logging.exception("%s", step.__name__)
            failed += 1
            say(step.__name__, failed=f"{type(error).__name__}: {error}")
        say(f"step {step.__name__}", seconds=round(time.perf_counter() - began, 1))
    sys.exit(failed)


if __name__ == "__main__":
    main()
