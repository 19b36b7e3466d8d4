"""MONAI: the U-Net and the SegResNet, trained on one split of the base training set; predictions.

Comes in: `series/{series}/ct.nii.gz` and `reference.nii.gz` of the base training set, whose fold 0
chooses the best weights and whose other folds train; `cohort/acquisition.tsv`, so that bad data
stop the run before a training begins (a trained network reads nothing any more); for predictions
the CT of every series whose patient these networks have not seen.
Goes out: `results/<run>/monai/{model}/`: model.pt, model.json (cases and their checksums, settings,
versions, validation Dice), training.tsv; `predictions/{model}/single/{series}.nii.gz` (0
background, 1 liver, 2 lesion, on the CT's grid); with `segmentation.lesion_probability` their
lesion probabilities times 255 at the same place below `probabilities/`.
"""

MONAI_JOBS = config["segmentation"]["monai"]["jobs"]


rule train_monai:
    input:
        ct=volumes_to_train(STUDY.ct),
        reference=volumes_to_train(STUDY.reference),
        acquisition=checked_data,
    output:
        model=f"{RUN}/monai/{{model}}/model.pt",
        record=f"{RUN}/monai/{{model}}/model.json",
        training=f"{RUN}/monai/{{model}}/training.tsv",
    log:
        f"{RUN}/logs/train_monai/{{model}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_monai/{{model}}.tsv"
    wildcard_constraints:
        model=one_of(MONAI_MODELS),
    conda:
        "../envs/monai.yaml"
    threads: MONAI_JOBS["train"]["threads"]
    resources:
        **GPU,
        # No param: if the machine has no GPU, a model that was trained on one is still the same.
        mem_mb=memory(MONAI_JOBS["train"]["mem_mb"], ON_GPU),
        runtime=minutes_of_training(MONAI_JOBS["train"]["minutes"], ON_GPU),
        device=config["segmentation"]["device"],
        save_minutes=config["segmentation"]["save_minutes"],
        compile=int(config["segmentation"]["compile"]),
    params:
        network=network_of_model,
    script:
        "../workflow/scripts/train_monai.py"


# One rule a batch and model, each declaring every file it writes: a job loads its model once, and a
# series in a new batch reruns no old one.
for model in [model for model in MODELS if model in networks_of("monai")]:
    for batch, members in STUDY.batches.items():
        if not is_defined(f"predict_{model}_{batch}"):
            continue
        series_of_job = [s for s in members if STUDY.prediction_kind(model, s) == "single"]
        if series_of_job:

            rule:
                name:
                    f"predict_{model}_{batch}"
                input:
                    model=weights_of(model),
                    ct=[STUDY.ct(series) for series in series_of_job],
                output:
                    prediction=[STUDY.prediction(model, series) for series in series_of_job],
                    probability=STUDY.probabilities(model, series_of_job),
                log:
                    f"{RUN}/logs/predict_monai/{model}/{batch}.log",
                benchmark:
                    f"{RUN}/benchmarks/predict_monai/{model}/{batch}.tsv"
                conda:
                    "../envs/monai.yaml"
                threads: MONAI_JOBS["predict"]["threads"]
                resources:
                    **GPU,
                    mem_mb=memory(MONAI_JOBS["predict"]["mem_mb"], ON_GPU),
                    runtime=minutes(MONAI_JOBS["predict"]["minutes"], ON_GPU),
                    device=config["segmentation"]["device"],
                    cpu_engine=config["segmentation"]["cpu_engine"],
                params:
                    by_series=dict.fromkeys(series_of_job, True),
                    overlap=settings_of(config["segmentation"]["monai"], model)["overlap"],
                    versions=prediction_pins("monai"),
                script:
                    "../workflow/scripts/predict_monai.py"
