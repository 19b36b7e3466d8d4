"""What reruns after a change: the table of docs/operations.md, row by row and two rows at a time.

All is planned on copies of the smallest demo's finished run and of the project: of one change the
rules, whole; of two together at least the jobs of each, for pairs that have each change in some, or
for all of them with LIVERMET_ALL_PAIRS=1.
"""

import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations

import pytest

from livermet.tables import read_table

from . import changes
from .changes import copied, copied_place, jobs_planned, refused


def rules(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What follows what, from the end.
PAGE = rules("write_cards write_checklists write_report")
# What the audit reads of the config and the sheet.
SETTINGS = rules("write_settings")
FACTS = PAGE | rules(
    "gather_facts tabulate_cohort tabulate_failures tabulate_subgroups draw_burden draw_failures"
    " draw_flow tabulate_variation draw_variation draw_segmentation_examples list_scans"
)
# Whose the series are, and what models find in them: no feature is asked for.
SCANS = PAGE | rules(
    "score_detection tabulate_segmentation draw_burden_agreement draw_froc draw_lesion_sizes"
)
PLACED = SCANS | rules("place_series")
SPECIFICATIONS = rules("score_specifications tabulate_specifications draw_specification_curve")
ACQUISITION = (
    PAGE
    | SPECIFICATIONS
    | rules(
        "collect_acquisition tabulate_cohort tabulate_subgroups draw_flow measure_reproducibility"
        " draw_reproducibility list_scans judge_unsampled"
    )
)
# What the page of quality is made of: sheet and records, and no table.
QUALITY = rules("write_quality")
# The viewer's index, which follows every table of scans.
VIEWER = rules("write_viewer")
VIEWS = VIEWER | rules("view_series_b0001 view_series_b0002 view_series_b0003 view_series_b0004")
# Of the target cohort, which came from DICOM; the table of what is exported follows every batch.
EXPORTED = rules("collect_export")
EXPORTS = EXPORTED | rules("export_dicom_b0003 export_dicom_b0004")
FEATURES = (
    FACTS
    | SPECIFICATIONS
    | rules(
        "select_features fit_published fit_corrected fit_baselines score_test bootstrap_metrics"
        " correlate_burden compare_baselines repeat_cross_validation summarise_repeats"
        " permute_labels summarise_permutations correct_stepwise calibrate_models"
        " measure_reproducibility cross_validate_deals tabulate_subgroups regress_score"
        " assess_selection tabulate_classification tabulate_masks audit_leakage draw_features"
        " draw_calibration draw_corrections draw_reproducibility measure_segmentation_error"
        " draw_segmentation_error judge_unsampled"
    )
)
COHORT = FEATURES | rules("match_cohort collect_radiomics")
DETECTION = FEATURES | SCANS | rules("measure_detection collect_detection collect_radiomics")
REFERENCE = DETECTION | ACQUISITION | QUALITY | VIEWER | rules("draw_series")
RADIOMICS = rules("extract_radiomics perturb_lesions")
PREDICTIONS = rules(
    "predict_nnunet_out_of_fold_b0001 predict_nnunet_ensemble_b0002 predict_nnunet_ensemble_b0003"
    " predict_nnunet_ensemble_b0004 predict_nnunet_finetuned_out_of_fold_b0001"
    " predict_nnunet_finetuned_ensemble_b0002 predict_nnunet_finetuned_out_of_fold_b0003"
    " predict_nnunet_finetuned_ensemble_b0004 predict_nnunet_finetuned_fold_0_b0004"
    " predict_nnunet_finetuned_fold_1_b0004 predict_nnunet_finetuned_fold_2_b0004"
    " predict_nnunet_finetuned_fold_3_b0004 predict_nnunet_finetuned_fold_4_b0004"
)
MONAI_PREDICTIONS = rules(
    "predict_unet_b0002 predict_unet_b0003 predict_unet_b0004"
    " predict_segresnet_b0002 predict_segresnet_b0003 predict_segresnet_b0004"
)
NEW = (
    COHORT
    | SETTINGS
    | PLACED
    | REFERENCE
    | RADIOMICS
    | rules(
        "ingest_series predict_nnunet_ensemble_new predict_unet_new predict_segresnet_new"
        " view_series_new export_dicom_new collect_export"
    )
)
NEW_SERIES = NEW | rules(
    "make_phantom_dicom ingest_reference_new predict_nnunet_finetuned_out_of_fold_new"
)
TRAINING = rules("train_nnunet train_nnunet_finetuned")
PLANNING = rules(
    "describe_nnunet plan_nnunet split_nnunet preprocess_nnunet describe_nnunet_finetuned"
    " plan_nnunet_finetuned split_nnunet_finetuned preprocess_nnunet_finetuned"
)
# Checklists and cards show no figure.
FIGURES = rules(
    "write_report draw_burden draw_burden_agreement draw_calibration"
    " draw_corrections draw_failures draw_features draw_flow draw_froc draw_lesion_sizes"
    " draw_reproducibility draw_segmentation_error draw_segmentation_examples"
    " draw_specification_curve draw_variation"
)
NOTHING = frozenset()
REFUSED = None


@dataclass(frozen=True)
class Change:
    """A change, the row of docs/operations.md that tells of it, and the rules that it plans.

    `rules` are None where the plan is refused, since it would train a network again.
    """

    row: str
    apply: Callable
    rules: frozenset[str] | None
    leave: bool = False
    withdrawn: str = ""

    @property
    def name(self) -> str:
        return self.apply.__name__


CHANGES = [
    Change("a new series of a known patient", changes.new_series, NEW_SERIES),
    Change(
        "a new patient",
        changes.new_patient,
        NEW | rules("predict_nnunet_finetuned_ensemble_new"),
    ),
    Change(
        "a series that left the sheet",
        changes.removed_series,
        COHORT
        | PLACED
        | ACQUISITION
        | QUALITY
        | VIEWER
        | EXPORTED
        | SETTINGS
        | rules("collect_detection"),
        withdrawn="msclc_012_20181107_thin",
    ),
    Change(
        "a training case that left the sheet",
        changes.removed_training_case,
        COHORT
        | PLACED
        | ACQUISITION
        | QUALITY
        | VIEWER
        | EXPORTED
        | SETTINGS
        | rules("collect_detection"),
        withdrawn="msclc_004_20201130_thick",
    ),
    Change(
        "an image, or a slice of it",
        changes.slice_overwritten_in_place,
        REFERENCE
        | RADIOMICS
        | rules(
            "ingest_series ingest_reference_b0003 predict_nnunet_ensemble_b0003 predict_unet_b0003"
            " predict_nnunet_finetuned_out_of_fold_b0003 predict_segresnet_b0003"
            " view_series_b0003 export_dicom_b0003 collect_export"
        ),
    ),
    Change(
        "a reference",
        changes.corrected_reference,
        REFERENCE | rules("ingest_reference_b0004 extract_radiomics view_series_b0004"),
    ),
    Change(
        "a reference",
        changes.exchanged_references,
        REFERENCE | rules("ingest_reference_b0004 extract_radiomics view_series_b0004"),
    ),
    Change(
        "a reference that networks were trained on",
        changes.corrected_reference_of_training,
        REFERENCE | rules("ingest_reference_b0001 view_series_b0001"),
    ),
    Change("a molecular score", changes.corrected_score, COHORT),
    Change(
        "a phase",
        changes.corrected_phase,
        FACTS | ACQUISITION | QUALITY | VIEWER | rules("view_series_b0003"),
    ),
    Change("an age or a sex", changes.corrected_age, FACTS),
    Change(
        "a setting of radiomics",
        changes.bin_width,
        FEATURES | RADIOMICS | SETTINGS | rules("collect_radiomics"),
    ),
    Change(
        "the number of bootstrap draws",
        changes.bootstrap_draws,
        PAGE
        | SETTINGS
        | SPECIFICATIONS
        | rules(
            "bootstrap_metrics compare_baselines summarise_repeats correct_stepwise"
            " measure_reproducibility tabulate_classification tabulate_masks tabulate_failures"
            " tabulate_subgroups draw_corrections draw_failures draw_reproducibility"
            " measure_segmentation_error draw_segmentation_error"
        ),
    ),
    Change(
        "how a network predicts",
        changes.overlap,
        MONAI_PREDICTIONS
        | PAGE
        | SETTINGS
        | rules(
            "measure_detection collect_detection score_detection tabulate_segmentation draw_froc"
            " draw_lesion_sizes draw_burden_agreement"
            " view_series_b0002 view_series_b0003 view_series_b0004 write_viewer"
        ),
    ),
    Change(
        "under whose identifiers results are written as DICOM",
        changes.pseudonyms_in_dicom,
        EXPORTS | SETTINGS,
    ),
    Change("how often a checkpoint is saved", changes.save_every, SETTINGS),
    Change("how a network is trained", changes.epochs, REFUSED),
    Change(
        "how a network is trained, with leave",
        changes.epochs_with_leave,
        TRAINING | PREDICTIONS | DETECTION | RADIOMICS | SETTINGS | VIEWS | EXPORTS,
        leave=True,
    ),
    Change("new names of training sets", changes.new_training_sets, REFUSED),
    Change(
        "new names of training sets, with leave",
        changes.new_training_sets_with_leave,
        NEW_SERIES
        | PLANNING
        | TRAINING
        | PREDICTIONS
        | MONAI_PREDICTIONS
        | VIEWS
        | EXPORTS
        | rules("train_monai"),
        leave=True,
    ),
    Change(
        "logic of a module",
        changes.logic_of_a_module,
        PAGE | rules("calibrate_models draw_calibration"),
    ),
    Change("a colour of the figures", changes.colour_of_figures, FIGURES),
    Change(
        "a script, even under its old time",
        changes.script_edited_under_its_old_time,
        PAGE
        | rules(
            "fit_baselines score_test bootstrap_metrics compare_baselines calibrate_models"
            " tabulate_subgroups regress_score"
            " correct_stepwise tabulate_classification tabulate_masks tabulate_failures"
            " tabulate_specifications draw_specification_curve"
            " draw_calibration draw_corrections draw_failures judge_unsampled"
            " measure_segmentation_error draw_segmentation_error tabulate_variation"
            " draw_variation"
        ),
    ),
    Change(
        "the version of a package",
        changes.version_of_a_package,
        DETECTION | VIEWS,
    ),
    Change(
        "the version of a package that networks are trained with",
        changes.version_that_networks_are_trained_with,
        REFUSED,
    ),
    Change(
        "the version of a package that decides no number",
        changes.version_that_decides_no_number,
        NOTHING,
    ),
    Change(
        "a result edited by hand",
        changes.result_edited_by_hand,
        rules("correlate_burden draw_burden write_report"),
    ),
    Change(
        "a record that is not there",
        changes.record_deleted,
        rules("correlate_burden draw_burden write_report"),
    ),
    Change("a result that is not there", changes.table_of_acquisition_deleted, ACQUISITION),
    Change("a checkpoint that is not there or was edited", changes.checkpoint_deleted, REFUSED),
    Change("a checkpoint that is not there or was edited", changes.checkpoint_edited, REFUSED),
    Change("a file that was touched or copied", changes.slice_touched, NOTHING),
    Change("a file that was touched or copied", changes.script_touched, NOTHING),
    Change("an archive in another place", changes.archive_linked, NOTHING),
    Change("an archive in another place", changes.archive_moved, NOTHING),
    Change("the order of the config's keys", changes.keys_in_another_order, NOTHING),
    Change("threads, memory or time of jobs", changes.threads_and_memory, NOTHING),
    Change("words: comments, docstrings, errors, log lines", changes.comment, NOTHING),
    Change("words: comments, docstrings, errors, log lines", changes.sentence_of_an_error, NOTHING),
    Change("code that decides no number", changes.logic_without_numbers, NOTHING),
]
BY_NAME = {change.name: change for change in CHANGES}
PLANNERS = 2
ALL_PAIRS = os.environ.get("LIVERMET_ALL_PAIRS", "") not in ("", "0")
# In how many pairs of the sample each change is.
TIMES = 4


@contextmanager
def all_that_plans_nothing(place):
    with ExitStack() as stack:
        # The archive is copied last, with whatever else has changed in it.
        for change in sorted(CHANGES, key=lambda change: change.name == "archive_moved"):
            if change.rules == NOTHING and change.name != "archive_linked":
                stack.enter_context(change.apply(place))
        yield


TOGETHER = Change("", all_that_plans_nothing, NOTHING)


@pytest.fixture(scope="module")
def places(demo_run, tmp_path_factory):
    """Return a copy of the finished run to each planner."""
    return [
        copied_place(tmp_path_factory.mktemp("place"), demo_run.results, number)
        for number in range(PLANNERS)
    ]


def planned_with(place, *applied: Change):
    with ExitStack() as stack:
        try:
            for change in applied:
                stack.enter_context(change.apply(place))
        except Exception as error:
            error.add_note(f"Applied were: {', '.join(change.name for change in applied)}")
            raise
        return place.plan()


def side_by_side(places, applied: list[tuple[Change, ...]]) -> dict:
    """Plan each tuple of changes, as many at a time as there are planners."""
    waiting = iter(applied)
    found = {}

    def work(place):
        # One at a time is taken from the iterator, which all planners share.
        for chosen in waiting:
            found[tuple(change.name for change in chosen)] = planned_with(place, *chosen)

    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(work, places))
    return found


@pytest.fixture(scope="module")
def plans(places):
    """Return the plan after each change."""
    assert "Nothing to be done" in text_of(places[0].plan())
    return side_by_side(places, [(change,) for change in [*CHANGES, TOGETHER]])


def text_of(plan) -> str:
    return plan.stdout + plan.stderr


@pytest.mark.parametrize("name", BY_NAME)
def test_a_change_plans_the_rules_that_it_reaches_and_no_other(plans, name):
    plan, expected = plans[(name,)], BY_NAME[name].rules
    if expected is REFUSED:
        assert refused(plan)
        return
    assert plan.returncode == 0, text_of(plan)[-3000:]
    assert set(jobs_planned(plan).values()) == expected


def test_of_a_changed_series_its_own_ingest_and_the_jobs_of_its_batch_are_planned(plans):
    jobs = jobs_planned(plans[("slice_overwritten_in_place",)])
    ingested = [job for job, rule in jobs.items() if rule == "ingest_series"]
    assert ingested == ["ingest_series/msclc_009_20181215_thick"]
    batched = {batch for job in jobs for batch in re.findall(r"b\d{4}", job)}
    assert batched == {"b0003"}


def test_what_plans_nothing_plans_nothing_together_either(plans):
    assert "Nothing to be done" in text_of(plans[(TOGETHER.name,)])


def stem(change: Change) -> str:
    return change.row.partition(",")[0]


def pairs() -> list[tuple[Change, Change]]:
    """Return all pairs of changes that plan something or are refused, or a fixed sample of them."""
    telling = [change for change in CHANGES if change.rules != NOTHING]
    # With leave or without it is one change.
    found = [pair for pair in combinations(telling, 2) if stem(pair[0]) != stem(pair[1])]
    found += [(change, TOGETHER) for change in telling if change.rules]
    return found if ALL_PAIRS else with_each_in_some(found)


def with_each_in_some(found: list[tuple[Change, Change]]) -> list[tuple[Change, Change]]:
    """Draw pairs until each change is in `TIMES` of them, or in all that it has."""
    drawn, times = [], Counter()
    for pair in random.Random(1).sample(found, len(found)):
        names = [change.name for change in pair]
        if min(times[name] for name in names) < TIMES:
            drawn.append(pair)
            times.update(names)
    return drawn


def test_two_changes_together_plan_what_each_of_them_plans(places, plans):
    wrong = []
    chosen = pairs()
    found = side_by_side(places, chosen)
    for pair in chosen:
        plan = found[tuple(change.name for change in pair)]
        wrong += [
            f"{pair[0].name} and {pair[1].name}: {fault}" for fault in faults(pair, plan, plans)
        ]
    assert not wrong, "\n".join(wrong)
    # Whatever was changed has been undone.
    assert all("Nothing to be done" in text_of(place.plan()) for place in places)


def faults(pair, plan, plans) -> list[str]:
    stopped = any(change.rules is REFUSED for change in pair)
    if stopped and not any(change.leave for change in pair):
        return [] if refused(plan) else ["is not refused"]
    if plan.returncode:
        return [f"failed: {text_of(plan)[-600:]}"]
    jobs = jobs_planned(plan)
    alone = {job for change in pair for job in jobs_planned(plans[(change.name,)])}
    withdrawn = [change.withdrawn for change in pair if change.withdrawn]
    lost = [job for job in alone - set(jobs) if not any(name in job for name in withdrawn)]
    if TOGETHER in pair:
        lost += [f"{job} (too much)" for job in set(jobs) - alone]
    return [f"lacks {', '.join(sorted(lost))}"] if lost else []


def test_a_refused_training_names_the_networks_and_the_reason(plans):
    said = text_of(plans[("epochs",)])
    networks = ", ".join(f"train_nnunet {fold}" for fold in range(5))
    assert f"{networks}: settings.epochs was 4, is 5." in said
    assert 'planning.training_set was "lits", is "lits_2"' in text_of(plans[("new_training_sets",)])
    said = text_of(plans[("checkpoint_deleted",)])
    assert re.search(r"train_nnunet 3: files are missing: \S+/fold_3/checkpoint_final.pth\.", said)
    said = text_of(plans[("checkpoint_edited",)])
    assert "train_nnunet 3: files are not as their job left them." in said


def test_results_without_a_record_and_edited_ones_are_named(plans):
    path = "results/test_demo/phenotype/nnunet_finetuned/burden.tsv"
    said = text_of(plans[("record_deleted",)])
    assert f"{path} have no record of how they were made and are made again." in said
    said = text_of(plans[("result_edited_by_hand",)])
    assert f"{path} are not as their job left them and are made again." in said


@pytest.mark.parametrize("how", [shutil.copy, shutil.copy2], ids=["cp -r", "cp -a"])
@pytest.mark.parametrize("hints", [True, False], ids=["with .snakemake", "without .snakemake"])
def test_copied_results_are_as_good_as_the_first(places, tmp_path, how, hints):
    source = places[0].folder
    # What is kept for this machine comes with the first plan.
    places[0].plan()
    left_out = () if hints else (".snakemake",)
    # Links stay links, as with cp.
    ignored = shutil.ignore_patterns(*left_out)
    shutil.copytree(source, tmp_path / "copy", symlinks=True, copy_function=how, ignore=ignored)
    copy = changes.Place(tmp_path / "copy")
    assert (copy.folder / ".snakemake").exists() == hints
    said = text_of(copy.plan())
    assert "Nothing to be done" in said
    # Snakemake's own metadata are not there, which is nothing to tell of.
    assert "metadata" not in said


def test_a_withdrawn_training_case_makes_its_models_stale(places, tmp_path):
    """By a run of the audit alone: the models that were trained on the case are named."""
    copied(places[0].folder, tmp_path / "copy")
    place = changes.Place(tmp_path / "copy")
    with changes.removed_training_case(place):
        command = [sys.executable, "-m", "snakemake", "--allowed-rules", "audit_leakage"]
        command += ["--configfile", "tests/demo/demo.yaml", "--until", "audit_leakage"]
        run = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    stale = read_table(place.file("results/test_demo/provenance/stale_models.tsv"))
    named = stale[stale["series"] == "msclc_004_20201130_thick"]
    assert set(named["model"]) == {"nnunet_finetuned"}


def test_the_documented_table_has_the_tested_rows(root):
    text = (root / "docs" / "operations.md").read_text()
    section = text[text.index("## What reruns") :]
    table = re.search(r"^\| you change .*?\n\|[-|]+\|\n(.*?)\n\n", section, re.S | re.M).group(1)
    rows = [line.split("|")[1].strip() for line in table.splitlines()]
    assert rows == list(dict.fromkeys(change.row for change in CHANGES))
