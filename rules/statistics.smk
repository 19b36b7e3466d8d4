"""Statistics: calibration, decisions, reproducibility and stability of features, sample size.

Comes in: the feature tables that the protocols learn from, `phenotype/{mask}/` (selections,
predictions, the choice) of the mask that the study classifies by, and, where there are images, how
each series was acquired (`cohort/acquisition.tsv`) and the features of its training series in
perturbed masks (`radiomics/{mask}/batches/{batch}.perturbed.tsv`).
Goes out: `phenotype/{mask}/calibration_curve.tsv` and `results/<run>/tables/`: `calibration.csv`,
`decision_curve.csv` (of the chosen model), `reproducibility.csv` (of every feature between two
reconstructions of one study and between perturbed masks of one series), `stability.csv` and
`selection_summary.csv` (of the corrected protocol's selection over halves of the training
patients), `sample_size.csv` (patients that so many features would need) and, where features are
harmonised, `harmonisation_batches.csv` and `harmonisation.csv` (what batches explain of each
feature). Only `reproducibility.csv` does without the corrected protocol.
"""


rule calibrate_models:
    input:
        published=published_predictions,
        held_out=expand(
            f"{CORRECTED}/{{classifier}}/predictions.tsv", classifier=CLASSIFIERS["corrected"]
        ),
        tested=f"{CORRECTED}/test_predictions.tsv",
        choice=f"{CORRECTED}/choice.tsv",
    output:
        calibration=exhibit("calibration"),
        decisions=exhibit("decision_curve"),
        curve=f"{RUN}/phenotype/{PHENOTYPE_MASK}/calibration_curve.tsv",
    log:
        f"{RUN}/logs/calibrate_models.log",
    benchmark:
        f"{RUN}/benchmarks/calibrate_models.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/calibrate_models.py"


rule measure_reproducibility:
    input:
        features=[CORRECTED_FEATURES, *([PUBLISHED_FEATURES] if BY_LESION else [])],
        acquisition=[] if FROM_TABLE else f"{RUN}/cohort/acquisition.tsv",
        perturbed=[
            f"{RUN}/radiomics/{PHENOTYPE_MASK}/batches/{batch}.perturbed.tsv"
            for batch in STUDY.perturbed_batches
        ],
    output:
        reproducibility=exhibit("reproducibility"),
    log:
        f"{RUN}/logs/measure_reproducibility.log",
    benchmark:
        f"{RUN}/benchmarks/measure_reproducibility.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        aggregations=[AGGREGATION, *(["union"] if BY_LESION else [])],
        series=STUDY.perturbed_series,
        draws=config["phenotype"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/measure_reproducibility.py"


rule assess_selection:
    input:
        features=CORRECTED_FEATURES,
        batches=HARMONISED,
        corrected=f"{CORRECTED}/selection.tsv",
        published=[f"{PUBLISHED}/selection.tsv"] if "published" in PROTOCOLS else [],
    output:
        stability=exhibit("stability"),
        summary=exhibit("selection_summary"),
        sample_size=exhibit("sample_size"),
    log:
        f"{RUN}/logs/assess_selection.log",
    benchmark:
        f"{RUN}/benchmarks/assess_selection.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        name=config["phenotype"]["name"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        assumed_auc=config["phenotype"]["assumed_auc"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/assess_selection.py"


rule tabulate_harmonisation:
    input:
        features=CORRECTED_FEATURES,
        batches=HARMONISED,
    output:
        batches=exhibit("harmonisation_batches"),
        features=exhibit("harmonisation"),
    log:
        f"{RUN}/logs/tabulate_harmonisation.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_harmonisation.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/tabulate_harmonisation.py"
