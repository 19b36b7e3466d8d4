"""Validation: what the corrected protocol's numbers are worth, and what each correction does.

Comes in: the feature tables that the protocols learn from and `phenotype/{mask}/` (selections,
predictions, the choice), of the mask that the study classifies by.
Goes out: `results/<run>/tables/`: `model_choice.csv` (who was chosen, and whom it beats),
`baselines.csv` (models against trivial rules), `intervals.csv` (by series, study and patient),
`repeated_cross_validation.csv` (over all patients), `permutation.csv` (the whole procedure under
exchanged labels), `corrections.csv` (the ladder from the published to the corrected protocol),
`null_cohorts.csv` (both protocols where there is nothing to find: on the run's own features with
labels exchanged, and on phantom tables), `masks.csv` (predicted against reference masks),
`segmentation_error.csv` (calls in other masks of the same lesions) with `segmentation_shift.csv`
(features in one network's masks against five's), `specification_curve.csv` (every procedure that
could have been chosen) with `specifications_left_out.csv`, `subgroups.csv` (the chosen model in
subgroups), `over_time.csv`, `heterogeneity.csv` and `lesion_calls.csv` (how studies of a patient and
lesions of a scan differ, with the pairs of studies in `phenotype/{mask}/corrected/study_pairs.tsv`),
`score_regression.csv` (the score as a target, errors by its distance
from the threshold) and `failures.csv` (where the chosen models are wrong,
with the points of figure 5 in `phenotype/{mask}/failures/`).
Repeats, parts of the permutations, of the null cohorts and of the specifications are jobs of their
own.
"""

from livermet.validation.specifications import (
    AS_IT_IS,
    EVERY,
    IN_A_JOB,
    NONE,
    Specification,
    specifications,
)

PUBLISHED_FEATURES = STUDY.feature_table(PHENOTYPE_MASK, "published")
CORRECTED_FEATURES = STUDY.feature_table(PHENOTYPE_MASK, "corrected")
PHENOTYPE = f"{RUN}/phenotype/{PHENOTYPE_MASK}"
# Under published every classifier scores the test set, under corrected the chosen one alone.
PREDICTED = {
    "published": [
        f"{PHENOTYPE}/published/{name}/predictions.tsv" for name in CLASSIFIERS["published"]
    ],
    "corrected": [f"{PHENOTYPE}/corrected/test_predictions.tsv"],
}
CORRECTED, PUBLISHED = f"{PHENOTYPE}/corrected", f"{PHENOTYPE}/published"
CHOICE = f"{PHENOTYPE}/corrected/choice.tsv" if "corrected" in PROTOCOLS else []
REFERENCE = f"{RUN}/phenotype/reference"
# All classifiers score the same series; the corrected protocol's test series stand apart.
SCORED = [f"{protocol}/{CLASSIFIERS[protocol][0]}/predictions.tsv" for protocol in PROTOCOLS]
SCORED += ["corrected/test_predictions.tsv" for protocol in PROTOCOLS if protocol == "corrected"]
PERMUTATIONS = parts_of(config["phenotype"]["permutations"]["count"], 50, first=0)
NULL_COHORTS = parts_of(config["phenotype"]["null_cohorts"], 10, first=1)
# What features of this run may be of, and the corrected protocol among the specifications; its
# learner is chosen later, and none of the plan depends on it.
AT_HAND = [AGGREGATION] if FROM_TABLE else list(AGGREGATED)
OWN_SPECIFICATION = Specification(
    AGGREGATION,
    EVERY,
    config["phenotype"]["feature_transform"],
    AS_IT_IS,
    config["phenotype"]["lasso_target"],
    CLASSIFIERS["corrected"][0],
)
SPECIFICATIONS = config["phenotype"]["specifications"] if "corrected" in PROTOCOLS else NONE
SPECIFICATION_PARTS = parts_of(
    len(specifications(SPECIFICATIONS, AT_HAND, OWN_SPECIFICATION)) - 1, IN_A_JOB, first=0
)

SINGLE_LESIONS = "corrected" in PROTOCOLS and not FROM_TABLE and config["radiomics"]["per_lesion"]
# Other masks of the same lesions: perturbed ones of training series, each fold's of test series.
OTHER_MASKS = "corrected" in PROTOCOLS and (STUDY.perturbed_batches or STUDY.fold_masks)


wildcard_constraints:
    part=r"\d+",
    repeated=one_of(FITTED),


rule compare_baselines:
    input:
        held_out=expand(f"{CORRECTED}/{{fitted}}/predictions.tsv", fitted=FITTED),
        tested=[f"{CORRECTED}/test_predictions.tsv"],
        choice=f"{CORRECTED}/choice.tsv",
        published=published_predictions,
    output:
        choice=exhibit("model_choice"),
        baselines=exhibit("baselines"),
        intervals=exhibit("intervals"),
    log:
        f"{RUN}/logs/compare_baselines.log",
    benchmark:
        f"{RUN}/benchmarks/compare_baselines.tsv"
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
        "../workflow/scripts/compare_baselines.py"


rule repeat_cross_validation:
    input:
        features=CORRECTED_FEATURES,
        batches=HARMONISED,
    output:
        predictions=f"{CORRECTED}/repeats/{{repeated}}.tsv",
    log:
        f"{RUN}/logs/repeat_cross_validation/{{repeated}}.log",
    benchmark:
        f"{RUN}/benchmarks/repeat_cross_validation/{{repeated}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(240),
    params:
        name=config["phenotype"]["name"],
        repeats=config["phenotype"]["repeats"],
        folds=len(FOLDS),
        trees=config["phenotype"]["trees"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/repeat_cross_validation.py"


rule summarise_repeats:
    input:
        predictions=expand(f"{CORRECTED}/repeats/{{repeated}}.tsv", repeated=FITTED),
    output:
        summary=exhibit("repeated_cross_validation"),
    log:
        f"{RUN}/logs/summarise_repeats.log",
    benchmark:
        f"{RUN}/benchmarks/summarise_repeats.tsv"
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
        "../workflow/scripts/summarise_repeats.py"


rule permute_labels:
    input:
        features=CORRECTED_FEATURES,
        batches=HARMONISED,
    output:
        aucs=f"{CORRECTED}/permutations/{{part}}.tsv",
    log:
        f"{RUN}/logs/permute_labels/{{part}}.log",
    benchmark:
        f"{RUN}/benchmarks/permute_labels/{{part}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(240),
    params:
        name=config["phenotype"]["name"],
        classifiers=CLASSIFIERS["corrected"],
        numbers=lambda wildcards: PERMUTATIONS[wildcards.part],
        folds=len(FOLDS),
        deals=config["phenotype"]["permutations"]["deals"],
        trees=config["phenotype"]["trees"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/permute_labels.py"


rule summarise_permutations:
    input:
        aucs=expand(f"{CORRECTED}/permutations/{{part}}.tsv", part=PERMUTATIONS),
    output:
        summary=exhibit("permutation"),
    log:
        f"{RUN}/logs/summarise_permutations.log",
    benchmark:
        f"{RUN}/benchmarks/summarise_permutations.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        deals=config["phenotype"]["permutations"]["deals"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/summarise_permutations.py"


rule correct_stepwise:
    input:
        features=PUBLISHED_FEATURES,
        by_lesion=CORRECTED_FEATURES if BY_LESION else [],
        batches=HARMONISED,
        selection=f"{PUBLISHED}/selection.tsv",
        published=expand(
            f"{PUBLISHED}/{{classifier}}/predictions.tsv", classifier=CLASSIFIERS["published"]
        ),
        held_out=expand(
            f"{CORRECTED}/{{classifier}}/predictions.tsv", classifier=CLASSIFIERS["corrected"]
        ),
        tested=f"{CORRECTED}/test_predictions.tsv",
    output:
        corrections=exhibit("corrections"),
    log:
        f"{RUN}/logs/correct_stepwise.log",
    benchmark:
        f"{RUN}/benchmarks/correct_stepwise.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(120),
    params:
        name=config["phenotype"]["name"],
        aggregation=AGGREGATION,
        draws=config["phenotype"]["bootstrap_draws"],
        trees=config["phenotype"]["trees"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/correct_stepwise.py"


rule simulate_null:
    output:
        cohorts=f"{RUN}/phenotype/null/{{part}}.tsv",
    log:
        f"{RUN}/logs/simulate_null/{{part}}.log",
    benchmark:
        f"{RUN}/benchmarks/simulate_null/{{part}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        seeds=lambda wildcards: NULL_COHORTS[wildcards.part],
        folds=len(FOLDS),
        draws=config["phenotype"]["bootstrap_draws"],
        lasso_alpha=config["phenotype"]["lasso_alpha"],
        lasso_target=config["phenotype"]["lasso_target"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/simulate_null.py"


rule exchange_null:
    input:
        features=PUBLISHED_FEATURES,
        by_lesion=CORRECTED_FEATURES,
        batches=HARMONISED,
    output:
        cohorts=f"{PHENOTYPE}/null/{{part}}.tsv",
    log:
        f"{RUN}/logs/exchange_null/{{part}}.log",
    benchmark:
        f"{RUN}/benchmarks/exchange_null/{{part}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        name=config["phenotype"]["name"],
        seeds=lambda wildcards: NULL_COHORTS[wildcards.part],
        folds=len(FOLDS),
        draws=config["phenotype"]["bootstrap_draws"],
        lasso_alpha=config["phenotype"]["lasso_alpha"],
        lasso_target=config["phenotype"]["lasso_target"],
        preparation=PREPARATION,
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/exchange_null.py"


rule summarise_null:
    input:
        cohorts=expand(f"{PHENOTYPE}/null/{{part}}.tsv", part=NULL_COHORTS)
        + expand(f"{RUN}/phenotype/null/{{part}}.tsv", part=NULL_COHORTS),
    output:
        summary=exhibit("null_cohorts"),
    log:
        f"{RUN}/logs/summarise_null.log",
    benchmark:
        f"{RUN}/benchmarks/summarise_null.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/summarise_null.py"


rule tabulate_masks:
    input:
        predicted_metrics=expand(f"{PHENOTYPE}/{{protocol}}/metrics.tsv", protocol=PROTOCOLS),
        predicted_cross_validation=expand(
            f"{PHENOTYPE}/{{protocol}}/cross_validation.tsv", protocol=PROTOCOLS
        ),
        predicted_scored=expand(f"{PHENOTYPE}/{{scored}}", scored=SCORED),
        reference_metrics=expand(f"{REFERENCE}/{{protocol}}/metrics.tsv", protocol=PROTOCOLS),
        reference_cross_validation=expand(
            f"{REFERENCE}/{{protocol}}/cross_validation.tsv", protocol=PROTOCOLS
        ),
        reference_scored=expand(f"{REFERENCE}/{{scored}}", scored=SCORED),
    output:
        table=exhibit("masks"),
    log:
        f"{RUN}/logs/tabulate_masks.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_masks.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        model=FINAL_MODEL,
        versions=pins("report"),
    script:
        "../workflow/scripts/tabulate_masks.py"


rule measure_segmentation_error:
    input:
        features=CORRECTED_FEATURES,
        batches=HARMONISED,
        choice=CHOICE,
        models=expand(
            f"{CORRECTED}/{{classifier}}/models.joblib", classifier=CLASSIFIERS["corrected"]
        ),
        selection=f"{CORRECTED}/selection.tsv",
        perturbed=[
            f"{RUN}/radiomics/{PHENOTYPE_MASK}/batches/{batch}.perturbed.tsv"
            for batch in STUDY.perturbed_batches
        ],
        single_folds=[STUDY.feature_table(mask, "corrected") for mask in STUDY.fold_masks],
    output:
        error=exhibit("segmentation_error"),
        shift=exhibit("segmentation_shift") if STUDY.fold_masks else [],
        scored=f"{CORRECTED}/segmentation_error.tsv",
    log:
        f"{RUN}/logs/measure_segmentation_error.log",
    benchmark:
        f"{RUN}/benchmarks/measure_segmentation_error.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        name=config["phenotype"]["name"],
        aggregation=AGGREGATION,
        folds=list(STUDY.single_folds.values()),
        draws=config["phenotype"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/measure_segmentation_error.py"


rule tabulate_failures:
    input:
        facts=FACTS,
        cross_validation=expand(
            f"{PHENOTYPE}/{{protocol}}/cross_validation.tsv", protocol=PROTOCOLS
        ),
        choice=CHOICE,
        predictions=[path for protocol in PROTOCOLS for path in PREDICTED[protocol]],
    output:
        table=exhibit("failures"),
        scores=f"{PHENOTYPE}/failures/scores.tsv",
        curves=f"{PHENOTYPE}/failures/curves.tsv",
    log:
        f"{RUN}/logs/tabulate_failures.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_failures.tsv"
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
        "../workflow/scripts/tabulate_failures.py"


rule tabulate_subgroups:
    input:
        held_out=expand(
            f"{CORRECTED}/{{classifier}}/predictions.tsv", classifier=CLASSIFIERS["corrected"]
        ),
        tested=f"{CORRECTED}/test_predictions.tsv",
        choice=CHOICE,
        facts=FACTS,
        acquisition=[] if FROM_TABLE else f"{RUN}/cohort/acquisition.tsv",
        matching=[] if FROM_TABLE else f"{RUN}/cohort/matching.tsv",
        features=CORRECTED_FEATURES if FROM_TABLE else [],
    output:
        table=exhibit("subgroups"),
    log:
        f"{RUN}/logs/tabulate_subgroups.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_subgroups.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        thin_up_to_mm=HARMONISATION["thin_up_to_mm"],
        draws=config["phenotype"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/tabulate_subgroups.py"


rule tabulate_variation:
    input:
        held_out=expand(
            f"{CORRECTED}/{{classifier}}/predictions.tsv", classifier=CLASSIFIERS["corrected"]
        ),
        tested=f"{CORRECTED}/test_predictions.tsv",
        choice=CHOICE,
        facts=FACTS,
        features=CORRECTED_FEATURES,
        batches=HARMONISED,
        models=expand(
            f"{CORRECTED}/{{classifier}}/models.joblib", classifier=CLASSIFIERS["corrected"]
        ),
        lesions=f"{RUN}/radiomics/{PHENOTYPE_MASK}/lesions.tsv" if SINGLE_LESIONS else [],
    output:
        over_time=exhibit("over_time"),
        pairs=f"{CORRECTED}/study_pairs.tsv",
        heterogeneity=exhibit("heterogeneity") if SINGLE_LESIONS else [],
        calls=exhibit("lesion_calls") if SINGLE_LESIONS else [],
    log:
        f"{RUN}/logs/tabulate_variation.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_variation.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        name=config["phenotype"]["name"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/tabulate_variation.py"


rule regress_score:
    input:
        features=CORRECTED_FEATURES,
        batches=HARMONISED,
        held_out=expand(
            f"{CORRECTED}/{{classifier}}/predictions.tsv", classifier=CLASSIFIERS["corrected"]
        ),
        choice=CHOICE,
    output:
        table=exhibit("score_regression"),
    log:
        f"{RUN}/logs/regress_score.log",
    benchmark:
        f"{RUN}/benchmarks/regress_score.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(60),
    params:
        name=config["phenotype"]["name"],
        folds=len(FOLDS),
        deals=config["phenotype"]["deals"],
        positive_above=config["phenotype"]["positive_above"],
        thresholds=STUDY.scores.thresholds,
        preparation=PREPARATION,
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/regress_score.py"


rule score_specifications:
    input:
        features=[
            f"{RUN}/radiomics/{PHENOTYPE_MASK}/{features_file(name)}"
            for name in (["union"] if FROM_TABLE else AT_HAND)
        ],
        batches=HARMONISED,
        acquisition=[] if FROM_TABLE else f"{RUN}/cohort/acquisition.tsv",
    output:
        scored=f"{CORRECTED}/specifications/{{part}}.tsv",
    log:
        f"{RUN}/logs/score_specifications/{{part}}.log",
    benchmark:
        f"{RUN}/benchmarks/score_specifications/{{part}}.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        name=config["phenotype"]["name"],
        size=SPECIFICATIONS,
        numbers=lambda wildcards: SPECIFICATION_PARTS[wildcards.part],
        aggregations=AT_HAND,
        own=OWN_SPECIFICATION._asdict(),
        thin_up_to_mm=HARMONISATION["thin_up_to_mm"],
        trees=config["phenotype"]["trees"],
        preparation=PREPARATION,
        draws=config["phenotype"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/score_specifications.py"


rule tabulate_specifications:
    input:
        scored=expand(f"{CORRECTED}/specifications/{{part}}.tsv", part=SPECIFICATION_PARTS),
        choice=CHOICE,
        baselines=f"{CORRECTED}/baselines/predictions.tsv",
        tested=f"{CORRECTED}/test_predictions.tsv",
        published=published_predictions,
        published_folds=(f"{PUBLISHED}/cross_validation.tsv" if "published" in PROTOCOLS else []),
    output:
        curve=exhibit("specification_curve"),
        left_out=exhibit("specifications_left_out"),
    log:
        f"{RUN}/logs/tabulate_specifications.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_specifications.tsv"
    conda:
        "../envs/phenotype.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        aggregations=AT_HAND,
        own=OWN_SPECIFICATION._asdict(),
        draws=config["phenotype"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("phenotype"),
    script:
        "../workflow/scripts/tabulate_specifications.py"
