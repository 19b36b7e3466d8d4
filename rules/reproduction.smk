"""Reproduction: an article's printed numbers beside those of the published protocol.

Comes in: `radiomics/{mask}/features.csv`, `phenotype/{mask}/published/` (selection, predictions,
scores), `phenotype/{mask}/burden.tsv`, and the file of printed numbers (`phenotype.printed_values`).
Goes out: `results/<run>/tables/reproduction.csv` (every printed number, ours, and why they differ)
and, where the class weights are searched for (`phenotype.published_weights: searched`),
`phenotype/{mask}/published/{classifier}/weights.tsv` (the search, its parts jobs of their own) and
`tables/weight_search.csv`.
What has no single answer is computed again: XGBoost with racing threads, the logistic regression
with other kernels of the linear algebra library.
"""

KERNELS = ("Nehalem", "Sandybridge", "Haswell")
XGBOOST_REPEATS = 20

if REPRODUCED:
    pin_kernel(os.environ)


wildcard_constraints:
    kernel=one_of(KERNELS),


rule search_published_weights:
    input:
        features=STUDY.feature_table("{mask}", "published"),
        selection=f"{MASK}/published/selection.tsv",
    output:
        weights=f"{MASK}/published/{{classifier}}/weights/{{part}}.tsv",
    log:
        f"{RUN}/logs/search_published_weights/{{mask}}/{{classifier}}/{{part}}.log",
    benchmark:
        f"{RUN}/benchmarks/search_published_weights/{{mask}}/{{classifier}}/{{part}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        name=config["phenotype"]["name"],
        trees=config["phenotype"]["trees"],
        numbers=lambda wildcards: WEIGHTS[wildcards.classifier][wildcards.part],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/search_published_weights.py"


rule gather_published_weights:
    input:
        parts=parts_of_search,
    output:
        weights=f"{MASK}/published/{{classifier}}/weights.tsv",
    log:
        f"{RUN}/logs/gather_published_weights/{{mask}}/{{classifier}}.log",
    benchmark:
        f"{RUN}/benchmarks/gather_published_weights/{{mask}}/{{classifier}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/gather_published_weights.py"


rule compare_weights:
    input:
        features=PUBLISHED_FEATURES,
        found=expand(f"{PUBLISHED}/{{classifier}}/weights.tsv", classifier=CLASSIFIERS["published"]),
    output:
        weights=exhibit("weight_search"),
    log:
        f"{RUN}/logs/compare_weights.log",
    benchmark:
        f"{RUN}/benchmarks/compare_weights.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        classifiers=CLASSIFIERS["published"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/compare_weights.py"


rule repeat_xgboost:
    input:
        features=PUBLISHED_FEATURES,
        selection=f"{PUBLISHED}/selection.tsv",
    output:
        repeats=f"{PUBLISHED}/xgboost_repeats.tsv",
    log:
        f"{RUN}/logs/repeat_xgboost.log",
    benchmark:
        f"{RUN}/benchmarks/repeat_xgboost.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        name=config["phenotype"]["name"],
        weightings=config["phenotype"]["weightings"],
        draws=config["phenotype"]["bootstrap_draws"],
        repeats=XGBOOST_REPEATS,
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/repeat_xgboost.py"


rule repeat_logistic_regression:
    input:
        features=PUBLISHED_FEATURES,
        selection=f"{PUBLISHED}/selection.tsv",
    output:
        repeat=f"{PUBLISHED}/kernels/{{kernel}}.tsv",
    log:
        f"{RUN}/logs/repeat_logistic_regression/{{kernel}}.log",
    benchmark:
        f"{RUN}/benchmarks/repeat_logistic_regression/{{kernel}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        name=config["phenotype"]["name"],
        weightings=config["phenotype"]["weightings"],
        draws=config["phenotype"]["bootstrap_draws"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/repeat_logistic_regression.py"


rule compare_with_print:
    input:
        printed=config["phenotype"]["printed_values"] or [],
        features=PUBLISHED_FEATURES,
        selection=f"{PUBLISHED}/selection.tsv",
        burden=f"{RUN}/phenotype/{PHENOTYPE_MASK}/burden.tsv",
        metrics=f"{PUBLISHED}/metrics.tsv",
        cross_validation=f"{PUBLISHED}/cross_validation.tsv",
        predictions=[f"{PUBLISHED}/LR/predictions.tsv"],
        repeats=[
            f"{PUBLISHED}/xgboost_repeats.tsv",
            *expand(f"{PUBLISHED}/kernels/{{kernel}}.tsv", kernel=KERNELS),
        ],
    output:
        reproduction=exhibit("reproduction"),
    log:
        f"{RUN}/logs/compare_with_print.log",
    benchmark:
        f"{RUN}/benchmarks/compare_with_print.tsv"
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
        "../workflow/scripts/compare_with_print.py"
