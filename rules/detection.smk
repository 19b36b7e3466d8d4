"""Detection: the lesions of every prediction, and their scores where there is a reference.

Comes in: `predictions/{model}/{kind}/{series}.nii.gz` of the series that a model predicts, and
`series/{series}/reference.nii.gz` of those whose lesions a human segmented.
Goes out: `results/<run>/detection/{model}/`: `series/{series}.scan.tsv` (counts, Dice, volumes) and
`{series}.lesions.tsv` (one row a lesion of either side), collected as `scans.tsv` and
`lesions.tsv`. Without a reference the columns that need one are empty.
"""


rule measure_detection:
    input:
        prediction=prediction_of_series,
        reference=reference_of_series,
    output:
        scan=f"{RUN}/detection/{{model}}/series/{{series}}.scan.tsv",
        lesions=f"{RUN}/detection/{{model}}/series/{{series}}.lesions.tsv",
    log:
        f"{RUN}/logs/measure_detection/{{model}}/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_detection/{{model}}/{{series}}.tsv"
    conda:
        "../envs/lesions.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    params:
        kind=kind_of_series,
        settings=config["detection"],
        code=code("detection"),
        versions=pins("lesions"),
    script:
        "../workflow/scripts/measure_detection.py"


rule collect_detection:
    input:
        scans=scans_of_model,
        lesions=lesions_of_model,
    output:
        scans=f"{RUN}/detection/{{model}}/scans.tsv",
        lesions=f"{RUN}/detection/{{model}}/lesions.tsv",
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
        code=code("files"),
        versions=pins("lesions"),
    script:
        "../workflow/scripts/collect_detection.py"
