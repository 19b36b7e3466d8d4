"""Patients: what a packed model says of new patients, a page for each study.

Comes in, only in a run with a packed model (`segmentation.packed`, `livermet predict`): per series
of the target cohort its CT, records of ingest and the model's prediction; radiomics' tables of its
batch, and detection's; the packed classifier.
Goes out: `results/<run>/patients/`: `{study}.html`, the page of a study, and `index.html`, which
leads to all; `studies/{study}/{phenotype,lesions,series,prediction}.tsv`, collected as
`lesions.tsv`, `series.tsv` and `predictions.tsv` (one row a study).
A study is judged by itself, so that one that comes later makes no earlier page again.
In a study's own run: `phenotype/<mask>/new_patients.tsv`, what the classifier that cross-validation
chose says of scans without a sample.
"""

from livermet.patients.texts import texts as texts_of_patients
from livermet.provenance.code import file_checksum
from livermet.report import words

PATIENTS = f"{RUN}/patients"
# The words are the report's.
FINAL_LABEL = words.model(FINAL_MODEL) if FINAL_MODEL else ""
STUDY_TABLES = f"{PATIENTS}/studies/{{study}}"
# Those of a study stand in its own jobs.
NEW_STUDIES = list(STUDY.new_patients.studies) if STUDY.is_packed else []
TEXTS_OF_PATIENTS = [file_checksum(path) for path in texts_of_patients()]
# The table of a study's own scans without a sample, where it has some, and a classifier for them.
JUDGED_HERE = (
    [f"{RUN}/phenotype/{PHENOTYPE_MASK}/new_patients.tsv"]
    if STUDY.new_patients.unsampled and "corrected" in PROTOCOLS and not HARMONISED
    else []
)


rule judge_study:
    input:
        unions=by_wildcards(STUDY.new_patients.features, table="union"),
        lesions=by_wildcards(STUDY.new_patients.features, table="lesions"),
        scans=by_wildcards(STUDY.new_patients.scans),
        acquisition=by_wildcards(STUDY.new_patients.records, kind="acquisition"),
        qualities=by_wildcards(STUDY.new_patients.records, kind="quality"),
        phenotype=STUDY.packed.phenotype(),
    output:
        judged=f"{STUDY_TABLES}/phenotype.tsv",
    log:
        f"{RUN}/logs/judge_study/{{study}}.log",
    benchmark:
        f"{RUN}/benchmarks/judge_study/{{study}}.tsv"
    # Of a cluster's jobs: its profile says how many studies share one.
    group:
        "patients"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        by_series=by_wildcards(STUDY.new_patients.series),
        # A batch has lost nothing where a series leaves; a study is judged by all that it has.
        series=by_wildcards(STUDY.new_patients.names),
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/judge_study.py"


rule write_patient:
    input:
        cts=by_wildcards(STUDY.new_patients.cts),
        predictions=by_wildcards(STUDY.new_patients.predictions),
        qualities=by_wildcards(STUDY.new_patients.records, kind="quality"),
        manifest=STUDY.packed.manifest(),
        judged=f"{STUDY_TABLES}/phenotype.tsv" if STUDY.packed.classifier() else [],
        classifier=STUDY.packed.classifier(),
        # They are not read: where the page is, those that it leads to are.
        views=by_wildcards(STUDY.new_patients.views),
    output:
        page=f"{PATIENTS}/{{study}}.html",
        lesions=f"{STUDY_TABLES}/lesions.tsv",
        series=f"{STUDY_TABLES}/series.tsv",
        prediction=f"{STUDY_TABLES}/prediction.tsv",
    log:
        f"{RUN}/logs/write_patient/{{study}}.log",
    benchmark:
        f"{RUN}/benchmarks/write_patient/{{study}}.tsv"
    group:
        "patients"
    conda:
        "../envs/viewer.yaml"
    threads: 1
    resources:
        # All series of a study are there at once.
        mem_mb=memory_by_size(2000, 25),
        runtime=minutes(30),
    params:
        by_series=by_wildcards(STUDY.new_patients.series),
        # A batch has lost nothing where a series leaves; a study is judged by all that it has.
        series=by_wildcards(STUDY.new_patients.names),
        patient=by_wildcards(STUDY.new_patients.patient),
        components=COMPONENTS,
        told=by_wildcards(STUDY.new_patients.told, version=__version__, model=FINAL_LABEL),
        texts=TEXTS_OF_PATIENTS,
        # The page names the classifier.
        labels=LABELS,
        versions=pins("viewer"),
    script:
        "../workflow/scripts/write_patient.py"


# In a study's own run: scans without a sample, judged by the classifier that it has chosen. What
# ComBat has harmonised cannot be, since a new scanner has no effect that was learnt.
if JUDGED_HERE:

    rule judge_unsampled:
        input:
            unions=STUDY.new_patients.features_of_unsampled("union"),
            lesions=STUDY.new_patients.features_of_unsampled("lesions"),
            scans=STUDY.new_patients.scans_of_unsampled(),
            acquisition=f"{RUN}/cohort/acquisition.tsv",
            features=STUDY.feature_table(PHENOTYPE_MASK, "corrected"),
            choice=f"{RUN}/phenotype/{PHENOTYPE_MASK}/corrected/choice.tsv",
            models=[
                f"{RUN}/phenotype/{PHENOTYPE_MASK}/corrected/{classifier}/models.joblib"
                for classifier in CLASSIFIERS["corrected"]
            ],
        output:
            judged=JUDGED_HERE[0],
        log:
            f"{RUN}/logs/judge_unsampled.log",
        benchmark:
            f"{RUN}/benchmarks/judge_unsampled.tsv"
        conda:
            "../envs/phenotype.yaml"
        threads: 1
        resources:
            mem_mb=memory(3000),
            runtime=minutes(10),
        params:
            studies=STUDY.new_patients.unsampled,
            mask=PHENOTYPE_MASK,
            settings={
                "phenotype": {key: config["phenotype"][key] for key in ("name", "aggregation")}
            },
            versions=pins("phenotype"),
        script:
            "../workflow/scripts/judge_unsampled.py"


rule collect_patients:
    input:
        predictions=expand(f"{STUDY_TABLES}/prediction.tsv", study=NEW_STUDIES),
        series=expand(f"{STUDY_TABLES}/series.tsv", study=NEW_STUDIES),
        lesions=expand(f"{STUDY_TABLES}/lesions.tsv", study=NEW_STUDIES),
    output:
        predictions=f"{PATIENTS}/predictions.tsv",
        series=f"{PATIENTS}/series.tsv",
        lesions=f"{PATIENTS}/lesions.tsv",
        index=f"{PATIENTS}/index.html",
    log:
        f"{RUN}/logs/collect_patients.log",
    benchmark:
        f"{RUN}/benchmarks/collect_patients.tsv"
    conda:
        "../envs/viewer.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        told={"run": config["run"], "version": __version__, "phantoms": False},
        texts=TEXTS_OF_PATIENTS,
        versions=pins("viewer"),
    script:
        "../workflow/scripts/collect_patients.py"
