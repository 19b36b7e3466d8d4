"""Radiomics: PyRadiomics features of the lesions of every target series, for one mask at a time.

Comes in: `series/{series}/ct.nii.gz` and a label map on its grid, a model's prediction or the
human reference (wildcard `mask`: a model's name or 'reference'); `cohort/matching.tsv`;
`detection/{model}/{scans,lesions,groups}.tsv` of a predicted mask, or of the final model's for the
reference, where the run has one.
Goes out: `results/<run>/radiomics/{mask}/`: `batches/{batch}.union.tsv` (107 features of the union
of lesions and their count, one row a series) and `{batch}.lesions.tsv` (one row a lesion: measures, place in the
liver, features), collected as `lesions.tsv`, with each lesion's match, and, with the molecular
results in the authors' column names, as `features.csv` (the union) and, of single lesions,
`features_{largest,volume_weighted_mean,sum}.csv`. Each begins with a line of provenance. Of the
training series that classifiers learn from, also `batches/{batch}.perturbed.tsv` (features of the
union in masks whose contour is moved at random).
Where the config names a finished table (`phenotype.table`), nothing is extracted: that table,
checked and completed, becomes `radiomics/table/features.csv`.
"""

from livermet.radiomics.aggregation import features_file
from livermet.vocabulary import AGGREGATIONS

# How a scan's features come of its lesions.
AGGREGATED = AGGREGATIONS if config["radiomics"]["per_lesion"] else ["union"]


rule extract_radiomics:
    input:
        cts=by_wildcards(STUDY.cts_of_masks),
        labels=by_wildcards(STUDY.label_maps_of_masks),
    output:
        union=f"{RUN}/radiomics/{{mask}}/batches/{{batch}}.union.tsv",
        lesions=f"{RUN}/radiomics/{{mask}}/batches/{{batch}}.lesions.tsv",
    log:
        f"{RUN}/logs/extract_radiomics/{{mask}}/{{batch}}.log",
    benchmark:
        f"{RUN}/benchmarks/extract_radiomics/{{mask}}/{{batch}}.tsv"
    conda:
        "../envs/radiomics.yaml"
    threads: 1
    resources:
        # 512 x 512 x 400 voxels took 846 MB, and lie on the disk as 100 MB or so.
        mem_mb=memory_by_size(2000, 20),
        runtime=minutes(240),
    params:
        by_series=by_wildcards(STUDY.masks_of_batch),
        components=COMPONENTS,
        per_lesion=config["radiomics"]["per_lesion"],
        settings=config["radiomics"]["settings"],
        lesions=config["radiomics"]["lesions"],
        versions=pins("radiomics"),
    script:
        "../workflow/scripts/extract_radiomics.py"


rule perturb_lesions:
    input:
        cts=by_wildcards(STUDY.cts_of_perturbed),
        labels=by_wildcards(STUDY.label_maps_of_perturbed),
    output:
        table=f"{RUN}/radiomics/{{mask}}/batches/{{batch}}.perturbed.tsv",
    log:
        f"{RUN}/logs/perturb_lesions/{{mask}}/{{batch}}.log",
    benchmark:
        f"{RUN}/benchmarks/perturb_lesions/{{mask}}/{{batch}}.tsv"
    conda:
        "../envs/radiomics.yaml"
    threads: 1
    resources:
        mem_mb=memory_by_size(2000, 20),
        runtime=minutes(480),
    params:
        by_series=by_wildcards(STUDY.perturbed_of_batch),
        components=COMPONENTS,
        settings=config["radiomics"]["settings"],
        lesions=config["radiomics"]["lesions"],
        perturbations=config["radiomics"]["perturbations"],
        aggregations=list(AGGREGATED),
        seed=config["seed"],
        versions=pins("radiomics"),
    script:
        "../workflow/scripts/perturb_lesions.py"


rule collect_radiomics:
    input:
        unions=by_wildcards(STUDY.features_by_batch, table="union"),
        lesions=by_wildcards(STUDY.features_by_batch, table="lesions"),
        matching=f"{RUN}/cohort/matching.tsv",
        scans=by_wildcards(STUDY.detection_of_mask, table="scans"),
        detected=by_wildcards(STUDY.detection_of_mask, table="lesions"),
        groups=by_wildcards(STUDY.detection_of_mask, table="groups"),
    output:
        features=[f"{RUN}/radiomics/{{mask}}/{features_file(name)}" for name in AGGREGATED],
        lesions=f"{RUN}/radiomics/{{mask}}/lesions.tsv",
    log:
        f"{RUN}/logs/collect_radiomics/{{mask}}.log",
    benchmark:
        f"{RUN}/benchmarks/collect_radiomics/{{mask}}.tsv"
    conda:
        "../envs/radiomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        series=by_wildcards(STUDY.masked_series),
        name=config["phenotype"]["name"],
        aggregations=AGGREGATED,
        settings=config["radiomics"]["settings"],
        lesions=config["radiomics"]["lesions"],
        rule=config["detection"]["matching"][0],
        final_model=FINAL_MODEL,
        versions=pins("radiomics"),
    script:
        "../workflow/scripts/collect_radiomics.py"


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
            positive_above=config["phenotype"]["positive_above"],
            thresholds=STUDY.scores.thresholds,
            folds=config["split"]["folds"],
            seed=config["seed"],
            versions=pins("phenotype"),
        script:
            "../workflow/scripts/import_feature_table.py"
