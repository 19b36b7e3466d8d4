"""Provenance: who trained what, what has changed since, and the audit of the run.

Comes in: the record beside each trained network, the ledger, the checksums of the ingested files;
after a run that made something, every record and journal of its jobs.
Goes out: `results/<run>/provenance/leakage_audit.tsv` (patient by fold by task by model; the run stops
where a patient is on both sides), `results/<run>/provenance/stale_models.tsv` (cases that have changed
or been withdrawn since a model was trained on them), `results/<run>/provenance/settings.json` (what
the run was told to do, of which series, and what it makes for readers), and the audit: manifest.json, ro-crate-metadata.json,
audit.html and run.html beside them. The audit is no rule, since it would be stale whenever a job was
repeated with equal results; `livermet audit results/<run>` makes it at any time.
"""

from provenance_hook import audit_after_run

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


rule write_settings:
    output:
        settings=f"{RUN}/provenance/settings.json",
    log:
        f"{RUN}/logs/write_settings.log",
    benchmark:
        f"{RUN}/benchmarks/write_settings.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        run=config["run"],
        settings=STUDY.settings(),
        series=list(STUDY.series.index),
        targets=made_for_readers,
    script:
        "../workflow/scripts/write_settings.py"


onsuccess:
    audit_after_run(RUN)
