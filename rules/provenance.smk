"""Provenance: who trained what, what has changed since, and one manifest of the run.

Comes in: the record beside each trained network, the ledger, the checksums of the ingested files,
and the report with all that it shows.
Goes out: `results/<run>/provenance/leakage_audit.tsv` (patient by fold by task by model; the run stops
where a patient is on both sides), `results/<run>/provenance/stale_models.tsv` (cases that have changed
or been withdrawn since a model was trained on them), `results/<run>/manifest.json`.
"""

MODEL_RECORDS = [f"{RUN}/monai/{model}/model.json" for model in MONAI_MODELS] + [
    f"{fold_folder(NNUNET, dataset, fold)}/model.json"
    for dataset in NNUNET_DATASETS.values()
    for fold in FOLDS
]


rule audit_leakage:
    input:
        records=MODEL_RECORDS,
        volumes=trained_volumes,
        features=PUBLISHED_FEATURES,
        splits=[] if FROM_TABLE else f"{config['ledger']}/splits.tsv",
    output:
        audit=f"{RUN}/provenance/leakage_audit.tsv",
        stale=f"{RUN}/provenance/stale_models.tsv",
    log:
        f"{RUN}/logs/audit_leakage.log",
    benchmark:
        f"{RUN}/benchmarks/audit_leakage.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        versions=pins("ingest"),
    script:
        "../workflow/scripts/audit_leakage.py"


rule write_manifest:
    input:
        report=f"{RUN}/report.html",
        audit=f"{RUN}/provenance/leakage_audit.tsv",
        features=[PUBLISHED_FEATURES, CORRECTED_FEATURES],
        records=MODEL_RECORDS,
        tables=REPORT_TABLES,
        checklists=[f"{RUN}/checklists.html", f"{RUN}/tables/checklists.csv"],
    output:
        manifest=f"{RUN}/manifest.json",
    log:
        f"{RUN}/logs/write_manifest.log",
    benchmark:
        f"{RUN}/benchmarks/write_manifest.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        run=config["run"],
        settings=STUDY.settings(),
        code=code_of_package,
        packages=PINNED,
        versions=pins("ingest"),
    script:
        "../workflow/scripts/write_manifest.py"
