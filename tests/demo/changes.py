"""Changes to a finished run, each applied to a copy of the project and its results, and undone."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import SimpleITK as sitk
import yaml
from planning import planner

from livermet.config.loading import load_config
from livermet.ledger.assign import assign_from_config
from livermet.provenance.code import WITHOUT_NUMBERS

ROOT = Path(__file__).parents[2]
COHORT = "tests/demo/cohort"
COPIED = ("Snakefile", "rules", "workflow", "config", "envs", "profiles", "tests/demo/demo.yaml")
DATA = "results/test_demo/phantoms"
RECORDS = "results/test_demo/records"
PHENOTYPE = "results/test_demo/phenotype/nnunet_finetuned"
LIVERMET = "workflow/scripts/livermet"
KNOWN_BATCHES = 4


@dataclass
class Place:
    """A copy of the project with a finished run, in which anything may be changed and planned."""

    folder: Path
    # That of the process that plans here.
    planner: int = 0
    # Laid over the demo's config.
    keys: dict = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def file(self, *names: str) -> Path:
        return Path(self.folder, *names)

    def overlay(self) -> Path:
        """Write the keys that are laid over the demo's config."""
        path = self.file("changed.yaml")
        path.write_text(yaml.safe_dump(self.keys, sort_keys=False))
        return path

    def plan(self) -> CompletedProcess:
        configs = ["tests/demo/demo.yaml", self.overlay().name]
        variables = {"LIVERMET_ALLOW_TRAINING": ""} | self.variables
        return planner(self.planner).plan(["--configfile", *configs], self.folder, **variables)

    def assign(self) -> None:
        """Add what is new to the ledger, as make assign does."""
        files = [ROOT / "config/config.yaml", self.file("tests/demo/demo.yaml"), self.overlay()]
        config = load_config(files)
        config["ledger"] = str(self.file(config["ledger"]))
        for name in ("series", "molecular"):
            config["sheets"][name] = str(self.file(config["sheets"][name]))
        assign_from_config(config)


def copied_place(folder: Path, results: Path, number: int = 0) -> Place:
    """Copy the project, without what is kept for one machine alone, and a finished run."""
    for name in (*COPIED, COHORT):
        copied(ROOT / name, folder / name)
    copied(results, folder / "results" / results.name)
    return Place(folder, number)


def copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)


def jobs_planned(plan: CompletedProcess) -> dict[str, str]:
    """Read from a dry run {job: rule}; a job is named by its log, of a new batch by 'new'."""
    jobs = {}
    for block in re.split(r"\n *(?=(?:local)?rule )", plan.stdout + plan.stderr)[1:]:
        rule = re.match(r"(?:local)?rule (\S+):", block).group(1)
        log = re.search(r"^ +log: results/\w+/logs/(\S+)\.log", block, re.M)
        if log:
            jobs[_with_new_batches(log.group(1))] = _with_new_batches(rule)
    return jobs


def _with_new_batches(name: str) -> str:
    """Call all batches that the committed ledger lacks alike: two changes may share a number."""
    return re.sub(
        r"b(\d{4})\b", lambda found: "new" if int(found[1]) > KNOWN_BATCHES else found[0], name
    )


def refused(plan: CompletedProcess) -> bool:
    text = plan.stdout + plan.stderr
    return plan.returncode != 0 and "would train networks again that have been trained" in text


# What every change is made of.


@contextmanager
def rewritten(path: Path, content: bytes, times: bool = False) -> Iterator[None]:
    """Write a file anew, with `times` under its old time, and bring it back."""
    before, facts = path.read_bytes(), path.stat()
    old = (facts.st_atime_ns, facts.st_mtime_ns)
    path.write_bytes(content)
    if times:
        os.utime(path, ns=old)
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=old)


@contextmanager
def edited(path: Path, old: str, new: str, times: bool = False) -> Iterator[None]:
    """Replace a text that stands in a file once."""
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    with rewritten(path, text.replace(old, new).encode(), times):
        yield


@contextmanager
def appended(path: Path, line: str, times: bool = False) -> Iterator[None]:
    with rewritten(path, path.read_bytes() + f"{line}\n".encode(), times):
        yield


@contextmanager
def touched(path: Path) -> Iterator[None]:
    facts = path.stat()
    os.utime(path)
    try:
        yield
    finally:
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@contextmanager
def deleted(path: Path) -> Iterator[None]:
    content, facts = path.read_bytes(), path.stat()
    path.unlink()
    try:
        yield
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@contextmanager
def configured(place: Place, keys: str) -> Iterator[None]:
    """Lay keys, as YAML, over what is laid over the demo's config."""
    before = place.keys
    place.keys = merged(before, yaml.safe_load(keys))
    try:
        yield
    finally:
        place.keys = before


def merged(base: dict, over: dict) -> dict:
    both = dict(base)
    for key, value in over.items():
        deep = isinstance(value, dict) and isinstance(base.get(key), dict)
        both[key] = merged(base[key], value) if deep else value
    return both


@contextmanager
def with_leave(place: Place) -> Iterator[None]:
    before = place.variables
    place.variables = {"LIVERMET_ALLOW_TRAINING": "1"}
    try:
        yield
    finally:
        place.variables = before


@contextmanager
def with_sheet(place: Place, name: str, change) -> Iterator[None]:
    """Change one of the cohort's sheets; `change` gets the table and gives another."""
    path = place.file(COHORT, f"{name}.tsv")
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    with rewritten(path, change(table).to_csv(sep="\t", index=False).encode()):
        yield


def cell(column: str, row: dict, value: str):
    """Make the function that sets one cell of a table, of the one row that holds `row`."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        chosen = (table[list(row)] == pd.Series(row)).all(axis=1)
        assert chosen.sum() == 1
        return table.assign(**{column: table[column].where(~chosen, value)})

    return change


def row_like(like: str, **values: str):
    """Make the function that adds a row to a table: that of a series or patient, but for some."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        row = table[table.iloc[:, 0] == like].iloc[[0]].assign(**values)
        return pd.concat([table, row])

    return change


def without_series(name: str):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["series"] != name]

    return change


@contextmanager
def assigned(place: Place) -> Iterator[None]:
    """Add what is new to the ledger, and bring the old one back."""
    ledger, kept = place.file(COHORT, "ledger"), place.file("ledger_before")
    # Two changes may assign, one after the other.
    while kept.exists():
        kept = kept.with_name(f"{kept.name}_")
    shutil.copytree(ledger, kept)
    try:
        place.assign()
        yield
    finally:
        shutil.rmtree(ledger)
        kept.rename(ledger)


@contextmanager
def another_voxel(place: Place, volume: str) -> Iterator[None]:
    """Change one voxel of a volume of the raw data."""
    path = place.file(DATA, volume)
    image = sitk.ReadImage(str(path))
    made = path.with_name(f"made_{path.name}")
    image[0, 0, 0] = image[0, 0, 0] + 1
    sitk.WriteImage(image, str(made), useCompression=True)
    content = made.read_bytes()
    made.unlink()
    with rewritten(path, content):
        yield


# The changes, as the table in test_reruns.py names them.


@contextmanager
def new_series(place: Place) -> Iterator[None]:
    """Another series, with a reference, of a patient with place 4."""
    with _another_series(place, "msclc_003_20200401_thin"):
        yield


@contextmanager
def _another_series(place: Place, name: str) -> Iterator[None]:
    like = "msclc_003_20200323_thin"
    values = {"study_date": "2020-04-01", "image": f"{name}/dicom"}
    values |= {"series": name, "reference": f"{name}/reference.nii.gz"}
    with ExitStack() as stack:
        stack.enter_context(with_sheet(place, "series", row_like(like, **values)))
        phantom = row_like(like, series=name, noise_seed="1")
        stack.enter_context(with_sheet(place, "phantoms", phantom))
        stack.enter_context(assigned(place))
        yield


@contextmanager
def new_patient(place: Place) -> Iterator[None]:
    """A patient without a reference, whose files are there already, as a hospital's are."""
    like, name = "msclc_006_20181028_thin", "msclc_017_20181028_thin"
    values = {"patient": "msclc_017", "image": f"{name}/dicom"}
    values |= {"series": name, "reference": ""}
    shutil.copytree(place.file(DATA, like), place.file(DATA, name))
    sample = row_like("msclc_001", patient="msclc_017", sample_date="2018-11-01", score="0.3")
    try:
        with ExitStack() as stack:
            stack.enter_context(with_sheet(place, "series", row_like(like, **values)))
            stack.enter_context(with_sheet(place, "molecular", sample))
            stack.enter_context(assigned(place))
            yield
    finally:
        shutil.rmtree(place.file(DATA, name))


@contextmanager
def new_training_sets(place: Place) -> Iterator[None]:
    """New names, of what the sheet holds and one series more."""
    with ExitStack() as stack:
        keys = "training_sets: {base: lits_2, finetuned: lits_msclc_2}"
        stack.enter_context(configured(place, keys))
        stack.enter_context(_another_series(place, "msclc_003_20200402_thin"))
        yield


@contextmanager
def new_training_sets_with_leave(place: Place) -> Iterator[None]:
    with configured(place, "allow_training: true"), new_training_sets(place):
        yield


def removed_series(place: Place):
    return with_sheet(place, "series", without_series("msclc_012_20181107_thin"))


def removed_training_case(place: Place):
    return with_sheet(place, "series", without_series("msclc_004_20201130_thick"))


def corrected_reference(place: Place):
    return another_voxel(place, "msclc_001_20200715_thin/reference.nii.gz")


@contextmanager
def exchanged_references(place: Place):
    """Two series of a batch have exchanged their references: all files of the batch are known."""
    one, other = (
        place.file(DATA, f"msclc_{name}", "reference.nii.gz")
        for name in ("001_20200715_thin", "005_20180903_thick")
    )
    contents = one.read_bytes(), other.read_bytes()
    assert contents[0] != contents[1]
    with rewritten(one, contents[1]), rewritten(other, contents[0]):
        yield


def corrected_reference_of_training(place: Place):
    return another_voxel(place, "lits_002/reference.nii.gz")


def corrected_score(place: Place):
    row = {"patient": "msclc_003", "sample_date": "2020-04-06"}
    return with_sheet(place, "molecular", cell("score", row, "0.333"))


def corrected_phase(place: Place):
    row = {"series": "msclc_003_20200323_thin"}
    return with_sheet(place, "series", cell("phase", row, "arterial"))


def corrected_age(place: Place):
    row = {"series": "msclc_003_20200323_thin"}
    return with_sheet(place, "series", cell("age", row, "46"))


def _slice(place: Place) -> Path:
    return min(place.file(DATA, "msclc_009_20181215_thick/dicom").glob("*.dcm"))


@contextmanager
def slice_overwritten_in_place(place: Place) -> Iterator[None]:
    """Another last byte, under the file's old size and time."""
    path = _slice(place)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    with rewritten(path, bytes(content), times=True):
        yield


def slice_touched(place: Place):
    return touched(_slice(place))


@contextmanager
def archive_moved(place: Place) -> Iterator[None]:
    """The same files in another folder."""
    moved = place.file("archive")
    shutil.copytree(place.file(DATA), moved)
    try:
        with configured(place, "data_root: archive"):
            yield
    finally:
        shutil.rmtree(moved)


@contextmanager
def archive_linked(place: Place) -> Iterator[None]:
    """The same files by another way."""
    link = place.file("link")
    link.symlink_to(place.file(DATA))
    try:
        with configured(place, "data_root: link"):
            yield
    finally:
        link.unlink()


def bin_width(place: Place):
    return configured(place, "radiomics: {settings: {binWidth: 30}}")


def bootstrap_draws(place: Place):
    return configured(place, "phenotype: {bootstrap_draws: 300}")


def overlap(place: Place):
    return configured(place, "segmentation: {monai: {overlap: 0.5}}")


@contextmanager
def pseudonyms_in_dicom(place: Place) -> Iterator[None]:
    path = place.file("secret")
    path.write_bytes(b"k" * 32)
    try:
        with configured(place, f"export: {{dicom: pseudonyms, secret: {path}}}"):
            yield
    finally:
        path.unlink()


def save_every(place: Place):
    return configured(place, "segmentation: {nnunet: {training: {save_every: 4}}}")


def threads_and_memory(place: Place):
    keys = "segmentation: {nnunet: {jobs: {train: {threads: 2, mem_mb: 9000, minutes: 9}}}}"
    return configured(place, keys)


def epochs(place: Place):
    return configured(place, "segmentation: {nnunet: {training: {epochs: 5}}}")


@contextmanager
def epochs_with_leave(place: Place) -> Iterator[None]:
    with with_leave(place), epochs(place):
        yield


@contextmanager
def keys_in_another_order(place: Place) -> Iterator[None]:
    path = place.file("tests/demo/demo.yaml")
    turned = yaml.safe_dump(_backwards(yaml.safe_load(path.read_text())), sort_keys=False)
    with rewritten(path, turned.encode()):
        yield


def _backwards(value):
    if not isinstance(value, dict):
        return value
    return {key: _backwards(value[key]) for key in reversed(value)}


def logic_of_a_module(place: Place):
    return edited(place.file(LIVERMET, "statistics/calibration.py"), "BINS = 5", "BINS = 4")


def colour_of_figures(place: Place):
    return edited(place.file(LIVERMET, "report/drawing.py"), '"#0072B2"', '"#0072B3"')


def sentence_of_an_error(place: Place):
    path = place.file(LIVERMET, "phenotype/folds.py")
    return edited(path, "stands alone in a training fold", "is alone in a training fold")


def comment(place: Place):
    return appended(place.file(LIVERMET, "ingest/series.py"), "# A comment.")


def script_touched(place: Place):
    return touched(place.file("workflow/scripts/fit_corrected.py"))


def script_edited_under_its_old_time(place: Place):
    return appended(place.file("workflow/scripts/fit_baselines.py"), "SPARE = 1", times=True)


@contextmanager
def logic_without_numbers(place: Place) -> Iterator[None]:
    """Other code in every module that decides no number."""
    with ExitStack() as stack:
        for name in sorted(WITHOUT_NUMBERS):
            path = place.file(LIVERMET, f"{name.replace('.', '/')}.py")
            stack.enter_context(appended(path, "SPARE = 1"))
        yield


def version_of_a_package(place: Place):
    return edited(place.file("envs/lesions.yaml"), "scipy ==", "scipy ==1.")


def version_that_networks_are_trained_with(place: Place):
    """Another version of what nnU-Net builds its networks with, and no rule imports."""
    name = "dynamic-network-architectures =="
    return edited(place.file("envs/nnunet.yaml"), name, f"{name}1.")


def version_that_decides_no_number(place: Place):
    return edited(place.file("envs/nnunet.yaml"), "timm ==", "timm ==1.")


def result_edited_by_hand(place: Place):
    return appended(place.file(PHENOTYPE, "burden.tsv"), "x")


def record_deleted(place: Place):
    return deleted(place.file(RECORDS, "correlate_burden/nnunet_finetuned.json"))


def table_of_acquisition_deleted(place: Place):
    return deleted(place.file("results/test_demo/cohort/acquisition.tsv"))


def _checkpoint(place: Place) -> Path:
    found = place.file("results/test_demo/nnunet/results").rglob("fold_3/checkpoint_final.pth")
    return min(path for path in found if "Dataset501" in str(path))


def checkpoint_deleted(place: Place):
    return deleted(_checkpoint(place))


def checkpoint_edited(place: Place):
    return appended(_checkpoint(place), "x")
