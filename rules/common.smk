"""What every stage shares: the study, read once and checked, wildcards, resources and inputs.

Comes in: the config, the sheets of series and molecular samples, the ledger. All of them are
read and checked here, while the workflow is parsed, so that a dry run finds what is wrong.
Goes out: `STUDY` (livermet.study), names in capitals and functions for the rule files; no rule
stands here.
"""

import os
import re
import sys
from functools import cache
from inspect import signature
from pathlib import Path

# Needed although `make setup` installs livermet: a clone without it runs too, with conda's
# environments, and a copy of the project has to run its own livermet and not the installed one.
sys.path[:0] = [str(Path(workflow.basedir, "workflow", *names)) for names in ((), ("scripts",))]

from livermet import __version__
from livermet.config.loading import check_config, in_order
from livermet.controller import name_as_controller
from livermet.errors import InputError, stop_on
from livermet.kernels import pin_kernel
from livermet.ledger.batches import parts_of
from livermet.models import classifiers_of
from livermet.provenance.environments import (
    ENVIRONMENTS,
    decisive_versions,
    prediction_versions,
)
from livermet.report.exhibits import EXHIBITS
from livermet.sheets import NAME_PATTERN
from livermet.study import read_study
from cluster import Requests, read_cluster, run_on_cluster
from messages import tell_reasons_first
from reruns import NOTES, decide_by_records
from searches import search_once

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


if PLANS_THE_RUN:
    checked(check_config, config)

config |= in_order(config)

search_once()
tell_reasons_first(workflow)
decide_by_records(
    workflow,
    config["allow_training"] or os.environ.get("LIVERMET_ALLOW_TRAINING", "") not in ("", "0"),
)

STUDY = checked(read_study, config, PLANS_THE_RUN)
if PLANS_THE_RUN:
    checked(STUDY.link_sources)
    NOTES += STUDY.notes
    for note in STUDY.notes:
        logger.warning(note)

RUN = STUDY.run
DATA_ROOT = config["data_root"]
SOURCE, TARGET = config["cohorts"]["source"], STUDY.target
FOLDS = STUDY.folds
FROM_TABLE, FROM_REFERENCE = STUDY.from_table, STUDY.from_reference
MODELS, FINAL_MODEL = STUDY.models, STUDY.final_model
PHENOTYPE_MASK, COMPARED = STUDY.phenotype_mask, STUDY.is_compared
PROBABILITIES = STUDY.saves_probabilities
AGGREGATION, BY_LESION = STUDY.aggregation, STUDY.is_by_lesion
HARMONISATION, HARMONISED = config["phenotype"]["harmonisation"], STUDY.harmonisation
PREPARATION = {
    "transform": config["phenotype"]["feature_transform"],
    "redundancy": config["phenotype"]["redundancy"],
}
PROTOCOLS = config["phenotype"]["protocols"]
CLASSIFIERS = {protocol: classifiers_of(protocol) for protocol in ("published", "corrected")}
# What makes a lesion, wherever lesions are counted.
COMPONENTS = {key: config["detection"][key] for key in ("connectivity", "minimum_lesion_voxels")}
# Whether an article's printed numbers stand beside the run's, and its class weights are searched.
REPRODUCED = bool(config["phenotype"]["printed_values"]) and "published" in PROTOCOLS
SEARCHED = config["phenotype"]["published_weights"] == "searched"
# What a profile says of a SLURM cluster, and what jobs ask for.
CLUSTER = read_cluster(workflow)
REQUESTS = Requests(CLUSTER)
memory, memory_by_size, minutes = REQUESTS.memory, REQUESTS.memory_by_size, REQUESTS.minutes
minutes_of_training = REQUESTS.minutes_of_training
run_on_cluster(workflow, CLUSTER, REQUESTS, config["run"])
# 'auto' takes a GPU where there is one, so the job has to be sent where one may be.
ON_GPU = config["segmentation"]["device"] != "cpu"
GPU = CLUSTER.gpus(int(ON_GPU))


def by_wildcards(method, **fixed):
    """Make the input function that calls a method with those wildcards that it has arguments for."""
    names = [name for name in signature(method).parameters if name not in fixed]

    def of_job(wildcards):
        return method(**{name: getattr(wildcards, name) for name in names}, **fixed)

    return of_job


def one_of(names):
    """Make the regular expression that matches one of some names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


# A name's form and not all names: each file is tried against it, and studies have thousands.
wildcard_constraints:
    series=NAME_PATTERN,
    study=rf"{NAME_PATTERN}_\d{{8}}",
    batch=r"b\d+",
    model=one_of(MODELS),
    fold=one_of(map(str, FOLDS)),
    mask=one_of([*MODELS, *STUDY.fold_masks, "reference", "table"]),
    protocol=one_of(PROTOCOLS),
    classifier=one_of(CLASSIFIERS["corrected"]),


def is_defined(name):
    """Tell whether a rule has to stand here; a process that runs one job needs its own alone."""
    # Snakemake's settings of the plan are not there yet while the workflow is parsed.
    return PLANS_THE_RUN or name in sys.argv


def found_weights(wildcards):
    """Return the class weights that the published protocol's own search found, if it is to use them."""
    if not SEARCHED:
        return []
    return f"{RUN}/phenotype/{wildcards.mask}/published/{wildcards.classifier}/weights.tsv"


def predictions_of_protocol(wildcards):
    """List the predictions of a protocol's classifiers, and of the test set where it stands apart."""
    folder = f"{RUN}/phenotype/{wildcards.mask}/{wildcards.protocol}"
    tested = [f"{folder}/test_predictions.tsv"] if wildcards.protocol == "corrected" else []
    classifiers = CLASSIFIERS[wildcards.protocol]
    return [f"{folder}/{classifier}/predictions.tsv" for classifier in classifiers] + tested


def cross_validation_of_protocol(wildcards):
    """List the scores of a protocol's classifiers in cross-validation."""
    folder = f"{RUN}/phenotype/{wildcards.mask}/{wildcards.protocol}"
    classifiers = CLASSIFIERS[wildcards.protocol]
    return [f"{folder}/{classifier}/cross_validation.tsv" for classifier in classifiers]


def published_predictions(wildcards):
    """List the published protocol's predictions, where the run has it."""
    folder = f"{RUN}/phenotype/{PHENOTYPE_MASK}/published"
    if "published" not in PROTOCOLS:
        return []
    return [f"{folder}/{classifier}/predictions.tsv" for classifier in CLASSIFIERS["published"]]


# The 200 weights of the published search, in parts; a forest takes as long as 30 other models.
WEIGHTS = {
    classifier: parts_of(200, 25 if classifier == "RF" else 200, first=1)
    for classifier in CLASSIFIERS["published"]
}


def parts_of_search(wildcards):
    """List the parts of a classifier's search of class weights."""
    folder = f"{RUN}/phenotype/{wildcards.mask}/published/{wildcards.classifier}/weights"
    return [f"{folder}/{part}.tsv" for part in WEIGHTS[wildcards.classifier]]


def exhibit(key):
    """Mark an exhibit's file for Snakemake's own report, as the registry tells of it."""
    shown = EXHIBITS[key]
    caption = f"../workflow/report/{key}.rst"
    return report(f"{RUN}/{shown.path}", caption=caption, category=shown.category)


def pins(environment):
    """Return the versions that a rule's results depend on, as its conda environment pins them."""
    return decisive_versions(environment)


def prediction_pins(environment):
    """Return the same of a rule that predicts, which other packages may compute than train."""
    return prediction_versions(environment)


def made_for_readers(wildcards):
    """List what the run makes for readers, from its folder on: the inputs of its target."""
    target = rules.patients if STUDY.is_packed else rules.all
    return [path.removeprefix(f"{RUN}/") for path in target.input]
