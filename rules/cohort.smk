"""Cohort: samples matched to studies, exclusions, the split's report, what was acquired, the audit.

Comes in: the sheets, the ledger, tables of expression with their references, the records of every ingested series, the records of every
trained model.
Goes out: `results/<run>/cohort/`: scores.tsv (one row a sample that is scored from expression, where
there are such), matching.tsv (one row a target series), exclusions.tsv, sample_notes.tsv (shared
samples, ties and conflicts; counted in `tables/sample_notes.csv`), splits.tsv, acquisition.tsv (one
row a series, its warnings counted in `tables/quality_warnings.csv`; no training begins before it is
written, so that bad data stop the run first), places.tsv (one row a series: whose it is, and in training or test;
all that detection needs of the cohort), facts.tsv (one row a series: what later tables and figures
say of it, with what its mask measures); and `tables/scan_list.csv` (one row a series: volumes, warnings
and what is implausible of its mask).
"""

SERIES_PLACES = f"{RUN}/cohort/places.tsv"
FACTS = f"{RUN}/cohort/facts.tsv"
SCORES = f"{RUN}/cohort/scores.tsv"


rule collect_acquisition:
    input:
        acquisition=by_wildcards(
            STUDY.records_of_ingest, names=STUDY.series.index, kind="acquisition"
        ),
        quality=by_wildcards(STUDY.records_of_ingest, names=STUDY.series.index, kind="quality"),
        reference=by_wildcards(
            STUDY.records_of_ingest, names=STUDY.series_to_segment, kind="reference"
        ),
    output:
        table=f"{RUN}/cohort/acquisition.tsv",
        warnings=exhibit("quality_warnings"),
    log:
        f"{RUN}/logs/collect_acquisition.log",
    benchmark:
        f"{RUN}/benchmarks/collect_acquisition.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        # From the sheet here and not in ingest: a corrected phase makes no volume again.
        rows=by_wildcards(STUDY.cohorts_and_phases),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/collect_acquisition.py"


# Only where scores are computed: those that the sheet gives are in the ledger's keeping already.
if STUDY.scores.computed:

    rule score_samples:
        input:
            expression=STUDY.score_files("expression"),
            reference=STUDY.score_files("reference"),
            aliases=STUDY.score_files("aliases"),
            frozen=STUDY.frozen_scores(),
        output:
            scores=SCORES,
            summary=exhibit("sample_scores"),
        log:
            f"{RUN}/logs/score_samples.log",
        benchmark:
            f"{RUN}/benchmarks/score_samples.tsv"
        conda:
            "../envs/ingest.yaml"
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=minutes(20),
        params:
            rows=by_wildcards(STUDY.rows_to_score),
            sheet=Path(config["sheets"]["molecular"]).name,
            scores=STUDY.scores_told(),
            versions=pins("ingest"),
        script:
            "../workflow/scripts/score_samples.py"


rule match_cohort:
    input:
        molecular=config["sheets"]["molecular"] or [],
        scores=SCORES if STUDY.scores.computed else [],
        splits=f"{config['ledger']}/splits.tsv",
    output:
        matching=f"{RUN}/cohort/matching.tsv",
        exclusions=f"{RUN}/cohort/exclusions.tsv",
        splits=f"{RUN}/cohort/splits.tsv",
        notes=f"{RUN}/cohort/sample_notes.tsv",
        note_counts=exhibit("sample_notes"),
    log:
        f"{RUN}/logs/match_cohort.log",
    benchmark:
        f"{RUN}/benchmarks/match_cohort.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        # Of the sheet what is matched and counted: a corrected age makes no classifier again.
        rows=by_wildcards(STUDY.rows_to_match),
        target=TARGET,
        window_days=config["matching"]["window_days"],
        positive_above=config["phenotype"]["positive_above"],
        thresholds=STUDY.scores.thresholds,
        computed=STUDY.scores.computed_types,
        masks_given=FROM_REFERENCE,
        segmentation_set=STUDY.trained_by_final_model(),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/match_cohort.py"


rule place_series:
    output:
        places=SERIES_PLACES,
    log:
        f"{RUN}/logs/place_series.log",
    benchmark:
        f"{RUN}/benchmarks/place_series.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        rows=by_wildcards(STUDY.rows_to_place),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/place_series.py"


rule gather_facts:
    input:
        series=[] if FROM_TABLE else config["sheets"]["series"],
        places=[] if FROM_TABLE else SERIES_PLACES,
        matching=[] if FROM_TABLE else f"{RUN}/cohort/matching.tsv",
        features=STUDY.feature_table(PHENOTYPE_MASK, "published"),
        by_lesion=STUDY.feature_table(PHENOTYPE_MASK, "corrected") if BY_LESION else [],
        scans=f"{RUN}/detection/{FINAL_MODEL}/scans.tsv" if FINAL_MODEL else [],
    output:
        facts=FACTS,
    log:
        f"{RUN}/logs/gather_facts.log",
    benchmark:
        f"{RUN}/benchmarks/gather_facts.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        cohorts=config["cohorts"],
        name=config["phenotype"]["name"],
        versions=pins("ingest"),
    script:
        "../workflow/scripts/gather_facts.py"


# Only where there are images: a finished table has no liver to measure.
if not FROM_TABLE:

    rule list_scans:
        input:
            facts=FACTS,
            acquisition=f"{RUN}/cohort/acquisition.tsv",
            scans=f"{RUN}/detection/{FINAL_MODEL}/scans.tsv" if FINAL_MODEL else [],
        output:
            table=exhibit("scan_list"),
        log:
            f"{RUN}/logs/list_scans.log",
        benchmark:
            f"{RUN}/benchmarks/list_scans.tsv"
        conda:
            "../envs/ingest.yaml"
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=minutes(10),
        params:
            lesions_read=by_wildcards(STUDY.lesions_read),
            versions=pins("ingest"),
        script:
            "../workflow/scripts/list_scans.py"
