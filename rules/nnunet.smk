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

Once a fold is trained, no volume is an input any more: it never reruns because data grew or
changed (rules/training.smk).
"""

NNUNET_JOBS = NNUNET_CONFIG["jobs"]


for nnunet_model in NNUNET_DATASETS:

    nnunet_files = NNUNET_FILES[nnunet_model]
    nnunet_series = STUDY.training_set(NNUNET_SETS[nnunet_model])
    nnunet_cts = until_settled(nnunet_model, *[STUDY.ct(series) for series in nnunet_series])
    nnunet_references = until_settled(
        nnunet_model, *[STUDY.reference(series) for series in nnunet_series]
    )

    rule:
        name:
            f"describe_{nnunet_model}"
        input:
            checked=until_settled(nnunet_model, f"{RUN}/cohort/acquisition.tsv"),
            cts=nnunet_cts,
            references=nnunet_references,
        output:
            description=nnunet_files["raw"],
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
            planning=PLANNINGS[nnunet_model],
        script:
            "../workflow/scripts/describe_nnunet.py"

    rule:
        name:
            f"split_{nnunet_model}"
        output:
            splits=nnunet_files["splits"],
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
            planning=PLANNINGS[nnunet_model],
            folds=FOLDS,
        script:
            "../workflow/scripts/split_nnunet.py"

    rule:
        name:
            f"preprocess_{nnunet_model}"
        input:
            description=until_settled(nnunet_model, nnunet_files["raw"]),
            plan=until_settled(nnunet_model, nnunet_files["plan"]),
            cts=nnunet_cts,
            references=nnunet_references,
        output:
            # The cases' own files lie beside it, undeclared: three a series, which every fold reads.
            cases=nnunet_files["cases"],
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
            planning=PLANNINGS[nnunet_model],
        script:
            "../workflow/scripts/preprocess_nnunet.py"


if "nnunet" in NNUNET_DATASETS:

    nnunet_series = STUDY.training_set(NNUNET_SETS["nnunet"])

    rule plan_nnunet:
        input:
            description=until_settled("nnunet", NNUNET_FILES["nnunet"]["raw"]),
            cts=until_settled("nnunet", *map(STUDY.ct, nnunet_series)),
            references=until_settled("nnunet", *map(STUDY.reference, nnunet_series)),
        output:
            description=NNUNET_FILES["nnunet"]["description"],
            fingerprint=NNUNET_FILES["nnunet"]["fingerprint"],
            plan=NNUNET_FILES["nnunet"]["plan"],
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
            planning=PLANNINGS["nnunet"],
        script:
            "../workflow/scripts/plan_nnunet.py"

    rule train_nnunet:
        input:
            description=until_trained("nnunet", NNUNET_FILES["nnunet"]["description"]),
            fingerprint=until_trained("nnunet", NNUNET_FILES["nnunet"]["fingerprint"]),
            plan=until_trained("nnunet", NNUNET_FILES["nnunet"]["plan"]),
            splits=until_trained("nnunet", NNUNET_FILES["nnunet"]["splits"]),
            cases=until_trained("nnunet", NNUNET_FILES["nnunet"]["cases"]),
        output:
            checkpoint=checkpoint_of("nnunet", "{fold}"),
            record=record_of("nnunet", "{fold}"),
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
            # No params: neither the device nor how often a network is saved makes it another.
            device=config["segmentation"]["device"],
            save_every=NNUNET_SETTINGS["nnunet"]["save_every"],
        params:
            network=NETWORKS["nnunet"],
        script:
            "../workflow/scripts/train_nnunet.py"


if "nnunet_finetuned" in NNUNET_DATASETS:

    nnunet_series = STUDY.training_set(NNUNET_SETS["nnunet_finetuned"])

    rule transfer_nnunet_plan:
        input:
            description=until_settled("nnunet_finetuned", NNUNET_FILES["nnunet_finetuned"]["raw"]),
            base=until_settled("nnunet_finetuned", NNUNET_FILES["nnunet"]["plan"]),
            cts=until_settled("nnunet_finetuned", *map(STUDY.ct, nnunet_series)),
            references=until_settled("nnunet_finetuned", *map(STUDY.reference, nnunet_series)),
        output:
            description=NNUNET_FILES["nnunet_finetuned"]["description"],
            fingerprint=NNUNET_FILES["nnunet_finetuned"]["fingerprint"],
            plan=NNUNET_FILES["nnunet_finetuned"]["plan"],
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
            planning=PLANNINGS["nnunet_finetuned"],
        script:
            "../workflow/scripts/transfer_nnunet_plan.py"

    rule finetune_nnunet:
        input:
            base_checkpoint=until_trained("nnunet_finetuned", checkpoint_of("nnunet", "{fold}")),
            base_record=until_trained("nnunet_finetuned", record_of("nnunet", "{fold}")),
            description=until_trained(
                "nnunet_finetuned", NNUNET_FILES["nnunet_finetuned"]["description"]
            ),
            fingerprint=until_trained(
                "nnunet_finetuned", NNUNET_FILES["nnunet_finetuned"]["fingerprint"]
            ),
            plan=until_trained("nnunet_finetuned", NNUNET_FILES["nnunet_finetuned"]["plan"]),
            splits=until_trained("nnunet_finetuned", NNUNET_FILES["nnunet_finetuned"]["splits"]),
            cases=until_trained("nnunet_finetuned", NNUNET_FILES["nnunet_finetuned"]["cases"]),
        output:
            checkpoint=checkpoint_of("nnunet_finetuned", "{fold}"),
            record=record_of("nnunet_finetuned", "{fold}"),
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
            # No params: neither the device nor how often a network is saved makes it another.
            device=config["segmentation"]["device"],
            save_every=NNUNET_SETTINGS["nnunet_finetuned"]["save_every"],
        params:
            network=NETWORKS["nnunet_finetuned"],
        script:
            "../workflow/scripts/finetune_nnunet.py"


for nnunet_model in [model for model in NNUNET_DATASETS if model in MODELS]:
    for batch, batch_series in STUDY.batches.items():
        for kind in ("ensemble", "out_of_fold"):

            if not is_defined(f"predict_{nnunet_model}_{kind}_{batch}"):
                continue
            nnunet_series = [
                series
                for series in batch_series
                if STUDY.prediction_kind(nnunet_model, series) == kind
            ]
            if not nnunet_series:
                continue

            # An ensemble is all folds; out of fold is the one that held the series' patient out.
            nnunet_folds = {
                series: FOLDS if kind == "ensemble" else [int(STUDY.place(series))]
                for series in nnunet_series
            }
            used_folds = sorted({fold for folds in nnunet_folds.values() for fold in folds})

            rule:
                name:
                    f"predict_{nnunet_model}_{kind}_{batch}"
                input:
                    cts=[STUDY.ct(series) for series in nnunet_series],
                    checkpoints=[checkpoint_of(nnunet_model, fold) for fold in used_folds],
                    plan=NNUNET_FILES[nnunet_model]["plan"],
                    description=NNUNET_FILES[nnunet_model]["description"],
                output:
                    predictions=[STUDY.prediction(nnunet_model, series) for series in nnunet_series],
                    probabilities=STUDY.probabilities(nnunet_model, nnunet_series),
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
                    # No param: on a machine without a GPU the network is still the same.
                    device=config["segmentation"]["device"],
                params:
                    by_series=nnunet_folds,
                    settings=NNUNET_CONFIG["prediction"],
                    versions=pins("nnunet"),
                script:
                    "../workflow/scripts/predict_nnunet.py"
