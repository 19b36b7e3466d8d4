"""Networks: what decides the weights of each, and whether they are trained. No rule stands here.

Comes in: the config, the ledger's training sets, the code and versions behind a training, the
records of finished jobs.
Goes out: `NETWORKS`, by model, all that decides a network's weights, and `PLANNINGS`, all that
decides what nnU-Net prepares for them. They are params of the rules that prepare and train.

A network that is trained reads nothing: its rule then has no inputs, so that no volume that
changes, comes or goes reaches it, and what depends on it is planned like everything else. (With
`ancient()` inputs Snakemake passes over all that lies behind them, snakemake issue 4166.) While no
fold of a training set is trained, its volumes count as any input does. A new training set, another
setting or other code is another network, which is trained only with leave (`allow_training`).
"""

from livermet.models import NETWORKS as LISTED, lineage, networks_of, training_role
from livermet.monai.settings import settings_of, split_by_fold, training_settings
from livermet.nnunet.layout import (
    PLANS,
    dataset_name,
    fold_folder,
    preprocessed_folder,
    raw_folder,
)
from livermet.nnunet.pretrained import checkpoints_by_fold
from livermet.provenance.code import script_hash
from livermet.provenance.records import NETWORK, is_trained, recall_logic, verified_checksums

recall_logic()

# Networks of a packed model are there already.
TRAINED = STUDY.trained_models
MONAI_MODELS = [model for model in TRAINED if model in networks_of("monai")]
MONAI_TRAINING, MONAI_VALIDATION = (
    checked(
        split_by_fold,
        {
            series: STUDY.place(series)
            for series in STUDY.training_set(config["training_sets"]["base"])
        },
    )
    if MONAI_MODELS
    else ([], [])
)

NNUNET = f"{RUN}/nnunet"
NNUNET_CONFIG = config["segmentation"]["nnunet"]
# A fine-tuned model starts from its base, so that it needs the base's training too.
NNUNET_SETS = {
    name: config["training_sets"][training_role(name)]
    for name in networks_of("nnunet")
    if any(name in lineage(model) for model in TRAINED)
}
NNUNET_DATASETS = {model: dataset_name(model, name) for model, name in NNUNET_SETS.items()}
# The network that a model is fine-tuned from; it plans its own dataset, and fine-tuning takes that
# plan.
BASES = {model: LISTED[model].finetuned_from for model in NNUNET_SETS}
NNUNET_SETTINGS = {
    model: NNUNET_CONFIG["finetuning" if BASES[model] else "training"] for model in BASES
}
# Weights of others, by fold: those networks begin from them that have no base.
PRETRAINED = (
    checked(checkpoints_by_fold, NNUNET_CONFIG["pretrained"], FOLDS)
    if NNUNET_SETS and NNUNET_CONFIG["pretrained"]
    else {}
)
PRETRAINED_CHECKSUMS = verified_checksums(PRETRAINED.values())
TAKES_PLAN = bool(PRETRAINED) and NNUNET_CONFIG["plans"] == "pretrained"

# A training that is forced reads its volumes, as does one that runs.
FORCED = not PLANS_THE_RUN or bool(
    {"-F", "--forceall", "train_monai", *(f"train_{model}" for model in BASES)} & set(sys.argv)
)


def logic(*scripts):
    """Hash the code of scripts that decide a network's weights, words for readers left out."""
    folder = Path(workflow.basedir, "workflow", "scripts")
    return {script: script_hash(folder / f"{script}.py", sentences=False) for script in scripts}


def monai_network(model):
    """Return all that decides the weights of a MONAI network."""
    settings = checked(settings_of, config["segmentation"]["monai"], model)
    return {
        "settings": training_settings(settings),
        "training_set": config["training_sets"]["base"],
        "training": MONAI_TRAINING,
        "validation": MONAI_VALIDATION,
        "patients": {
            series: STUDY.patients[series] for series in MONAI_TRAINING + MONAI_VALIDATION
        },
        "seed": config["seed"],
        "code": logic("train_monai"),
        "versions": pins("monai"),
    }


def nnunet_planning(model):
    """Return all that decides what nnU-Net prepares for a model, its base's preparation included."""
    base = {"base": nnunet_planning(BASES[model])} if BASES[model] else {}
    cases = STUDY.training_set(NNUNET_SETS[model])
    if TAKES_PLAN and not base:
        base = {"pretrained": PRETRAINED_CHECKSUMS[PRETRAINED[FOLDS[0]]]}
    return base | {
        "training_set": NNUNET_SETS[model],
        "places": {series: STUDY.place(series) for series in cases},
        "plans": NNUNET_CONFIG["plans"],
        "plan_changes": NNUNET_CONFIG["plan_changes"],
        "code": logic("describe_nnunet", "split_nnunet", "plan_nnunet", "preprocess_nnunet"),
        "versions": pins("nnunet"),
    }


def nnunet_network(model):
    """Return all that decides the weights of an nnU-Net model, its base's included."""
    base = {"base": nnunet_network(BASES[model])} if BASES[model] else {}
    settings = NNUNET_SETTINGS[model]
    if PRETRAINED and not base:
        # Where they lie decides nothing.
        base = {"pretrained": {k: PRETRAINED_CHECKSUMS[PRETRAINED[k]] for k in FOLDS}}
    return base | {
        "planning": nnunet_planning(model),
        "patients": {
            series: STUDY.patients[series] for series in STUDY.training_set(NNUNET_SETS[model])
        },
        # How often a checkpoint is saved decides no weight.
        "settings": {key: settings[key] for key in settings if key != "save_every"},
        "seed": config["seed"],
        "code": logic("train_nnunet"),
    }


PLANNINGS = {model: nnunet_planning(model) for model in NNUNET_SETS}
NETWORKS = {model: monai_network(model) for model in MONAI_MODELS}
NETWORKS |= {model: nnunet_network(model) for model in NNUNET_SETS}


def network_of_model(wildcards):
    """Return all that decides the weights of the network in question."""
    return NETWORKS[wildcards.model]


def checkpoint_of(model, fold):
    """Return the final checkpoint of a fold of an nnU-Net model."""
    if STUDY.is_packed:
        return STUDY.packed.checkpoint(fold)
    return f"{fold_folder(NNUNET, NNUNET_DATASETS[model], fold)}/checkpoint_final.pth"


def record_of(model, fold):
    """Return what a fold of an nnU-Net model was trained on, and how."""
    return f"{fold_folder(NNUNET, NNUNET_DATASETS[model], fold)}/model.json"


def training_records(model):
    """List the records of the networks of a model; of a packed one what it says of itself."""
    if STUDY.is_packed:
        return [STUDY.packed.manifest()]
    if model in MONAI_MODELS:
        return [f"{RUN}/monai/{model}/model.json"]
    return [record_of(model, fold) for fold in FOLDS]


def weights_of(model):
    """Return the weights of a MONAI network, with its settings."""
    return STUDY.packed.weights() if STUDY.is_packed else f"{RUN}/monai/{model}/model.pt"


def planned_files(model):
    """Name the files that prepare the training of an nnU-Net model."""
    raw = raw_folder(NNUNET, NNUNET_DATASETS[model])
    made = preprocessed_folder(NNUNET, NNUNET_DATASETS[model])
    return {
        "raw": f"{raw}/dataset.json",
        "description": f"{made}/dataset.json",
        "fingerprint": f"{made}/dataset_fingerprint.json",
        "plan": f"{made}/{PLANS}.json",
        "splits": f"{made}/splits_final.json",
        "cases": f"{made}/cases.json",
        "pretrained": f"{made}/pretrained.tsv",
    }


NNUNET_FILES = {model: planned_files(model) for model in NNUNET_SETS}


def prediction_file(model, name):
    """Return the plan or the description that predictions of an nnU-Net model go by."""
    return (STUDY.packed.plan() if STUDY.is_packed else NNUNET_FILES[model])[name]


@cache
def trained(model, fold=None):
    """Tell whether a network is there, and its weights are those that this run would train."""
    if model in MONAI_MODELS:
        log = f"{RUN}/logs/train_monai/{model}.log"
        made = [
            f"{RUN}/monai/{model}/{name}" for name in ("model.pt", "model.json", "training.tsv")
        ]
    else:
        log = f"{RUN}/logs/train_{model}/{fold}.log"
        made = [checkpoint_of(model, fold), record_of(model, fold)]
    return not FORCED and is_trained({NETWORK: NETWORKS[model]}, log, made)


@cache
def settled(model):
    """Tell whether a fold of a model is trained, so that what was prepared for it stays."""
    made = [NNUNET_FILES[model][name] for name in ("description", "plan")]
    return all(map(os.path.exists, made)) and any(trained(model, fold) for fold in FOLDS)


def until_settled(model, *paths):
    """Make the input function of what prepares a training: its files, or nothing once it is done."""

    def of_planning(wildcards):
        return [] if settled(model) else list(paths)

    return of_planning


def until_trained(model, *paths):
    """Make the input function of a fold's training: its files, or nothing once it is done."""

    def of_training(wildcards):
        fold = wildcards.fold
        return [] if trained(model, fold) else [path.format(fold=fold) for path in paths]

    return of_training


def pretrained_until_trained(model):
    """Make the input function of the weights of others that a fold begins from, as for files."""

    def of_training(wildcards):
        begins = PRETRAINED and not BASES[model] and not trained(model, wildcards.fold)
        return [PRETRAINED[int(wildcards.fold)]] if begins else []

    return of_training


def volumes_to_train(kind):
    """Make the function that lists the volumes of a MONAI network, or nothing once it is trained."""

    def of_network(wildcards):
        names = [] if trained(wildcards.model) else MONAI_TRAINING + MONAI_VALIDATION
        return [kind(series) for series in names]

    return of_network


def checked_data(wildcards):
    """Return the table that says that all data were read, or nothing once a network is trained."""
    return [] if trained(wildcards.model) else f"{RUN}/cohort/acquisition.tsv"


def withdrawn_without_files(names):
    """Name the withdrawn training cases whose ingested volumes are not there to train on."""
    return [
        f"Training set '{name}' holds series '{case}', which is neither in the sheet of series nor "
        "ingested; put its row back, or name a new training set without it."
        for name in sorted(names)
        for case in STUDY.ledger.training_sets.get(name, {})
        if case not in STUDY.rows and not Path(STUDY.ct(case)).exists()
    ]


def sets_to_train():
    """Name the training sets whose volumes this run still needs."""
    untrained = any(not trained(model) for model in MONAI_MODELS)
    sets = {NNUNET_SETS[model] for model in NNUNET_SETS if not settled(model)}
    return sets | ({config["training_sets"]["base"]} if untrained else set())


# A series that has left the sheet is withdrawn: the audit then names the models that it trained.
TRAINED_SERIES = sorted(
    {series for name in STUDY.needed_training_sets() for series in STUDY.training_set(name)}
    & STUDY.rows.keys()
)


def trained_volumes(wildcards):
    """List the CTs and the references of the series that networks are trained on."""
    return [kind(series) for kind in (STUDY.ct, STUDY.reference) for series in TRAINED_SERIES]


if PLANS_THE_RUN:
    checked(stop_on, withdrawn_without_files(sets_to_train()))
