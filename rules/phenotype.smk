"""Phenotype: what radiomics tell about the molecular class, under both protocols.

Comes in: `radiomics/{mask}/features.csv`, one row a series in the authors' column names; where the
config names a finished table (`phenotype.table`), that table, checked and completed, is the mask
'table'.
Goes out: `results/<run>/phenotype/{mask}/`: `burden.tsv` (tumour burden against score and class)
and, for each protocol, `selection.tsv` (features), `{classifier}/` (predictions, scores of the
folds, models), `metrics.tsv` (test metrics with bootstrap intervals) and `cross_validation.tsv`.
The classifiers of a protocol are jobs of their own and run side by side, each on one core.
"""

if FROM_TABLE:

    ruleorder: import_feature_table > collect_radiomics

    rule import_feature_table:
        input:
            table=config["phenotype"]["table"],
        output:
            features=f"{RUN}/radiomics/table/features.csv",
        log:
            f"{RUN}/logs/import_feature_table.log",
        benchmark:
            f"{RUN}/benchmarks/import_feature_table.tsv"
        conda:
            "../envs/phenotype.yaml"
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=minutes(10),
        params:
            name=config["phenotype"]["name"],
            folds=config["split"]["folds"],
            seed=config["seed"],
            code=code("phenotype.table"),
            versions=pins("phenotype"),
        script:
            "../workflow/scripts/import_feature_table.py"


rule select_features:
    input:
        features=f"{RUN}/radiomics/{{mask}}/features.csv",
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
        seed=config["seed"],
        code=code("phenotype.published", "phenotype.corrected"),
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/select_features.py"


rule fit_classifier:
    input:
        features=f"{RUN}/radiomics/{{mask}}/features.csv",
        selection=f"{RUN}/phenotype/{{mask}}/{{protocol}}/selection.tsv",
    output:
        predictions=f"{RUN}/phenotype/{{mask}}/{{protocol}}/{{classifier}}/predictions.tsv",
        cross_validation=f"{RUN}/phenotype/{{mask}}/{{protocol}}/{{classifier}}/cross_validation.tsv",
        models=f"{RUN}/phenotype/{{mask}}/{{protocol}}/{{classifier}}/models.joblib",
    log:
        f"{RUN}/logs/fit_classifier/{{mask}}/{{protocol}}/{{classifier}}.log",
    benchmark:
        f"{RUN}/benchmarks/fit_classifier/{{mask}}/{{protocol}}/{{classifier}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(120),
    params:
        name=config["phenotype"]["name"],
        weightings=config["phenotype"]["weightings"],
        published_weights=config["phenotype"]["published_weights"],
        trees=config["phenotype"]["trees"],
        lasso_target=config["phenotype"]["lasso_target"],
        seed=config["seed"],
        code=code("phenotype.published", "phenotype.corrected"),
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/fit_classifier.py"


rule bootstrap_metrics:
    input:
        predictions=expand(
            f"{RUN}/phenotype/{{{{mask}}}}/{{{{protocol}}}}/{{classifier}}/predictions.tsv",
            classifier=CLASSIFIERS,
        ),
        cross_validation=expand(
            f"{RUN}/phenotype/{{{{mask}}}}/{{{{protocol}}}}/{{classifier}}/cross_validation.tsv",
            classifier=CLASSIFIERS,
        ),
    output:
        metrics=f"{RUN}/phenotype/{{mask}}/{{protocol}}/metrics.tsv",
        cross_validation=f"{RUN}/phenotype/{{mask}}/{{protocol}}/cross_validation.tsv",
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
        code=code("phenotype.metrics"),
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/bootstrap_metrics.py"


rule correlate_burden:
    input:
        features=f"{RUN}/radiomics/{{mask}}/features.csv",
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
        code=code("phenotype.burden", "phenotype.table"),
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/correlate_burden.py"
