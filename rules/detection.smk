"""Detection: the lesions of every prediction, and their scores where there is a reference.

Comes in: `predictions/{model}/{kind}/{series}.nii.gz` of the series that a model predicts, its
lesion probabilities where `segmentation.lesion_probability` saves them, and
`series/{series}/reference.nii.gz` of those whose lesions a human segmented.
Goes out: `results/<run>/detection/{model}/batches/{batch}.*.tsv`: scans (counts, Dice, distances,
volumes), lesions (one row a lesion of either side), matching (counts, one row a rule), groups
(scores of matched lesions, one row a rule and group), froc (counts, one row a rule and threshold),
each collected as `detection/{model}/{scans,lesions,matching,groups,froc}.tsv`. Without a reference
the columns that need one are empty, and the last three have no rows. And, over the cohorts,
`results/<run>/tables/detection_*.csv` and `table3_segmentation.csv`, for which `cohort/places.tsv`
says whose each series is: no feature is asked for.
"""

DETECTION = f"{RUN}/detection/{{model}}"


rule measure_detection:
    input:
        predictions=by_wildcards(STUDY.predictions_of_batch),
        probabilities=by_wildcards(STUDY.probabilities_of_batch),
        references=by_wildcards(STUDY.references_of_batch),
    output:
        scans=f"{DETECTION}/batches/{{batch}}.scans.tsv",
        lesions=f"{DETECTION}/batches/{{batch}}.lesions.tsv",
        matching=f"{DETECTION}/batches/{{batch}}.matching.tsv",
        groups=f"{DETECTION}/batches/{{batch}}.groups.tsv",
        froc=f"{DETECTION}/batches/{{batch}}.froc.tsv",
    log:
        f"{RUN}/logs/measure_detection/{{model}}/{{batch}}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_detection/{{model}}/{{batch}}.tsv"
    conda:
        "../envs/lesions.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        by_series=by_wildcards(STUDY.scans_of_batch),
        settings=COMPONENTS
        | {key: config["detection"][key] for key in ("matching", "surface_tolerance_mm")},
        versions=pins("lesions"),
    script:
        "../workflow/scripts/measure_detection.py"


rule collect_detection:
    input:
        scans=by_wildcards(STUDY.detection_by_batch, table="scans"),
        lesions=by_wildcards(STUDY.detection_by_batch, table="lesions"),
        matching=by_wildcards(STUDY.detection_by_batch, table="matching"),
        groups=by_wildcards(STUDY.detection_by_batch, table="groups"),
        froc=by_wildcards(STUDY.detection_by_batch, table="froc"),
    output:
        scans=f"{DETECTION}/scans.tsv",
        lesions=f"{DETECTION}/lesions.tsv",
        matching=f"{DETECTION}/matching.tsv",
        groups=f"{DETECTION}/groups.tsv",
        froc=f"{DETECTION}/froc.tsv",
    log:
        f"{RUN}/logs/collect_detection/{{model}}.log",
    benchmark:
        f"{RUN}/benchmarks/collect_detection/{{model}}.tsv"
    conda:
        "../envs/lesions.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        series=by_wildcards(STUDY.predicted_series),
        versions=pins("lesions"),
    script:
        "../workflow/scripts/collect_detection.py"


rule score_detection:
    input:
        places=SERIES_PLACES,
        scans=expand(f"{DETECTION}/scans.tsv", model=MODELS),
        lesions=expand(f"{DETECTION}/lesions.tsv", model=MODELS),
        matching=expand(f"{DETECTION}/matching.tsv", model=MODELS),
        groups=expand(f"{DETECTION}/groups.tsv", model=MODELS),
        froc=expand(f"{DETECTION}/froc.tsv", model=MODELS),
    output:
        scans=exhibit("detection_scans"),
        scores=exhibit("detection_scores"),
        sizes=exhibit("detection_sizes"),
        predicted_sizes=exhibit("detection_predicted_sizes"),
        distribution=exhibit("detection_size_distribution"),
        burden=exhibit("detection_burden"),
        lesion_free=exhibit("detection_lesion_free"),
        comparison=exhibit("detection_comparison"),
        froc=exhibit("detection_froc"),
    log:
        f"{RUN}/logs/score_detection.log",
    benchmark:
        f"{RUN}/benchmarks/score_detection.tsv"
    conda:
        "../envs/lesions.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(20),
    params:
        target=TARGET,
        rules=config["detection"]["matching"],
        lesion_free=STUDY.lesion_free_series() if MODELS else [],
        draws=config["detection"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("lesions"),
    script:
        "../workflow/scripts/score_detection.py"


rule tabulate_segmentation:
    input:
        places=[] if FROM_TABLE else SERIES_PLACES,
        scans=expand(f"{DETECTION}/scans.tsv", model=MODELS),
    output:
        table3=exhibit("table3_segmentation"),
    log:
        f"{RUN}/logs/tabulate_segmentation.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_segmentation.tsv"
    conda:
        "../envs/lesions.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        target=TARGET,
        masks_given=FROM_REFERENCE,
        # Of given masks table 3 counts the series that have one.
        masked=[s for s in STUDY.rows if STUDY.has_reference(s)] if FROM_REFERENCE else [],
        draws=config["detection"]["bootstrap_draws"],
        seed=config["seed"],
        versions=pins("lesions"),
    script:
        "../workflow/scripts/tabulate_segmentation.py"
