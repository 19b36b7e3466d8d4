"""nnU-Net: five folds on the base training set, five fine-tuned ones, and their predictions.

Comes in: ingested volumes and references, the ledger's places, training sets and batches, and
`results/<run>/cohort/acquisition.tsv`, which says that all data were checked before long jobs.
Goes out, below `results/<run>/nnunet/` in nnU-Net's own layout: raw/<dataset>/dataset.json, which
points at the volumes; preprocessed/<dataset>/ with fingerprint, plan, splits and cases;
results/<dataset>/.../fold_<k>/ with checkpoint_final.pth and model.json. And
`results/<run>/predictions/<model>/<kind>/<series>.nii.gz`; with `segmentation.lesion_probability`
its lesion probabilities times 255 at the same place below `probabilities/`. With
`phenotype.single_fold_masks` the final model's kinds are `fold_<k>` too, of test series.
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


for nnunet_model, base_model in BASES.items():

    nnunet_files = NNUNET_FILES[nnunet_model]
    nnunet_series = STUDY.training_set(NNUNET_SETS[nnunet_model])

    rule:
        name:
            f"plan_{nnunet_model}"
        input:
            description=until_settled(nnunet_model, nnunet_files["raw"]),
            # Of a fine-tuned model alone: the plan that it takes.
            base=(
                until_settled(nnunet_model, NNUNET_FILES[base_model]["plan"]) if base_model else []
            ),
            # Where the plan of others is taken: weights that were trained with it.
            pretrained=(
                until_settled(nnunet_model, PRETRAINED[FOLDS[0]])
                if TAKES_PLAN and not base_model
                else []
            ),
            cts=until_settled(nnunet_model, *map(STUDY.ct, nnunet_series)),
            references=until_settled(nnunet_model, *map(STUDY.reference, nnunet_series)),
        output:
            description=nnunet_files["description"],
            fingerprint=nnunet_files["fingerprint"],
            plan=nnunet_files["plan"],
        log:
            f"{RUN}/logs/plan_{nnunet_model}.log",
        benchmark:
            f"{RUN}/benchmarks/plan_{nnunet_model}.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: NNUNET_JOBS["preprocess"]["threads"]
        resources:
            mem_mb=memory(NNUNET_JOBS["preprocess"]["mem_mb"]),
            runtime=minutes(NNUNET_JOBS["preprocess"]["minutes"]),
        params:
            planning=PLANNINGS[nnunet_model],
        script:
            "../workflow/scripts/plan_nnunet.py"

    if PRETRAINED and not base_model:

        rule:
            name:
                f"check_pretrained_{nnunet_model}"
            input:
                plan=until_settled(nnunet_model, nnunet_files["plan"]),
                description=until_settled(nnunet_model, nnunet_files["description"]),
                pretrained=until_settled(nnunet_model, *dict.fromkeys(PRETRAINED.values())),
            output:
                differences=nnunet_files["pretrained"],
            log:
                f"{RUN}/logs/check_pretrained_{nnunet_model}.log",
            benchmark:
                f"{RUN}/benchmarks/check_pretrained_{nnunet_model}.tsv"
            # Before the hours of preprocessing, which it is no input of.
            priority: 1
            conda:
                "../envs/nnunet.yaml"
            threads: 1
            resources:
                mem_mb=memory(2000),
                runtime=minutes(20),
            params:
                planning=PLANNINGS[nnunet_model],
            script:
                "../workflow/scripts/check_pretrained.py"

    rule:
        name:
            f"train_{nnunet_model}"
        input:
            # Of a fine-tuned model alone: the network of the same fold that it goes on from.
            base_checkpoint=(
                until_trained(nnunet_model, checkpoint_of(base_model, "{fold}"))
                if base_model
                else []
            ),
            base_record=(
                until_trained(nnunet_model, record_of(base_model, "{fold}")) if base_model else []
            ),
            # Of one that begins from weights of others: these, once they are held against its plan.
            pretrained=pretrained_until_trained(nnunet_model),
            compared=(
                until_trained(nnunet_model, nnunet_files["pretrained"])
                if PRETRAINED and not base_model
                else []
            ),
            description=until_trained(nnunet_model, nnunet_files["description"]),
            fingerprint=until_trained(nnunet_model, nnunet_files["fingerprint"]),
            plan=until_trained(nnunet_model, nnunet_files["plan"]),
            splits=until_trained(nnunet_model, nnunet_files["splits"]),
            cases=until_trained(nnunet_model, nnunet_files["cases"]),
        output:
            checkpoint=checkpoint_of(nnunet_model, "{fold}"),
            record=record_of(nnunet_model, "{fold}"),
        log:
            f"{RUN}/logs/train_{nnunet_model}/{{fold}}.log",
        benchmark:
            f"{RUN}/benchmarks/train_{nnunet_model}/{{fold}}.tsv"
        conda:
            "../envs/nnunet.yaml"
        threads: NNUNET_JOBS["train"]["threads"]
        resources:
            **GPU,
            # No params: neither the device nor how often a network is saved makes it another.
            mem_mb=memory(NNUNET_JOBS["train"]["mem_mb"], ON_GPU),
            runtime=minutes_of_training(NNUNET_JOBS["train"]["minutes"], ON_GPU),
            device=config["segmentation"]["device"],
            save_every=NNUNET_SETTINGS[nnunet_model]["save_every"],
            save_minutes=config["segmentation"]["save_minutes"],
            compile=int(config["segmentation"]["compile"]),
        params:
            network=NETWORKS[nnunet_model],
        script:
            "../workflow/scripts/train_nnunet.py"


for nnunet_model in [model for model in MODELS if model in networks_of("nnunet")]:
    for batch, batch_series in STUDY.batches.items():
        for kind in STUDY.kinds_in_folds(nnunet_model):

            if not is_defined(f"predict_{nnunet_model}_{kind}_{batch}"):
                continue
            nnunet_folds = STUDY.folds_of_kind(nnunet_model, kind, batch_series)
            if not nnunet_folds:
                continue
            used_folds = sorted({fold for folds in nnunet_folds.values() for fold in folds})

            rule:
                name:
                    f"predict_{nnunet_model}_{kind}_{batch}"
                input:
                    cts=[STUDY.ct(series) for series in nnunet_folds],
                    checkpoints=[checkpoint_of(nnunet_model, fold) for fold in used_folds],
                    plan=prediction_file(nnunet_model, "plan"),
                    description=prediction_file(nnunet_model, "description"),
                output:
                    predictions=[
                        STUDY.prediction_of_kind(nnunet_model, kind, series)
                        for series in nnunet_folds
                    ],
                    # Of single folds no probability is asked for.
                    probabilities=(
                        []
                        if kind in STUDY.single_folds
                        else STUDY.probabilities(nnunet_model, nnunet_folds)
                    ),
                log:
                    f"{RUN}/logs/predict_{nnunet_model}/{kind}_{batch}.log",
                benchmark:
                    f"{RUN}/benchmarks/predict_{nnunet_model}/{kind}_{batch}.tsv"
                conda:
                    "../envs/nnunet.yaml"
                threads: NNUNET_JOBS["predict"]["threads"]
                resources:
                    **GPU,
                    # No param: on a machine without a GPU the network is still the same.
                    mem_mb=memory(NNUNET_JOBS["predict"]["mem_mb"], ON_GPU),
                    runtime=minutes(NNUNET_JOBS["predict"]["minutes"], ON_GPU),
                    device=config["segmentation"]["device"],
                    cpu_engine=config["segmentation"]["cpu_engine"],
                params:
                    by_series=nnunet_folds,
                    settings=NNUNET_CONFIG["prediction"],
                    versions=prediction_pins("nnunet"),
                script:
                    "../workflow/scripts/predict_nnunet.py"
