"""What every stage shares: the checked config, sheets and ledger, paths and resources.

Comes in: the config, the sheets of series and molecular samples, the ledger. All of them are
read and checked here, while the workflow is parsed, so that a dry run finds what is wrong.
Goes out: names in capitals and functions for the rule files; no rule stands here.
"""

import os
import re
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from livermet.cohort import match_samples, unusable_for_classes
from livermet.config import check_config, in_order
from livermet.errors import InputError, stop_on
from livermet.kernels import pin_kernel
from livermet.leakage import audit_roles, leaks
from livermet.ledger import empty_ledger, lacking, read_ledger, unusable_sets
from livermet.monai_models.settings import VALIDATION_FOLD, settings_of
from livermet.phenotype.table import read_feature_table
from livermet.provenance import code_hash, listing_digest, pinned_versions
from livermet.sheets import (
    missing_files,
    missing_sheets,
    read_molecular,
    read_phantoms,
    read_series,
)

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")
NNUNET_MODELS = ("nnunet", "nnunet_finetuned")


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
    stop_on(missing_sheets(sheets["series"], sheets["molecular"], DATA_ROOT))
    series = read_series(sheets["series"], config["cohorts"].values())
    molecular = read_molecular(sheets["molecular"])
    phantoms = read_phantoms(sheets["phantoms"]) if sheets["phantoms"] else None
    found = series if phantoms is None else series[~series["series"].isin(phantoms.index)]
    ledger = read_ledger(config["ledger"])
    stop_on(
        missing_files(found, DATA_ROOT)
        + lacking(series, ledger, needed_training_sets())
        + unusable_sets(ledger, needed_training_sets(), len(FOLDS))
        + unusable_target(series, molecular, ledger.places)
        + cases_without_liver(series)
        + withdrawn_without_files(series, ledger)
    )
    return series, molecular, phantoms, ledger


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


def withdrawn_without_files(series, ledger):
    """Name the withdrawn training cases whose ingested volumes are not there to train on."""
    return [
        f"Training set '{name}' holds series '{case}', which is neither in the sheet of series nor "
        "ingested; put its row back, or name a new training set without it."
        for name in needed_training_sets()
        for case in ledger.training_sets.get(name, {})
        if case not in series.index and not Path(ct(case)).exists()
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
BATCHES = {
    batch: [name for name in group["series"] if name in SERIES.index]
    for batch, group in LEDGER.batches.groupby("batch")
}


def series_of(cohort):
    """List the series of a cohort in the sheet's order."""
    return list(SERIES.index[SERIES["cohort"] == cohort])


TARGET_SERIES = series_of(TARGET)


def is_dicom(series):
    """Tell whether the image of a series is a folder of DICOM files, by its name."""
    return not SERIES.at[series, "image"].endswith(VOLUME_SUFFIXES)


DICOM_SERIES = [series for series in SERIES.index if is_dicom(series)]
VOLUME_SERIES = [series for series in SERIES.index if not is_dicom(series)]
REFERENCE_SERIES = [
    series
    for series in SERIES.index
    if SERIES.at[series, "reference"] or SERIES.at[series, "liver_mask"]
]


def one_of(names):
    """Make the regular expression that matches one of some names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    series=one_of(SERIES.index),
    model=one_of(MODELS),
    fold=one_of(map(str, FOLDS)),
    mask=one_of([*MODELS, "reference", "table"]),
    protocol=one_of(PROTOCOLS),
    classifier=one_of(CLASSIFIERS),


def phantom_series(kind):
    """Make the expression that matches the phantoms written as 'nifti' or as 'dicom'."""
    return one_of([] if PHANTOMS is None else PHANTOMS.index[PHANTOMS["kind"] == kind])


def phantom_row(wildcards):
    """Give what a phantom shows, and the facts of its patient that a CT's header tells."""
    facts = SERIES.loc[wildcards.series, ["patient", "phase", "sex"]].to_dict()
    age = SERIES.at[wildcards.series, "age"]
    facts["age"] = "" if pd.isna(age) else int(age)
    facts["study_date"] = f"{SERIES.at[wildcards.series, 'study_date']:%Y-%m-%d}"
    return {**PHANTOMS.loc[wildcards.series].to_dict(), **facts}


def source_path(series, column):
    """Give the path of a series' image, reference or liver mask; None where the sheet has none."""
    name = SERIES.at[series, column]
    return str(Path(DATA_ROOT) / name) if name else None


def image_source(wildcards):
    """Give the volume or DICOM folder of the series in question."""
    return source_path(wildcards.series, "image")


def reference_source(wildcards):
    """Give the segmentation of the series in question as the sheet names it, or nothing."""
    return source_path(wildcards.series, "reference") or []


def liver_mask_source(wildcards):
    """Give the liver mask of the series in question as the sheet names it, or nothing."""
    return source_path(wildcards.series, "liver_mask") or []


def phase_of_series(wildcards):
    """Give the contrast phase of the series in question."""
    return SERIES.at[wildcards.series, "phase"]


def dicom_listing(wildcards):
    """Digest the listing of a DICOM series; Snakemake does not see a slice overwritten in place."""
    if PHANTOMS is not None and wildcards.series in PHANTOMS.index:
        return "made by a rule"
    return listing_digest(Path(source_path(wildcards.series, "image")))


def reference(series):
    """Give the ingested reference of a series."""
    return f"{RUN}/series/{series}/reference.nii.gz"


def has_reference(series):
    """Tell whether a human has segmented a series' lesions."""
    return bool(SERIES.at[series, "reference"])


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
    return [series for series in SERIES.index if prediction_kind(model, series)]


def prediction_of_series(wildcards):
    """Give a model's prediction of the series in question."""
    return prediction_path(wildcards.model, wildcards.series)


def kind_of_series(wildcards):
    """Say how a model predicts the series in question."""
    return prediction_kind(wildcards.model, wildcards.series)


def reference_of_series(wildcards):
    """Give the reference of the series in question, or nothing where its lesions have none."""
    return reference(wildcards.series) if has_reference(wildcards.series) else []


def probability_of_series(wildcards):
    """Give the lesion probabilities of the series in question, where they are saved and used."""
    if not PROBABILITIES or not has_reference(wildcards.series):
        return []
    return probability_path(wildcards.model, wildcards.series)


def detection_of_model(name):
    """Make the function that lists a model's detection tables of one kind, one a scan."""

    def of_model(wildcards):
        folder = f"{RUN}/detection/{wildcards.model}/series"
        return [f"{folder}/{series}.{name}.tsv" for series in predicted_series(wildcards.model)]

    return of_model


def labels_of_series(wildcards):
    """Give the label map that radiomics of the series in question is taken from."""
    if wildcards.mask == "reference":
        return reference(wildcards.series)
    return prediction_path(wildcards.mask, wildcards.series)


def masked_series(mask):
    """List the target series that have a mask: every one by a model, some by a human."""
    by_model = mask != "reference"
    return [series for series in TARGET_SERIES if by_model or has_reference(series)]


def unions_of_mask(wildcards):
    """List the features of the union of lesions, one file a target series."""
    folder = f"{RUN}/radiomics/{wildcards.mask}/series"
    return [f"{folder}/{series}.union.tsv" for series in masked_series(wildcards.mask)]


def lesions_of_mask(wildcards):
    """List the features of single lesions, one file a target series."""
    folder = f"{RUN}/radiomics/{wildcards.mask}/series"
    return [f"{folder}/{series}.lesions.tsv" for series in masked_series(wildcards.mask)]


def detection_of_mask(name):
    """Make the function that gives detection's table of the mask in question, of one kind.

    The reference's lesions are matched with the final model's; given masks have no detection.
    """

    def of_mask(wildcards):
        model = FINAL_MODEL if wildcards.mask == "reference" else wildcards.mask
        return f"{RUN}/detection/{model}/{name}.tsv" if model in MODELS else []

    return of_mask


def perturbed_of_mask(mask):
    """List the features in perturbed masks, one file a training series that classifiers see."""
    if FROM_TABLE or not PERTURBATIONS["count"]:
        return []
    matched = matched_samples(SERIES.loc[masked_series(mask)], MOLECULAR)
    named = matched.loc[matched["included"], "series"]
    folder = f"{RUN}/radiomics/{mask}/series"
    return [f"{folder}/{name}.perturbed.tsv" for name in named if PLACES[PATIENT[name]] != "test"]


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


def order_of_training(wildcards):
    """Give what the training in question depends on, as the network's rule file wrote it down."""
    return ORDERS[wildcards.order]


def settings_of_network(wildcards):
    """Give the settings of the MONAI network in question."""
    return checked(settings_of, config["segmentation"]["monai"], wildcards.model)


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


checked(planned_leaks)


def settings_of_run():
    """Give the config without what names places on this machine: sheets, ledger, data, table."""
    kept = {key: config[key] for key in config if key not in ("data_root", "sheets", "ledger")}
    return kept | {"phenotype": {**config["phenotype"], "table": FROM_TABLE}}


def code(*modules):
    """Hash the livermet modules that a rule uses, so that their logic is part of its params."""
    return code_hash(*modules)


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
