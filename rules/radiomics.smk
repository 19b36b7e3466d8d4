"""Radiomics: PyRadiomics features of the lesions of every target series, for one mask at a time.

Comes in: `series/{series}/ct.nii.gz` and a label map on its grid, a model's prediction or the
human reference (wildcard `mask`: a model's name or 'reference'); `cohort/matching.tsv`.
Goes out: `results/<run>/radiomics/{mask}/`: `series/{series}.union.tsv` (107 features of the union
of lesions and their count) and `{series}.lesions.tsv` (one row a lesion), collected as
`lesions.tsv` and, with the molecular results in the authors' column names, `features.csv` (the
union) and, of single lesions, `features_{largest,volume_weighted_mean,sum}.csv`.
"""

from livermet.radiomics.aggregation import AGGREGATIONS, features_file

# How a scan's features come of its lesions', beside those of their union.
OF_LESIONS = [name for name in AGGREGATIONS if name != "union"]
if not config["radiomics"]["per_lesion"]:
    OF_LESIONS = []


rule extract_radiomics:
    input:
        ct=f"{RUN}/series/{{series}}/ct.nii.gz",
        labels=labels_of_series,
    output:
        union=f"{RUN}/radiomics/{{mask}}/series/{{series}}.union.tsv",
        lesions=f"{RUN}/radiomics/{{mask}}/series/{{series}}.lesions.tsv",
    log:
        f"{RUN}/logs/extract_radiomics/{{mask}}/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/extract_radiomics/{{mask}}/{{series}}.tsv"
    conda:
        "../envs/radiomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        components=COMPONENTS,
        per_lesion=config["radiomics"]["per_lesion"],
        settings=config["radiomics"]["settings"],
        code=code("radiomics.scans"),
        versions=pins("radiomics"),
    script:
        "../workflow/scripts/extract_radiomics.py"


rule collect_radiomics:
    input:
        unions=unions_of_mask,
        lesions=lesions_of_mask,
        matching=f"{RUN}/cohort/matching.tsv",
    output:
        features=f"{RUN}/radiomics/{{mask}}/features.csv",
        aggregated=[f"{RUN}/radiomics/{{mask}}/{features_file(name)}" for name in OF_LESIONS],
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
        name=config["phenotype"]["name"],
        aggregations=OF_LESIONS,
        code=code("radiomics.tables", "radiomics.aggregation"),
        versions=pins("radiomics"),
    script:
        "../workflow/scripts/collect_radiomics.py"
