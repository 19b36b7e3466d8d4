"""What every stage shares: the checked config, sheets and ledger, paths and resources.

Comes in: the config, the sheets of series and molecular samples, the ledger. All of them are
read and checked here, while the workflow is parsed, so that a dry run finds what is wrong.
Goes out: names in capitals and functions for the rule files; no rule stands here.
"""

import os
import re
import sys
from functools import cache
from pathlib import Path

import pandas as pd

sys.path[:0] = [str(Path(workflow.basedir, "workflow", *names)) for names in ((), ("scripts",))]

from livermet.cohort import match_samples, unusable_for_classes
from livermet.config import check_config, in_order
from livermet.controller import name_as_controller
from livermet.errors import InputError, stop_on
from livermet.kernels import pin_kernel
from livermet.leakage import audit_roles, leaks
from livermet.ledger import empty_ledger, lacking, read_ledger, unusable_sets
from livermet.monai_models.settings import VALIDATION_FOLD
from livermet.phenotype.table import read_feature_table
from livermet.provenance import package_hash, pinned_versions
from livermet.radiomics.aggregation import features_file
from livermet.report.exhibits import EXHIBITS
from livermet.sheets import (
    NAME_PATTERN,
    missing_files,
    missing_sheets,
    read_molecular,
    read_phantoms,
    read_series,
)
from reruns import decide_by_records
from searches import search_once

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")
NNUNET_MODELS = ("nnunet", "nnunet_finetuned")
# Other processes run one job of a plan that this one has made and checked.
PLANS_THE_RUN = workflow.is_main_process
# A Snakemake that runs one job for another on the same machine leaves that one's name.
if not workflow.subprocess_exec:
    name_as_controller()


def checked(read, *arguments):
    """Call a reader; bad input ends the run with its sentences and without a traceback."""
    try:
        return read(*arguments)
    except InputError as error:
        # Snakemake's own error would print the lines of this file below the sentences.
        sys.exit(str(error))


checked(
    check_config,
    config,
    Path(workflow.basedir) / "config" / "schemas" / "config.schema.yaml",
)

config |= in_order(config)

search_once()
decide_by_records(
    workflow,
    config["allow_training"] or os.environ.get("LIVERMET_ALLOW_TRAINING", "") not in ("", "0"),
)

RUN = f"results/{config['run']}"
DATA_ROOT = config["data_root"]
SOURCE, TARGET = config["cohorts"]["source"], config["cohorts"]["target"]
FOLDS = list(range(config["split"]["folds"]))
FROM_TABLE = bool(config["phenotype"]["table"])
FROM_REFERENCE = not FROM_TABLE and config["segmentation"]["source"] == "reference"
MODELS = [] if FROM_TABLE or FROM_REFERENCE else config["segmentation"]["models"]
FINAL_MODEL = config["segmentation"]["final_model"] if MODELS else None
PHENOTYPE_MASK = "table" if FROM_TABLE else "reference" if FROM_REFERENCE else FINAL_MODEL
# Predicted masks' phenotype stage has that of the reference masks beside it.
COMPARED = bool(MODELS) and config["phenotype"]["compare_with_reference"]
PROBABILITIES = bool(MODELS) and config["segmentation"]["lesion_probability"]
# What makes a lesion, wherever lesions are counted.
COMPONENTS = {key: config["detection"][key] for key in ("connectivity", "minimum_lesion_voxels")}
PERTURBATIONS = config["radiomics"]["perturbations"]
PROTOCOLS = config["phenotype"]["protocols"]
# What the corrected protocol's features are of; the published one's are always of the union.
AGGREGATION = config["phenotype"]["aggregation"] if "corrected" in PROTOCOLS else "union"
if FROM_TABLE:
    AGGREGATION = "table"
BY_LESION = AGGREGATION not in ("table", "union")
# By what features are harmonised, and the file of each series' batch where they are.
HARMONISATION = config["phenotype"]["harmonisation"]
HARMONISED = f"{RUN}/cohort/harmonisation.tsv" if HARMONISATION["by"] else []
# Whether an article's printed numbers stand beside the run's, and its class weights are searched.
REPRODUCED = bool(config["phenotype"]["printed_values"]) and "published" in PROTOCOLS
SEARCHED = config["phenotype"]["published_weights"] == "searched"
CLASSIFIERS = ("LR", "RF", "XGB")
# 'auto' takes a GPU where there is one, so the job has to be sent where one may be.
GPU = 0 if config["segmentation"]["device"] == "cpu" else 1


def read_study():
    """Read and check the sheets and the ledger, each against the other, or the feature table."""
    if FROM_TABLE:
        read_feature_table(config["phenotype"]["table"], config["phenotype"]["name"], complete=True)
        return pd.DataFrame(columns=["patient", "cohort", "series"]), None, None, empty_ledger()
    sheets = config["sheets"]
    if PLANS_THE_RUN:
        stop_on(missing_sheets(sheets["series"], sheets["molecular"], DATA_ROOT))
    series = read_series(sheets["series"], config["cohorts"].values())
    molecular = read_molecular(sheets["molecular"])
    phantoms = read_phantoms(sheets["phantoms"]) if sheets["phantoms"] else None
    ledger = read_ledger(config["ledger"], verify=PLANS_THE_RUN)
    if PLANS_THE_RUN:
        check_study(series, molecular, phantoms, ledger)
    return series, molecular, phantoms, ledger


def check_study(series, molecular, phantoms, ledger):
    """Hold the sheets, the ledger and the files against one another; tell all that is wrong."""
    found = series if phantoms is None else series[~series["series"].isin(phantoms.index)]
    stop_on(
        missing_files(found, DATA_ROOT)
        + lacking(series, ledger, needed_training_sets())
        + unusable_sets(ledger, needed_training_sets(), len(FOLDS))
        + unusable_target(series, molecular, ledger.places)
        + series_without_batch(series, molecular)
        + cases_without_liver(series)
    )


def unusable_target(series, molecular, places):
    """Say, before any long job, why the target cohort could not train and test classifiers."""
    target = series[series["cohort"] == TARGET]
    segmented = target[target["reference"] != ""]
    found = unusable_series(segmented if FROM_REFERENCE else target, molecular, places)
    if found or not COMPARED:
        return found
    return [
        f"Of the series with a reference alone (phenotype.compare_with_reference): {sentence}"
        for sentence in unusable_series(segmented, molecular, places)
    ]


def rows_to_match(wildcards):
    """Give of each series what samples are matched by and the split is counted by."""
    columns = ["series", "patient", "study_date", "cohort", "reference", "lesions_read"]
    rows = SERIES.reindex(columns=columns).astype({"study_date": str})
    # Where a reference lies decides nothing.
    return rows.assign(reference=rows["reference"].where(rows["reference"] == "", "yes")).to_dict(
        "records"
    )


def rows_to_place(wildcards):
    """Give of each series whose it is, and whether it is in training or test."""
    rows = SERIES[["series", "patient", "cohort"]]
    places = rows["patient"].map(PLACES).eq("test").map({True: "test", False: "train"})
    return rows.assign(place=places).to_dict("records")


def unusable_series(series, molecular, places):
    """Say why some series of the target cohort could not train and test classifiers."""
    return unusable_for_classes(matched_samples(series, molecular), places)


def matched_samples(series, molecular):
    """Give each series of the target cohort its molecular sample, and say who is excluded."""
    return match_samples(
        series,
        molecular,
        config["matching"]["window_days"],
        config["phenotype"]["positive_above"],
    )


def series_without_batch(series, molecular):
    """Say which included series have no header to tell the batch that features are harmonised by."""
    if not HARMONISED:
        return []
    matched = matched_samples(series[series["cohort"] == TARGET], molecular)
    images = series.loc[matched.loc[matched["included"], "series"], "image"]
    bare = list(images.index[images.str.endswith(VOLUME_SUFFIXES)])
    return [
        f"Series '{name}': its image is a volume without a DICOM header, so that its "
        f"{HARMONISATION['by']} is not known and its features cannot be harmonised; name a DICOM "
        "folder, or set phenotype.harmonisation.by to null."
        for name in bare
    ]


def cases_without_liver(series):
    """Name the references that networks would learn a false background from."""
    if not MODELS or config["reference_labels"]["liver"]:
        return []
    bare = series[(series["reference"] != "") & (series["liver_mask"] == "")]
    return [
        f"Series '{name}': its reference holds lesions only (reference_labels.liver is null), so "
        "that networks would learn, and scores count, its liver as background; name a liver_mask."
        for name in bare.index
    ]


def ct(series):
    """Give the ingested CT of a series."""
    return f"{RUN}/series/{series}/ct.nii.gz"


def needed_training_sets():
    """Name the training sets of the models that this run trains."""
    sets = config["training_sets"]
    names = [sets["base"]] if MODELS else []
    return names + ([sets["finetuned"]] if "nnunet_finetuned" in MODELS else [])


SERIES, MOLECULAR, PHANTOMS, LEDGER = checked(read_study)
PLACES = LEDGER.places
PATIENT = dict(zip(SERIES.index, SERIES["patient"]))
for name in needed_training_sets():
    PATIENT.update(LEDGER.training_sets[name])
# What the sheet says of each series: a dictionary is asked many times faster than a table.
ROWS = SERIES.to_dict("index")
BATCHES = {}
for name, batch in LEDGER.batches.itertuples(index=False):
    if name in ROWS:
        BATCHES.setdefault(batch, []).append(name)


def series_of(cohort):
    """List the series of a cohort in the sheet's order."""
    return list(SERIES.index[SERIES["cohort"] == cohort])


TARGET_SERIES = series_of(TARGET)


def is_dicom(series):
    """Tell whether the image of a series is a folder of DICOM files, by its name."""
    return not ROWS[series]["image"].endswith(VOLUME_SUFFIXES)


REFERENCE_SERIES = [name for name, row in ROWS.items() if row["reference"] or row["liver_mask"]]


def records_of(names, kind):
    """Make the function that lists one kind of records of some series."""

    def of_series(wildcards):
        return [f"{RUN}/series/{series}/{kind}.json" for series in names]

    return of_series


def rows_of_series(wildcards):
    """Give the cohort and the phase of every series."""
    return {name: {key: row[key] for key in ("cohort", "phase")} for name, row in ROWS.items()}


def one_of(names):
    """Make the regular expression that matches one of some names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


# A name's form and not all names: each file is tried against it, and studies have thousands.
wildcard_constraints:
    series=NAME_PATTERN,
    batch=r"b\d+",
    model=one_of(MODELS),
    fold=one_of(map(str, FOLDS)),
    mask=one_of([*MODELS, "reference", "table"]),
    protocol=one_of(PROTOCOLS),
    classifier=one_of(CLASSIFIERS),


def phantom_series(kind):
    """List the phantoms that are written as 'nifti' or as 'dicom'."""
    return [] if PHANTOMS is None else list(PHANTOMS.index[PHANTOMS["kind"] == kind])


def phantom_row(wildcards):
    """Give what a phantom shows and what its header tells; patient and date are the study's."""
    patient, date = SERIES.loc[wildcards.series, ["patient", "study_date"]]
    study = {"patient": patient, "study_date": f"{date:%Y-%m-%d}"}
    return {**PHANTOMS.loc[wildcards.series].to_dict(), **study}


def source_path(series, column):
    """Give the path of a series' image, reference or liver mask; None where the sheet has none."""
    name = ROWS[series][column]
    return str(Path(DATA_ROOT) / name) if name else None


def image_source(wildcards):
    """Give the volume or DICOM folder of the series in question."""
    return source_path(wildcards.series, "image")


def kind_of_source(wildcards):
    """Say how the series in question is stored, 'dicom' or 'volume'."""
    return "dicom" if is_dicom(wildcards.series) else "volume"


def reference(series):
    """Give the ingested reference of a series."""
    return f"{RUN}/series/{series}/reference.nii.gz"


def has_reference(series):
    """Tell whether a human has segmented a series' lesions."""
    return bool(ROWS[series]["reference"])


def training_set(name):
    """List the series of a training set in the ledger, those withdrawn from the sheet included."""
    return list(LEDGER.training_sets[name])


def trained_patients(model, fold=None):
    """Name the patients whose scans a model was trained on, its lineage included.

    Of a model in folds one fold's network leaves the patients of that fold out.
    """
    sets = config["training_sets"]
    names = {sets["base"]} | ({sets["finetuned"]} if model == "nnunet_finetuned" else set())
    patients = {patient for name in names for patient in LEDGER.training_sets[name].values()}
    return {patient for patient in patients if PLACES[patient] != str(fold)}


def trained_by_final_model():
    """List the series that the final model's weights were fitted on, all folds together."""
    if not MODELS:
        return []
    cases = training_set(
        config["training_sets"]["finetuned" if FINAL_MODEL == "nnunet_finetuned" else "base"]
    )
    if FINAL_MODEL in NNUNET_MODELS:
        return cases
    return [series for series in cases if PLACES[PATIENT[series]] != str(VALIDATION_FOLD)]


TRAINED = {model: trained_patients(model) for model in MODELS}


def prediction_kind(model, series):
    """Say how a series is predicted: 'ensemble', 'out_of_fold', 'single', or None for not at all.

    The MONAI networks have one split, so that no network of theirs can score its patients.
    """
    seen = PATIENT[series] in TRAINED[model]
    if model in NNUNET_MODELS:
        return "out_of_fold" if seen else "ensemble"
    return None if seen else "single"


def prediction_path(model, series):
    """Give the path of a model's prediction for a series."""
    return f"{RUN}/predictions/{model}/{prediction_kind(model, series)}/{series}.nii.gz"


def probability_path(model, series):
    """Give the path of a model's lesion probabilities for a series."""
    return f"{RUN}/probabilities/{model}/{prediction_kind(model, series)}/{series}.nii.gz"


def probability_paths(model, names):
    """List the paths of a model's lesion probabilities for some series, where they are saved."""
    return [probability_path(model, series) for series in names] if PROBABILITIES else []


def predicted_series(model):
    """List the series that a model predicts, in the sheet's order."""
    return [series for series in ROWS if prediction_kind(model, series)]


def batches_of(names):
    """Group series by the ledger's batches: {batch: its series}, without empty batches."""
    names = set(names)
    members = {batch: [s for s in all_ if s in names] for batch, all_ in BATCHES.items()}
    return {batch: found for batch, found in members.items() if found}


def is_defined(name):
    """Tell whether a rule has to stand here; a process that runs one job needs its own alone."""
    # Snakemake's settings of the plan are not there yet while the workflow is parsed.
    return PLANS_THE_RUN or name in sys.argv


BATCHES_OF_MODEL = {model: batches_of(predicted_series(model)) for model in MODELS}


def scans_of_batch(wildcards):
    """Say how each series of a batch that the model in question predicts is scored."""
    return {
        series: {
            "kind": prediction_kind(wildcards.model, series),
            "reference": has_reference(series),
        }
        for series in BATCHES_OF_MODEL[wildcards.model][wildcards.batch]
    }


def predictions_of_batch(wildcards):
    """List the predictions of a model for the series of a batch."""
    return [prediction_path(wildcards.model, series) for series in scans_of_batch(wildcards)]


def references_of_batch(wildcards):
    """List the references of the series of a batch that a model predicts, where there are any."""
    return [reference(series) for series in scans_of_batch(wildcards) if has_reference(series)]


def probabilities_of_batch(wildcards):
    """List the lesion probabilities of a batch's series, where they are saved and used."""
    scored = [series for series in scans_of_batch(wildcards) if has_reference(series)]
    return probability_paths(wildcards.model, scored)


def detection_of_model(name):
    """Make the function that lists a model's detection tables of one kind, one a batch."""

    def of_model(wildcards):
        folder = f"{RUN}/detection/{wildcards.model}/batches"
        return [f"{folder}/{batch}.{name}.tsv" for batch in BATCHES_OF_MODEL[wildcards.model]]

    return of_model


def series_of_model(wildcards):
    """List the series that the model in question predicts, in the sheet's order."""
    return predicted_series(wildcards.model)


def masked_series(mask):
    """List the target series that have a mask: every one by a model, some by a human."""
    by_model = mask != "reference"
    return [series for series in TARGET_SERIES if by_model or has_reference(series)]


def series_of_mask(wildcards):
    """List the target series that have the mask in question, in the sheet's order."""
    return masked_series(wildcards.mask)


@cache
def batches_of_mask(mask):
    """Group the target series that have a mask by the ledger's batches."""
    return batches_of(masked_series(mask))


def members_of_batch(wildcards):
    """Name the target series of a batch that have the mask in question."""
    return dict.fromkeys(batches_of_mask(wildcards.mask)[wildcards.batch], True)


def cts_of_batch(wildcards):
    """List the CTs of the target series of a batch that have the mask in question."""
    return [ct(series) for series in members_of_batch(wildcards)]


def label_map(mask, series):
    """Give the label map of a series that radiomics is taken from."""
    return reference(series) if mask == "reference" else prediction_path(mask, series)


def labels_of_batch(wildcards):
    """List the label maps of the target series of a batch that have the mask in question."""
    return [label_map(wildcards.mask, series) for series in members_of_batch(wildcards)]


def features_of_batches(name):
    """Make the function that lists a mask's tables of features of one kind, one a batch."""

    def of_mask(wildcards):
        folder = f"{RUN}/radiomics/{wildcards.mask}/batches"
        return [f"{folder}/{batch}.{name}.tsv" for batch in batches_of_mask(wildcards.mask)]

    return of_mask


def feature_table(mask, protocol):
    """Give the feature table of a mask that a protocol learns from."""
    by_lesion = BY_LESION and protocol == "corrected"
    return f"{RUN}/radiomics/{mask}/{features_file(AGGREGATION if by_lesion else 'union')}"


def features_of_protocol(wildcards):
    """Give the feature table that the protocol in question learns from."""
    return feature_table(wildcards.mask, wildcards.protocol)


def detection_of_mask(name):
    """Make the function that gives detection's table of the mask in question, of one kind.

    The reference's lesions are matched with the final model's; given masks have no detection.
    """

    def of_mask(wildcards):
        model = FINAL_MODEL if wildcards.mask == "reference" else wildcards.mask
        return f"{RUN}/detection/{model}/{name}.tsv" if model in MODELS else []

    return of_mask


@cache
def included_series(mask):
    """List the target series that have a mask and that the matching includes."""
    matched = matched_samples(SERIES.loc[masked_series(mask)], MOLECULAR)
    return list(matched.loc[matched["included"], "series"])


def reported_series(wildcards):
    """List the series whose burden the report needs: of given masks only features tell it."""
    if FROM_TABLE:
        return []
    return (included_series if FROM_REFERENCE else masked_series)(PHENOTYPE_MASK)


def perturbed_series(mask):
    """List the training series that classifiers see, whose masks are perturbed."""
    if FROM_TABLE or not PERTURBATIONS["count"]:
        return []
    return [name for name in included_series(mask) if PLACES[PATIENT[name]] != "test"]


PERTURBED = batches_of(perturbed_series(PHENOTYPE_MASK))


def perturbed_of_batch(wildcards):
    """Name the series of a batch whose masks are perturbed."""
    return dict.fromkeys(PERTURBED[wildcards.batch], True)


def cts_of_perturbed(wildcards):
    """List the CTs of the series of a batch whose masks are perturbed."""
    return [ct(series) for series in PERTURBED[wildcards.batch]]


def labels_of_perturbed(wildcards):
    """List the label maps of the series of a batch whose masks are perturbed."""
    return [label_map(wildcards.mask, series) for series in PERTURBED[wildcards.batch]]


def batches_of_protocol(wildcards):
    """Give the batches that features are harmonised by, in the one protocol that does it."""
    return HARMONISED if wildcards.protocol == "corrected" else []


def patients_of_batches(wildcards):
    """Give the number of patients that each batch needs, where a protocol harmonises by batches."""
    return HARMONISATION["minimum_patients"] if batches_of_protocol(wildcards) else None


def found_weights(wildcards):
    """Give the class weights that the published protocol's own search found, if it is to use them."""
    if not SEARCHED:
        return []
    return f"{RUN}/phenotype/{wildcards.mask}/published/{wildcards.classifier}/weights.tsv"


def predictions_of_protocol(wildcards):
    """List the predictions of a protocol's classifiers, and of the test set where it stands apart."""
    folder = f"{RUN}/phenotype/{wildcards.mask}/{wildcards.protocol}"
    tested = [f"{folder}/test_predictions.tsv"] if wildcards.protocol == "corrected" else []
    return [f"{folder}/{classifier}/predictions.tsv" for classifier in CLASSIFIERS] + tested


def published_predictions(wildcards):
    """List the published protocol's predictions, where the run has it."""
    folder = f"{RUN}/phenotype/{PHENOTYPE_MASK}/published"
    if "published" not in PROTOCOLS:
        return []
    return [f"{folder}/{classifier}/predictions.tsv" for classifier in CLASSIFIERS]


def parts_of(count, size, first):
    """Cut the numbers from `first` to `count` into parts: {part: [its first, its last]}."""
    starts = range(first, count + 1, size)
    return {str(part): [start, min(start + size - 1, count)] for part, start in enumerate(starts)}


# The 200 weights of the published search, in parts; a forest takes as long as 30 other models.
WEIGHTS = {
    classifier: parts_of(200, 25 if classifier == "RF" else 200, first=1)
    for classifier in CLASSIFIERS
}


def numbers_of_weights(wildcards):
    """Give the first and the last class weight of a part of the published search."""
    return WEIGHTS[wildcards.classifier][wildcards.part]


def parts_of_search(wildcards):
    """List the parts of a classifier's search of class weights."""
    folder = f"{RUN}/phenotype/{wildcards.mask}/published/{wildcards.classifier}/weights"
    return [f"{folder}/{part}.tsv" for part in WEIGHTS[wildcards.classifier]]


def numbers_of_permutations(wildcards):
    """Give the first and the last permutation of a part."""
    return PERMUTATIONS[wildcards.part]


def seeds_of_null_cohorts(wildcards):
    """Give the first and the last seed of a part of the null cohorts."""
    return NULL_COHORTS[wildcards.part]


def planned_leaks():
    """Audit what this run is about to train, from the ledger alone."""
    networks = [
        (model, str(fold))
        for model in MODELS
        for fold in (FOLDS if model in NNUNET_MODELS else [VALIDATION_FOLD])
    ]
    stop_on(
        [
            sentence
            for model, fold in networks
            for sentence in leaks(
                audit_roles(
                    LEDGER.splits, "segmentation", model, fold, trained_patients(model, fold)
                )
            )
        ]
    )


if PLANS_THE_RUN:
    checked(planned_leaks)


def settings_of_run():
    """Give the config without what is no part of a result.

    Left out are places on this machine (sheets, ledger, data, table), leave to train, and what jobs
    of networks may take.
    """
    other = ("data_root", "sheets", "ledger", "allow_training")
    kept = {key: config[key] for key in config if key not in other}
    networks = {
        key: {name: setting for name, setting in value.items() if name != "jobs"}
        for key, value in config["segmentation"].items()
        if key in ("monai", "nnunet")
    }
    return kept | {
        "segmentation": config["segmentation"] | networks,
        "phenotype": {**config["phenotype"], "table": FROM_TABLE},
    }


def exhibit(key):
    """Mark an exhibit's file for Snakemake's own report, as the registry tells of it."""
    shown = EXHIBITS[key]
    caption = f"../workflow/report/{key}.rst"
    return report(f"{RUN}/{shown.path}", caption=caption, category=shown.category)


def code_of_package(wildcards):
    """Hash all of livermet's logic, in the one job that asks for it."""
    return package_hash()


def pins(environment):
    """Give the versions that a rule computes with, as its conda environment pins them."""
    return pinned_versions(Path(workflow.basedir) / "envs" / f"{environment}.yaml")


def memory(megabytes):
    """Ask for memory that grows with each attempt."""

    def of_attempt(wildcards, attempt):
        return megabytes * attempt

    return of_attempt


def minutes(count):
    """Ask for a time that grows with each attempt."""

    def of_attempt(wildcards, attempt):
        return count * attempt

    return of_attempt
