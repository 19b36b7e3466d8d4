"""Phenotype: what radiomics tell about the molecular class, under both protocols.

Comes in: `radiomics/{mask}/features.csv` (of the union of lesions), from which the published
protocol learns, and `features_{aggregation}.csv`, from which the corrected one does
(`phenotype.aggregation`), one row a series in the authors' column names. Where the config names a
finished table (`phenotype.table`), the mask is 'table', and both protocols learn from that table.
Where features are harmonised, `cohort/matching.tsv` and `cohort/acquisition.tsv`, or the finished
table.
Goes out: `results/<run>/phenotype/{mask}/`: `burden.tsv` (tumour burden against score and class)
and, for each protocol, `selection.tsv` (features), `{classifier}/` (predictions, scores of the
folds, models), `metrics.tsv` (test metrics with bootstrap intervals) and `cross_validation.tsv`.
Under `corrected` also `baselines/` (the trivial rules), `deals/` (AUC over several deals of the
folds), `choice.tsv` (the model that cross-validation chose by them, and whether it beats chance and
volume alone) and `test_predictions.tsv` (its scores of the test set, the only ones);
where features are harmonised also `results/<run>/phenotype/harmonisation.tsv` (the batch of each
series).
The classifiers of a protocol are jobs of their own and run side by side, each on one core.
"""

MASK = f"{RUN}/phenotype/{{mask}}"
FITTED = [*CLASSIFIERS["corrected"], "baselines"]


rule assign_harmonisation:
    input:
        matching=[] if FROM_TABLE else f"{RUN}/cohort/matching.tsv",
        acquisition=[] if FROM_TABLE else f"{RUN}/cohort/acquisition.tsv",
        features=f"{RUN}/radiomics/table/features.csv" if FROM_TABLE else [],
    output:
        batches=f"{RUN}/phenotype/harmonisation.tsv",
    log:
        f"{RUN}/logs/assign_harmonisation.log",
    benchmark:
        f"{RUN}/benchmarks/assign_harmonisation.tsv"
    # Before the networks' training: what it refuses should not be learnt after days.
    priority: 100
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        by=HARMONISATION["by"],
        thin_up_to_mm=HARMONISATION["thin_up_to_mm"],
        minimum_patients=HARMONISATION["minimum_patients"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/assign_harmonisation.py"


rule select_features:
    input:
        features=by_wildcards(STUDY.feature_table),
        batches=by_wildcards(STUDY.harmonised_by),
    output:
        selection=f"{RUN}/phenotype/{{mask}}/{{protocol}}/selection.tsv",
    log:
        f"{RUN}/logs/select_features/{{mask}}/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/select_features/{{mask}}/{{protocol}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        name=config["phenotype"]["name"],
        lasso_alpha=config["phenotype"]["lasso_alpha"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        minimum_patients=by_wildcards(STUDY.patients_a_batch),
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/select_features.py"


rule fit_published:
    input:
        features=STUDY.feature_table("{mask}", "published"),
        selection=f"{MASK}/published/selection.tsv",
        weights=found_weights,
    output:
        predictions=f"{MASK}/published/{{classifier}}/predictions.tsv",
        cross_validation=f"{MASK}/published/{{classifier}}/cross_validation.tsv",
        models=f"{MASK}/published/{{classifier}}/models.joblib",
    log:
        f"{RUN}/logs/fit_published/{{mask}}/{{classifier}}.log",
    benchmark:
        f"{RUN}/benchmarks/fit_published/{{mask}}/{{classifier}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(120),
    params:
        name=config["phenotype"]["name"],
        weightings=config["phenotype"]["weightings"],
        trees=config["phenotype"]["trees"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/fit_published.py"


rule fit_corrected:
    input:
        features=STUDY.feature_table("{mask}", "corrected"),
        batches=HARMONISED,
        selection=f"{MASK}/corrected/selection.tsv",
    output:
        predictions=f"{MASK}/corrected/{{classifier}}/predictions.tsv",
        cross_validation=f"{MASK}/corrected/{{classifier}}/cross_validation.tsv",
        models=f"{MASK}/corrected/{{classifier}}/models.joblib",
    log:
        f"{RUN}/logs/fit_corrected/{{mask}}/{{classifier}}.log",
    benchmark:
        f"{RUN}/benchmarks/fit_corrected/{{mask}}/{{classifier}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(120),
    params:
        name=config["phenotype"]["name"],
        weightings=config["phenotype"]["weightings"],
        trees=config["phenotype"]["trees"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/fit_corrected.py"


rule fit_baselines:
    input:
        features=STUDY.feature_table("{mask}", "corrected"),
    output:
        predictions=f"{MASK}/corrected/baselines/predictions.tsv",
        cross_validation=f"{MASK}/corrected/baselines/cross_validation.tsv",
        models=f"{MASK}/corrected/baselines/models.joblib",
    log:
        f"{RUN}/logs/fit_baselines/{{mask}}.log",
    benchmark:
        f"{RUN}/benchmarks/fit_baselines/{{mask}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/fit_baselines.py"


rule cross_validate_deals:
    input:
        features=STUDY.feature_table("{mask}", "corrected"),
        batches=HARMONISED,
    output:
        deals=f"{MASK}/corrected/deals/{{fitted}}.tsv",
    log:
        f"{RUN}/logs/cross_validate_deals/{{mask}}/{{fitted}}.log",
    benchmark:
        f"{RUN}/benchmarks/cross_validate_deals/{{mask}}/{{fitted}}.tsv"
    wildcard_constraints:
        fitted=one_of(FITTED),
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(120),
    params:
        name=config["phenotype"]["name"],
        folds=len(FOLDS),
        deals=config["phenotype"]["deals"],
        trees=config["phenotype"]["trees"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/cross_validate_deals.py"


rule score_test:
    input:
        features=STUDY.feature_table("{mask}", "corrected"),
        batches=HARMONISED,
        deals=expand(f"{MASK}/corrected/deals/{{fitted}}.tsv", fitted=FITTED, allow_missing=True),
        models=expand(
            f"{MASK}/corrected/{{fitted}}/models.joblib", fitted=FITTED, allow_missing=True
        ),
    output:
        choice=f"{MASK}/corrected/choice.tsv",
        predictions=f"{MASK}/corrected/test_predictions.tsv",
    log:
        f"{RUN}/logs/score_test/{{mask}}.log",
    benchmark:
        f"{RUN}/benchmarks/score_test/{{mask}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/score_test.py"


rule bootstrap_metrics:
    input:
        predictions=predictions_of_protocol,
        cross_validation=cross_validation_of_protocol,
    output:
        metrics=f"{MASK}/{{protocol}}/metrics.tsv",
        cross_validation=f"{MASK}/{{protocol}}/cross_validation.tsv",
    log:
        f"{RUN}/logs/bootstrap_metrics/{{mask}}/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/bootstrap_metrics/{{mask}}/{{protocol}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        draws=config["phenotype"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/bootstrap_metrics.py"


rule correlate_burden:
    input:
        features=STUDY.feature_table("{mask}", "published"),
    output:
        burden=f"{RUN}/phenotype/{{mask}}/burden.tsv",
    log:
        f"{RUN}/logs/correlate_burden/{{mask}}.log",
    benchmark:
        f"{RUN}/benchmarks/correlate_burden/{{mask}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/correlate_burden.py"
