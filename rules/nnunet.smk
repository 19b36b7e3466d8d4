"""nnU-Net: five folds on the base training set, five fine-tuned ones, and their predictions.

Comes in: ingested volumes and references, the ledger's places, training sets and batches, and
`results/<run>/cohort/acquisition.tsv`, which says that all data were checked before long jobs.
Goes out, below `results/<run>/nnunet/` in nnU-Net's own layout: raw/<dataset>/dataset.json, which
points at the volumes; preprocessed/<dataset>/ with fingerprint, plan, splits and cases;
results/<dataset>/.../fold_<k>/ with checkpoint_final.pth and model.json. And
`results/<run>/predictions/<model>/<kind>/<series>.nii.gz`; with `segmentation.lesion_probability`
its lesion probabilities times 255 at the same place below `probabilities/`.
Steps: describe, split, plan (the base's plan is moved to the fine-tuning dataset), preprocess,
train, fine-tune each fold from the base's same fold, predict by batches.

A training's volumes are `ancient()`: it never reruns because data grew or changed. Its training
set, params, code and plan decide.
"""

from livermet.nnunet.layout import (
    PLANS,
    case_files,
    case_folder,
    dataset_name,
    fold_folder,
    preprocessed_folder,
    raw_folder,
)

NNUNET = f"{RUN}/nnunet"
NNUNET_CONFIG = config["segmentation"]["nnunet"]
NNUNET_JOBS = NNUNET_CONFIG["jobs"]
# The fine-tuned model starts from the base, so that it needs the base's training too.
NNUNET_SETS = {
    model: config["training_sets"][role]
    for model, role in (("nnunet", "base"), ("nnunet_finetuned", "finetuned"))
    if model in MODELS or (model == "nnunet" and "nnunet_finetuned" in MODELS)
}
NNUNET_DATASETS = {model: dataset_name(model, name) for model, name in NNUNET_SETS.items()}


for nnunet_model, nnunet_dataset in NNUNET_DATASETS.items():

    nnunet_series = training_set(NNUNET_SETS[nnunet_model])
    nnunet_raw = raw_folder(NNUNET, nnunet_dataset)
    nnunet_preprocessed = preprocessed_folder(NNUNET, nnunet_dataset)
    nnunet_cases = case_folder(NNUNET, nnunet_dataset)

    ORDERS[f"{nnunet_model}_plan"] = {
        "series": nnunet_series,
        "overrides": NNUNET_CONFIG["plans"],
        "code": code("nnunet.dataset", "nnunet.planning"),
        "versions": pins("nnunet"),
    }
    ORDERS[nnunet_model] = {
        "places": {series: PLACES[PATIENT[series]] for series in nnunet_series},
        "settings": NNUNET_CONFIG["training" if nnunet_model == "nnunet" else "finetuning"],
        "seed": config["seed"],
        "code": code("nnunet.training", "nnunet.device"),
        "versions": pins("nnunet"),
    }

    rule:
        name:
            f"describe_{nnunet_model}"
        input:
            order=f"{RUN}/training/{nnunet_model}_plan.json",
            checked=ancient(f"{RUN}/cohort/acquisition.tsv"),
            cts=ancient([ct(series) for series in nnunet_series]),
            references=ancient([reference(series) for series in nnunet_series]),
        output:
            description=f"{nnunet_raw}/dataset.json",
        log:
            f"{RUN}/logs/describe_{nnunet_model}.log",
        benchmark:
            f"{RUN}/benchmarks/describe_{nnunet_model}.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=minutes(10),
        params:
            series=nnunet_series,
            code=code("nnunet.dataset"),
            versions=pins("nnunet"),
        script:
            "../workflow/scripts/describe_nnunet.py"

    rule:
        name:
            f"split_{nnunet_model}"
        output:
            splits=f"{nnunet_preprocessed}/splits_final.json",
        log:
            f"{RUN}/logs/split_{nnunet_model}.log",
        benchmark:
            f"{RUN}/benchmarks/split_{nnunet_model}.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=minutes(10),
        params:
            places={series: PLACES[PATIENT[series]] for series in nnunet_series},
            folds=FOLDS,
            code=code("nnunet.dataset"),
            versions=pins("nnunet"),
        script:
            "../workflow/scripts/split_nnunet.py"

    rule:
        name:
            f"preprocess_{nnunet_model}"
        input:
            description=f"{nnunet_raw}/dataset.json",
            plan=f"{nnunet_preprocessed}/{PLANS}.json",
            cts=ancient([ct(series) for series in nnunet_series]),
            references=ancient([reference(series) for series in nnunet_series]),
        output:
            cases=f"{nnunet_preprocessed}/cases.json",
            files=[file for series in nnunet_series for file in case_files(nnunet_cases, series)],
        log:
            f"{RUN}/logs/preprocess_{nnunet_model}.log",
        benchmark:
            f"{RUN}/benchmarks/preprocess_{nnunet_model}.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: NNUNET_JOBS["preprocess"]["threads"]
        resources:
            mem_mb=memory(NNUNET_JOBS["preprocess"]["mem_mb"]),
            runtime=minutes(NNUNET_JOBS["preprocess"]["minutes"]),
        params:
            code=code("nnunet.planning"),
            versions=pins("nnunet"),
        script:
            "../workflow/scripts/preprocess_nnunet.py"


if "nnunet" in NNUNET_DATASETS:

    nnunet_series = training_set(NNUNET_SETS["nnunet"])
    nnunet_raw = raw_folder(NNUNET, NNUNET_DATASETS["nnunet"])
    nnunet_preprocessed = preprocessed_folder(NNUNET, NNUNET_DATASETS["nnunet"])
    nnunet_cases = case_folder(NNUNET, NNUNET_DATASETS["nnunet"])
    nnunet_fold = fold_folder(NNUNET, NNUNET_DATASETS["nnunet"], "{fold}")

    rule plan_nnunet:
        input:
            order=f"{RUN}/training/nnunet_plan.json",
            description=f"{nnunet_raw}/dataset.json",
            cts=ancient([ct(series) for series in nnunet_series]),
            references=ancient([reference(series) for series in nnunet_series]),
        output:
            description=f"{nnunet_preprocessed}/dataset.json",
            fingerprint=f"{nnunet_preprocessed}/dataset_fingerprint.json",
            plan=f"{nnunet_preprocessed}/{PLANS}.json",
        log:
            f"{RUN}/logs/plan_nnunet.log",
        benchmark:
            f"{RUN}/benchmarks/plan_nnunet.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: NNUNET_JOBS["preprocess"]["threads"]
        resources:
            mem_mb=memory(NNUNET_JOBS["preprocess"]["mem_mb"]),
            runtime=minutes(NNUNET_JOBS["preprocess"]["minutes"]),
        params:
            overrides=NNUNET_CONFIG["plans"],
            code=code("nnunet.planning"),
            versions=pins("nnunet"),
        script:
            "../workflow/scripts/plan_nnunet.py"

    rule train_nnunet:
        input:
            order=f"{RUN}/training/nnunet.json",
            description=f"{nnunet_preprocessed}/dataset.json",
            fingerprint=f"{nnunet_preprocessed}/dataset_fingerprint.json",
            plan=f"{nnunet_preprocessed}/{PLANS}.json",
            splits=f"{nnunet_preprocessed}/splits_final.json",
            cases=f"{nnunet_preprocessed}/cases.json",
            files=[file for series in nnunet_series for file in case_files(nnunet_cases, series)],
        output:
            checkpoint=f"{nnunet_fold}/checkpoint_final.pth",
            record=f"{nnunet_fold}/model.json",
        log:
            f"{RUN}/logs/train_nnunet/{{fold}}.log",
        benchmark:
            f"{RUN}/benchmarks/train_nnunet/{{fold}}.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: NNUNET_JOBS["train"]["threads"]
        resources:
            mem_mb=memory(NNUNET_JOBS["train"]["mem_mb"]),
            runtime=minutes(NNUNET_JOBS["train"]["minutes"]),
            gpu=GPU,
            # No param: a network trained on a GPU is no other network on a machine without.
            device=config["segmentation"]["device"],
        params:
            training_set=NNUNET_SETS["nnunet"],
            patients={series: PATIENT[series] for series in nnunet_series},
            settings=NNUNET_CONFIG["training"],
            seed=config["seed"],
            code=code("nnunet.training", "nnunet.device"),
            versions=pins("nnunet"),
        script:
            "../workflow/scripts/train_nnunet.py"


if "nnunet_finetuned" in NNUNET_DATASETS:

    nnunet_base = fold_folder(NNUNET, NNUNET_DATASETS["nnunet"], "{fold}")
    nnunet_base_preprocessed = preprocessed_folder(NNUNET, NNUNET_DATASETS["nnunet"])
    nnunet_series = training_set(NNUNET_SETS["nnunet_finetuned"])
    nnunet_raw = raw_folder(NNUNET, NNUNET_DATASETS["nnunet_finetuned"])
    nnunet_preprocessed = preprocessed_folder(NNUNET, NNUNET_DATASETS["nnunet_finetuned"])
    nnunet_cases = case_folder(NNUNET, NNUNET_DATASETS["nnunet_finetuned"])
    nnunet_fold = fold_folder(NNUNET, NNUNET_DATASETS["nnunet_finetuned"], "{fold}")

    rule transfer_nnunet_plan:
        input:
            order=f"{RUN}/training/nnunet_finetuned_plan.json",
            description=f"{nnunet_raw}/dataset.json",
            plan=f"{nnunet_base_preprocessed}/{PLANS}.json",
            cts=ancient([ct(series) for series in nnunet_series]),
            references=ancient([reference(series) for series in nnunet_series]),
        output:
            description=f"{nnunet_preprocessed}/dataset.json",
            fingerprint=f"{nnunet_preprocessed}/dataset_fingerprint.json",
            plan=f"{nnunet_preprocessed}/{PLANS}.json",
        log:
            f"{RUN}/logs/transfer_nnunet_plan.log",
        benchmark:
            f"{RUN}/benchmarks/transfer_nnunet_plan.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: NNUNET_JOBS["preprocess"]["threads"]
        resources:
            mem_mb=memory(NNUNET_JOBS["preprocess"]["mem_mb"]),
            runtime=minutes(NNUNET_JOBS["preprocess"]["minutes"]),
        params:
            code=code("nnunet.planning"),
            versions=pins("nnunet"),
        script:
            "../workflow/scripts/transfer_nnunet_plan.py"

    rule finetune_nnunet:
        input:
            order=f"{RUN}/training/nnunet_finetuned.json",
            base_checkpoint=f"{nnunet_base}/checkpoint_final.pth",
            base_record=f"{nnunet_base}/model.json",
            description=f"{nnunet_preprocessed}/dataset.json",
            fingerprint=f"{nnunet_preprocessed}/dataset_fingerprint.json",
            plan=f"{nnunet_preprocessed}/{PLANS}.json",
            splits=f"{nnunet_preprocessed}/splits_final.json",
            cases=f"{nnunet_preprocessed}/cases.json",
            files=[file for series in nnunet_series for file in case_files(nnunet_cases, series)],
        output:
            checkpoint=f"{nnunet_fold}/checkpoint_final.pth",
            record=f"{nnunet_fold}/model.json",
        log:
            f"{RUN}/logs/finetune_nnunet/{{fold}}.log",
        benchmark:
            f"{RUN}/benchmarks/finetune_nnunet/{{fold}}.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: NNUNET_JOBS["train"]["threads"]
        resources:
            mem_mb=memory(NNUNET_JOBS["train"]["mem_mb"]),
            runtime=minutes(NNUNET_JOBS["train"]["minutes"]),
            gpu=GPU,
            # No param: a network trained on a GPU is no other network on a machine without.
            device=config["segmentation"]["device"],
        params:
            training_set=NNUNET_SETS["nnunet_finetuned"],
            patients={series: PATIENT[series] for series in nnunet_series},
            settings=NNUNET_CONFIG["finetuning"],
            seed=config["seed"],
            code=code("nnunet.training", "nnunet.device"),
            versions=pins("nnunet"),
        script:
            "../workflow/scripts/finetune_nnunet.py"


for nnunet_model in [model for model in NNUNET_DATASETS if model in MODELS]:
    nnunet_dataset = NNUNET_DATASETS[nnunet_model]
    nnunet_preprocessed = preprocessed_folder(NNUNET, nnunet_dataset)

    for batch, batch_series in BATCHES.items():
        for kind in ("ensemble", "out_of_fold"):

            nnunet_series = [
                series for series in batch_series if prediction_kind(nnunet_model, series) == kind
            ]
            if not nnunet_series:
                continue

            # An ensemble is all folds; out of fold is the one that held the series' patient out.
            nnunet_folds = {
                series: FOLDS if kind == "ensemble" else [int(PLACES[PATIENT[series]])]
                for series in nnunet_series
            }
            used_folds = sorted({fold for folds in nnunet_folds.values() for fold in folds})

            rule:
                name:
                    f"predict_{nnunet_model}_{kind}_{batch}"
                input:
                    cts=[ct(series) for series in nnunet_series],
                    checkpoints=[
                        f"{fold_folder(NNUNET, nnunet_dataset, fold)}/checkpoint_final.pth"
                        for fold in used_folds
                    ],
                    plan=f"{nnunet_preprocessed}/{PLANS}.json",
                    description=f"{nnunet_preprocessed}/dataset.json",
                output:
                    predictions=[prediction_path(nnunet_model, series) for series in nnunet_series],
                    probabilities=probability_paths(nnunet_model, nnunet_series),
                log:
                    f"{RUN}/logs/predict_{nnunet_model}/{kind}_{batch}.log",
                benchmark:
                    f"{RUN}/benchmarks/predict_{nnunet_model}/{kind}_{batch}.tsv"
                conda:
                    "../envs/nnunet.yaml"
                threads: NNUNET_JOBS["predict"]["threads"]
                resources:
                    mem_mb=memory(NNUNET_JOBS["predict"]["mem_mb"]),
                    runtime=minutes(NNUNET_JOBS["predict"]["minutes"]),
                    gpu=GPU,
                    # No param: a network trained on a GPU is no other network on a machine without.
                    device=config["segmentation"]["device"],
                params:
                    series_folds=nnunet_folds,
                    folds=used_folds,
                    settings=NNUNET_CONFIG["prediction"],
                    code=code("nnunet.prediction", "nnunet.device", "images"),
                    versions=pins("nnunet"),
                script:
                    "../workflow/scripts/predict_nnunet.py"
