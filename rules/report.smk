"""Report: tables for readers, the figures, and the pages that show them.

Comes in: `cohort/` (facts, exclusions, splits, acquisition, audit), `detection/{model}/scans.tsv`
and `phenotype/{mask}/` (burden; per protocol metrics, cross-validation, selection, predictions;
the corrected protocol's choice), and the tables of the stages before, as far as the run has them.
A run with given masks has no detection, one that begins with a feature table no images either:
the tables then say so, and figure 2 is drawn only where there are images.
Goes out: `results/<run>/tables/*.csv`, `results/<run>/figures/*.{png,svg}`,
`results/<run>/report.html`, `results/<run>/checklists.html` (CLEAR, METRICS and TRIPOD+AI, item by
item), `results/<run>/cards/{model}.md` (a card a network, and `phenotype.md` for the classifier that
the corrected protocol chose) and, where there are images, `results/<run>/quality.html` (every series
in a picture, those with warnings first).
"""

from livermet.models import LABELS_AND_STYLES
from livermet.provenance.code import file_checksum
from livermet.report import words
from livermet.report.exhibits import files_of, texts

TABLES, FIGURES = f"{RUN}/tables", f"{RUN}/figures"
# Scans that may stand as examples: test patients' with a reference, of the target cohort if any.
# Which of them are classified is not known yet; with given masks the script prefers those.
TESTED = [s for s in STUDY.rows if STUDY.has_reference(s) and STUDY.place(s) == "test"]
EXAMPLES = [name for name in TESTED if STUDY.rows[name]["cohort"] == TARGET] or TESTED
# The conditions under which exhibits are made, as the registry names them.
CONDITIONS = {
    "both protocols": {"published", "corrected"} <= set(PROTOCOLS),
    "corrected": "corrected" in PROTOCOLS,
    "examples": EXAMPLES,
    "fold masks": STUDY.fold_masks,
    "harmonised": HARMONISED,
    "images": not FROM_TABLE,
    "models": MODELS,
    "null cohorts": config["phenotype"]["null_cohorts"],
    "other masks": OTHER_MASKS,
    "probabilities": PROBABILITIES,
    "reproduced": REPRODUCED,
    "samples": not FROM_TABLE,
    "scored": STUDY.scores.computed,
    "searched": REPRODUCED and SEARCHED,
    "single lesions": SINGLE_LESIONS,
    "specifications": SPECIFICATION_PARTS,
    "two masks": COMPARED,
}
REPORT_TABLES = [f"{RUN}/{path}" for path in files_of("tables", CONDITIONS)]
REPORT_FIGURES = [f"{RUN}/{path}" for path in files_of("figures", CONDITIONS)]
# The words and the style of the pages, which Snakemake does not see change.
TEXTS = [file_checksum(path) for path in texts()]
# The names and styles of networks and classifiers, which figures show.
LABELS = file_checksum(LABELS_AND_STYLES)
PINNED = {
    package: version
    for environment in sorted(ENVIRONMENTS)
    for package, version in pins(environment).items()
}
# The settings that the page and the checklists tell.
TOLD = {
    "run": config["run"],
    "source": SOURCE,
    "target": TARGET,
    "name": config["phenotype"]["name"],
    "entry": "table" if FROM_TABLE else "masks" if FROM_REFERENCE else "scans",
    "final_model": FINAL_MODEL,
    "folds": len(FOLDS),
    "connectivity": config["detection"]["connectivity"],
    "minimum_lesion_voxels": config["detection"]["minimum_lesion_voxels"],
    "matching": config["detection"]["matching"][0],
    "surface_tolerance_mm": config["detection"]["surface_tolerance_mm"],
    "draws": config["phenotype"]["bootstrap_draws"],
    "window_days": config["matching"]["window_days"],
    "positive_above": config["phenotype"]["positive_above"],
    "thresholds": STUDY.scores.thresholds,
    "scoring": config["molecular"]["method"] if STUDY.scores.computed else None,
    "protocols": PROTOCOLS,
    "aggregation": AGGREGATION,
    "published_weights": config["phenotype"]["published_weights"],
    "harmonisation": HARMONISATION,
    "pretrained": bool(PRETRAINED),
    "phantoms": words.phantoms(len(STUDY.phantom_series), len(STUDY.series)),
    "viewed": STUDY.views.series,
    "versions": PINNED,
    "version": __version__,
    "models": MODELS,
    "weightings": config["phenotype"]["weightings"],
    "lasso_alpha": config["phenotype"]["lasso_alpha"],
    "lasso_target": config["phenotype"]["lasso_target"],
    "trees": config["phenotype"]["trees"],
    "radiomics": config["radiomics"]["settings"],
}
# What the methods of the page tell beside: settings of learning, and nothing of jobs.
NETWORK_SETTINGS = config["segmentation"]
TOLD_OF_METHODS = {
    "seed": config["seed"],
    "deals": config["phenotype"]["deals"],
    "permutations": config["phenotype"]["permutations"],
    "feature_transform": config["phenotype"]["feature_transform"],
    "redundancy": config["phenotype"]["redundancy"],
    # A network may have keys of its own.
    "monai": {
        model: {
            key: settings_of(NETWORK_SETTINGS["monai"], model)[key]
            for key in (
                "spacing_mm",
                "window_hu",
                "window_ranges_hu",
                "patch_size",
                "batch_size",
                "epochs",
                "iterations_per_epoch",
                "learning_rate",
                "schedule",
                "loss",
            )
        }
        for model in MODELS
        if model in networks_of("monai")
    },
    "nnunet": {
        "plans": NETWORK_SETTINGS["nnunet"]["plans"],
        "plan_changes": NETWORK_SETTINGS["nnunet"]["plan_changes"],
        **{
            part: {
                key: NETWORK_SETTINGS["nnunet"][part][key]
                for key in ("epochs", "iterations_per_epoch", "optimizer", "initial_learning_rate")
            }
            for part in ("training", "finetuning")
        },
    },
    "lesions": config["radiomics"]["lesions"] if config["radiomics"]["per_lesion"] else None,
}

# Whether series were to be written as DICOM, and why none is.
TOLD_OF_DICOM = {"dicom": bool(STUDY.exports.model), "no_dicom": STUDY.exports.no_dicom()}

# A card a trained network, and one for the classifier that the corrected protocol chose.
CARDED = [*MODELS, *(["phenotype"] if "corrected" in PROTOCOLS else [])]
CARDS = [f"{RUN}/cards/{name}.md" for name in CARDED]


rule tabulate_cohort:
    input:
        facts=FACTS,
        splits=[] if FROM_TABLE else f"{RUN}/cohort/splits.tsv",
        acquisition=[] if FROM_TABLE else f"{RUN}/cohort/acquisition.tsv",
    output:
        table1=exhibit("table1_cohort"),
        table2=exhibit("table2_splits"),
        table_s1=exhibit("tableS1_acquisition"),
    log:
        f"{RUN}/logs/tabulate_cohort.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_cohort.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        cohorts=config["cohorts"],
        name=config["phenotype"]["name"],
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/tabulate_cohort.py"


rule tabulate_classification:
    input:
        metrics=expand(f"{PHENOTYPE}/{{protocol}}/metrics.tsv", protocol=PROTOCOLS),
        cross_validation=expand(
            f"{PHENOTYPE}/{{protocol}}/cross_validation.tsv", protocol=PROTOCOLS
        ),
    output:
        table4=exhibit("table4_classification"),
        table_s2=exhibit("tableS2_cross_validation"),
        table_s3=exhibit("tableS3_weighted"),
    log:
        f"{RUN}/logs/tabulate_classification.log",
    benchmark:
        f"{RUN}/benchmarks/tabulate_classification.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/tabulate_classification.py"


rule draw_flow:
    input:
        exclusions=[] if FROM_TABLE else f"{RUN}/cohort/exclusions.tsv",
        facts=FACTS,
        table2=f"{TABLES}/table2_splits.csv",
    output:
        png=f"{FIGURES}/figure1_flow.png",
        svg=exhibit("figure1_flow"),
    log:
        f"{RUN}/logs/draw_flow.log",
    benchmark:
        f"{RUN}/benchmarks/draw_flow.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        target=TARGET,
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_flow.py"


rule draw_segmentation_examples:
    input:
        facts=FACTS,
        scans=f"{RUN}/detection/{FINAL_MODEL}/scans.tsv" if FINAL_MODEL else [],
        ct=[STUDY.ct(name) for name in EXAMPLES],
        references=[STUDY.reference(name) for name in EXAMPLES],
        predictions=[STUDY.prediction(FINAL_MODEL, name) for name in EXAMPLES if FINAL_MODEL],
    output:
        png=f"{FIGURES}/figure2_segmentation.png",
        svg=exhibit("figure2_segmentation"),
    log:
        f"{RUN}/logs/draw_segmentation_examples.log",
    benchmark:
        f"{RUN}/benchmarks/draw_segmentation_examples.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    params:
        series=EXAMPLES,
        final_model=FINAL_MODEL,
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_segmentation_examples.py"


rule draw_froc:
    input:
        froc=f"{TABLES}/detection_froc.csv",
    output:
        png=f"{FIGURES}/detection_froc.png",
        svg=exhibit("figure_detection_froc"),
    log:
        f"{RUN}/logs/draw_froc.log",
    benchmark:
        f"{RUN}/benchmarks/draw_froc.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        rule=config["detection"]["matching"][0],
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_froc.py"


rule draw_lesion_sizes:
    input:
        sizes=f"{TABLES}/detection_sizes.csv",
        predicted=f"{TABLES}/detection_predicted_sizes.csv",
    output:
        png=f"{FIGURES}/detection_sizes.png",
        svg=exhibit("figure_detection_sizes"),
        predicted_png=f"{FIGURES}/detection_predicted_sizes.png",
        predicted_svg=exhibit("figure_detection_predicted_sizes"),
    log:
        f"{RUN}/logs/draw_lesion_sizes.log",
    benchmark:
        f"{RUN}/benchmarks/draw_lesion_sizes.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        rule=config["detection"]["matching"][0],
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_lesion_sizes.py"


rule draw_burden_agreement:
    input:
        scans=f"{TABLES}/detection_scans.csv",
        burden=f"{TABLES}/detection_burden.csv",
    output:
        png=f"{FIGURES}/detection_burden.png",
        svg=exhibit("figure_detection_burden"),
    log:
        f"{RUN}/logs/draw_burden_agreement.log",
    benchmark:
        f"{RUN}/benchmarks/draw_burden_agreement.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        model=FINAL_MODEL,
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_burden_agreement.py"


rule draw_burden:
    input:
        facts=FACTS,
        burden=f"{PHENOTYPE}/burden.tsv",
    output:
        png=f"{FIGURES}/figure3_burden.png",
        svg=exhibit("figure3_burden"),
    log:
        f"{RUN}/logs/draw_burden.log",
    benchmark:
        f"{RUN}/benchmarks/draw_burden.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_burden.py"


rule draw_features:
    input:
        selection=expand(f"{PHENOTYPE}/{{protocol}}/selection.tsv", protocol=PROTOCOLS),
    output:
        png=f"{FIGURES}/figure4_features.png",
        svg=exhibit("figure4_features"),
    log:
        f"{RUN}/logs/draw_features.log",
    benchmark:
        f"{RUN}/benchmarks/draw_features.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_features.py"


rule draw_failures:
    input:
        table=f"{TABLES}/failures.csv",
        scores=f"{PHENOTYPE}/failures/scores.tsv",
        curves=f"{PHENOTYPE}/failures/curves.tsv",
    output:
        png=f"{FIGURES}/figure5_failures.png",
        svg=exhibit("figure5_failures"),
    log:
        f"{RUN}/logs/draw_failures.log",
    benchmark:
        f"{RUN}/benchmarks/draw_failures.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_failures.py"


rule draw_corrections:
    input:
        corrections=f"{TABLES}/corrections.csv",
        baselines=f"{TABLES}/baselines.csv",
    output:
        png=f"{FIGURES}/corrections.png",
        svg=exhibit("figure_corrections"),
    log:
        f"{RUN}/logs/draw_corrections.log",
    benchmark:
        f"{RUN}/benchmarks/draw_corrections.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_corrections.py"


rule draw_specification_curve:
    input:
        curve=f"{TABLES}/specification_curve.csv",
    output:
        png=f"{FIGURES}/specification_curve.png",
        svg=exhibit("figure_specification_curve"),
    log:
        f"{RUN}/logs/draw_specification_curve.log",
    benchmark:
        f"{RUN}/benchmarks/draw_specification_curve.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_specification_curve.py"


rule draw_variation:
    input:
        pairs=f"{CORRECTED}/study_pairs.tsv",
        heterogeneity=f"{TABLES}/heterogeneity.csv" if SINGLE_LESIONS else [],
    output:
        png=f"{FIGURES}/variation.png",
        svg=exhibit("figure_variation"),
    log:
        f"{RUN}/logs/draw_variation.log",
    benchmark:
        f"{RUN}/benchmarks/draw_variation.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        name=config["phenotype"]["name"],
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_variation.py"


rule draw_segmentation_error:
    input:
        scored=f"{CORRECTED}/segmentation_error.tsv",
    output:
        png=f"{FIGURES}/segmentation_error.png",
        svg=exhibit("figure_segmentation_error"),
    log:
        f"{RUN}/logs/draw_segmentation_error.log",
    benchmark:
        f"{RUN}/benchmarks/draw_segmentation_error.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_segmentation_error.py"


rule draw_calibration:
    input:
        curve=f"{PHENOTYPE}/calibration_curve.tsv",
        decisions=f"{TABLES}/decision_curve.csv",
        choice=CHOICE,
    output:
        png=f"{FIGURES}/calibration.png",
        svg=exhibit("figure_calibration"),
    log:
        f"{RUN}/logs/draw_calibration.log",
    benchmark:
        f"{RUN}/benchmarks/draw_calibration.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_calibration.py"


rule draw_reproducibility:
    input:
        reproducibility=f"{TABLES}/reproducibility.csv",
        stability=f"{TABLES}/stability.csv",
    output:
        png=f"{FIGURES}/reproducibility.png",
        svg=exhibit("figure_reproducibility"),
    log:
        f"{RUN}/logs/draw_reproducibility.log",
    benchmark:
        f"{RUN}/benchmarks/draw_reproducibility.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/draw_reproducibility.py"


rule write_report:
    input:
        tables=REPORT_TABLES,
        figures=REPORT_FIGURES,
        facts=FACTS,
        burden=f"{PHENOTYPE}/burden.tsv",
        audit=f"{RUN}/provenance/leakage_audit.tsv",
        stale=f"{RUN}/provenance/stale_models.tsv",
        choice=CHOICE,
    output:
        page=exhibit("report"),
    log:
        f"{RUN}/logs/write_report.log",
    benchmark:
        f"{RUN}/benchmarks/write_report.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        masked=by_wildcards(STUDY.reported_series),
        settings={**TOLD, **TOLD_OF_METHODS, **TOLD_OF_DICOM},
        texts=TEXTS,
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/write_report.py"


rule write_checklists:
    input:
        tables=REPORT_TABLES,
        facts=FACTS,
        exclusions=[] if FROM_TABLE else f"{RUN}/cohort/exclusions.tsv",
        audit=f"{RUN}/provenance/leakage_audit.tsv",
        stale=f"{RUN}/provenance/stale_models.tsv",
        choice=CHOICE,
    output:
        table=f"{TABLES}/checklists.csv",
        page=exhibit("checklists"),
    log:
        f"{RUN}/logs/write_checklists.log",
    benchmark:
        f"{RUN}/benchmarks/write_checklists.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        settings=TOLD,
        texts=TEXTS,
        labels=LABELS,
        versions=pins("report"),
    script:
        "../workflow/scripts/write_checklists.py"


if CARDS:

    rule write_cards:
        input:
            tables=REPORT_TABLES,
            facts=FACTS,
            exclusions=[] if FROM_TABLE else f"{RUN}/cohort/exclusions.tsv",
            audit=f"{RUN}/provenance/leakage_audit.tsv",
            stale=f"{RUN}/provenance/stale_models.tsv",
            choice=CHOICE,
            tested=f"{CORRECTED}/test_predictions.tsv" if CHOICE else [],
        output:
            cards=CARDS,
        log:
            f"{RUN}/logs/write_cards.log",
        benchmark:
            f"{RUN}/benchmarks/write_cards.tsv"
        conda:
            "../envs/report.yaml"
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=minutes(10),
        params:
            settings=TOLD,
            texts=TEXTS,
            labels=LABELS,
            versions=pins("report"),
        script:
            "../workflow/scripts/write_cards.py"


# A page of some MB, which no other rule reads.
rule write_quality:
    input:
        acquisition=by_wildcards(
            STUDY.records_of_ingest, names=STUDY.series.index, kind="acquisition"
        ),
        quality=by_wildcards(STUDY.records_of_ingest, names=STUDY.series.index, kind="quality"),
        reference=by_wildcards(
            STUDY.records_of_ingest, names=STUDY.series_to_segment, kind="reference"
        ),
        pictures=[f"{RUN}/quality/{batch}.json" for batch in STUDY.batches],
    output:
        page=exhibit("quality"),
    log:
        f"{RUN}/logs/write_quality.log",
    benchmark:
        f"{RUN}/benchmarks/write_quality.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        rows=by_wildcards(STUDY.cohorts_and_phases),
        accepted=config["ingest"]["accept_masks"],
        told={key: TOLD[key] for key in ("run", "version", "phantoms", "viewed")},
        texts=TEXTS,
        versions=pins("report"),
    script:
        "../workflow/scripts/write_quality.py"
