"""Viewer: a page for each series, on which its CT is scrolled through with all masks over it.

Comes in: per series its CT, reference, the predictions and lesion probabilities of every model, and
of detection the tables scans, lesions and groups.
Goes out: `results/<run>/viewer/series/{series}.html`, one file of at most 4 MB a series, and
`results/<run>/viewer/index.html`, which leads to them, those that a model did worst on first. Both
open without a network or a server.
"""

from livermet.provenance.code import file_checksum
from livermet.report import words
from livermet.viewer.texts import texts as texts_of_views

VIEWER = [f"{RUN}/viewer/index.html"] if STUDY.views.series else []
# What every page tells, and nothing that grows with the study; the words of models and rules are the
# report's.
TOLD_BY_VIEWS = {
    "run": config["run"],
    "version": __version__,
    "final_model": FINAL_MODEL or "",
    # A run of new patients has their pages, and no report.
    "patients": STUDY.is_packed,
    "models": {model: words.model(model) for model in MODELS},
    "rules": {rule: words.rule(rule) for rule in config["detection"]["matching"]} if MODELS else {},
}
TEXTS_OF_VIEWS = [file_checksum(path) for path in texts_of_views()]


# One rule a batch, declaring every file that it writes: most of a page's time is its job's start.
for batch, members in STUDY.views.batches.items():
    if is_defined(f"view_series_{batch}"):

        rule:
            name:
                f"view_series_{batch}"
            input:
                unpack(by_wildcards(STUDY.views.inputs, batch=batch)),
            output:
                pages=[STUDY.views.page(series) for series in members],
            log:
                f"{RUN}/logs/view_series/{batch}.log",
            benchmark:
                f"{RUN}/benchmarks/view_series/{batch}.tsv"
            # Of a cluster's jobs: its profile says how many batches share one.
            group:
                "views"
            conda:
                "../envs/viewer.yaml"
            threads: 1
            resources:
                mem_mb=memory_by_size(2000, 25),
                runtime=minutes(60),
            params:
                by_series=STUDY.views.of_batch(batch),
                components=COMPONENTS,
                told=TOLD_BY_VIEWS,
                texts=TEXTS_OF_VIEWS,
                versions=pins("viewer"),
            script:
                "../workflow/scripts/view_series.py"


rule write_viewer:
    input:
        scans=expand(f"{DETECTION}/scans.tsv", model=MODELS),
        # They are not read: where the index is, they are.
        pages=[STUDY.views.page(series) for series in STUDY.views.series],
    output:
        page=f"{RUN}/viewer/index.html",
    log:
        f"{RUN}/logs/write_viewer.log",
    benchmark:
        f"{RUN}/benchmarks/write_viewer.tsv"
    conda:
        "../envs/viewer.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        rows={series: STUDY.cohort_and_phase(series) for series in STUDY.views.series},
        told={
            **TOLD_BY_VIEWS,
            "phantoms": words.phantoms(len(STUDY.phantom_series), len(STUDY.series)),
        },
        texts=TEXTS_OF_VIEWS,
        versions=pins("viewer"),
    script:
        "../workflow/scripts/write_viewer.py"
