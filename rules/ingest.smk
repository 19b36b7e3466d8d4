"""Ingest: every series becomes a CT in Hounsfield units on a canonical grid, with its records.

Comes in: per series a folder of DICOM slices or a NIfTI/NRRD volume; where the sheet names them a
reference segmentation and a liver mask.
Goes out: `results/<run>/series/{series}/`: ct.nii.gz (int16 HU, RAS+, nothing below -1024),
acquisition.json (scanner, kVp, spacing, thickness; nothing about the patient), quality.json
(slices, coverage, range, what was padded, rounded or resampled, warnings) and, where there is one,
reference.nii.gz (0 background, 1 liver, 2 lesion, on the CT's grid) with reference.json. And
`results/<run>/quality/{batch}.json`: a small picture of each series, for the page of quality.
"""


rule ingest_series:
    input:
        image=by_wildcards(STUDY.sources.path, column="image"),
        beside=by_wildcards(STUDY.sources.values, column="image"),
    output:
        ct=f"{RUN}/series/{{series}}/ct.nii.gz",
        acquisition=f"{RUN}/series/{{series}}/acquisition.json",
        quality=f"{RUN}/series/{{series}}/quality.json",
    log:
        f"{RUN}/logs/ingest_series/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/ingest_series/{{series}}.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        # A DICOM folder lies uncompressed; of a compressed volume a CT is three times as large.
        mem_mb=memory_by_size(2000, 15),
        runtime=minutes(20),
    params:
        kind=by_wildcards(STUDY.sources.kind),
        accept=config["ingest"]["accept"],
        versions=pins("ingest"),
    script:
        "../workflow/scripts/ingest_series.py"


# One rule a batch, declaring every file that it writes: a reference takes a second, of which most
# is the start of its job.
for batch, members in STUDY.batches_of(STUDY.series_to_segment).items():
    if is_defined(f"ingest_reference_{batch}"):

        rule:
            name:
                f"ingest_reference_{batch}"
            input:
                cts=[STUDY.ct(series) for series in members],
                # The slices that a CT was resampled from.
                qualities=STUDY.records_of_ingest(members, "quality"),
                references=STUDY.sources.paths(members, "reference"),
                liver_masks=STUDY.sources.paths(members, "liver_mask"),
                # Watched, and read by way of their headers.
                beside=[
                    path
                    for column in ("reference", "liver_mask")
                    for path in STUDY.sources.values_of_several(members, column)
                ],
            output:
                references=[STUDY.reference(series) for series in members],
                records=[f"{RUN}/series/{series}/reference.json" for series in members],
            log:
                f"{RUN}/logs/ingest_reference/{batch}.log",
            benchmark:
                f"{RUN}/benchmarks/ingest_reference/{batch}.tsv"
            # Of a cluster's jobs: its profile says how many batches share one.
            group:
                "reference"
            conda:
                "../envs/ingest.yaml"
            threads: 1
            resources:
                mem_mb=memory_by_size(2000, 25),
                runtime=minutes(60),
            params:
                by_series={
                    series: {
                        "references": STUDY.has_reference(series),
                        "liver_masks": bool(STUDY.rows[series]["liver_mask"]),
                        "lesions_read": STUDY.rows[series]["lesions_read"],
                        "accepted": series in config["ingest"]["accept_masks"],
                    }
                    for series in members
                },
                labels=config["reference_labels"],
                versions=pins("ingest"),
            script:
                "../workflow/scripts/ingest_reference.py"


rule draw_series:
    input:
        cts=by_wildcards(STUDY.cts_of_batch),
        references=by_wildcards(STUDY.references_of_pictures),
    output:
        pictures=f"{RUN}/quality/{{batch}}.json",
    log:
        f"{RUN}/logs/draw_series/{{batch}}.log",
    benchmark:
        f"{RUN}/benchmarks/draw_series/{{batch}}.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory_by_size(2000, 25),
        runtime=minutes(60),
    params:
        by_series=by_wildcards(STUDY.pictures_of_batch),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/draw_series.py"
