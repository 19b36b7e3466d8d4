"""Ingest: every series becomes a CT in Hounsfield units on a canonical grid, with its records.

Comes in: per series a folder of DICOM slices or a NIfTI/NRRD volume; where the sheet names them a
reference segmentation and a liver mask.
Goes out: `results/<run>/series/{series}/`: ct.nii.gz (int16 HU, RAS+, nothing below -1024),
acquisition.json (scanner, kVp, spacing, thickness, phase; nothing about the patient), quality.json
(slices, coverage, range, what was padded, rounded or resampled, warnings) and, where there is one,
reference.nii.gz (0 background, 1 liver, 2 lesion, on the CT's grid) with reference.json.
"""


rule ingest_dicom:
    input:
        image=image_source,
    output:
        ct=f"{RUN}/series/{{series}}/ct.nii.gz",
        acquisition=f"{RUN}/series/{{series}}/acquisition.json",
        quality=f"{RUN}/series/{{series}}/quality.json",
    log:
        f"{RUN}/logs/ingest_dicom/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/ingest_dicom/{{series}}.tsv"
    wildcard_constraints:
        series=one_of(DICOM_SERIES),
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(20),
    params:
        listing=dicom_listing,
        phase=phase_of_series,
        code=code("ingest.series", "files", "images"),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/ingest_dicom.py"


rule ingest_volume:
    input:
        image=image_source,
    output:
        ct=f"{RUN}/series/{{series}}/ct.nii.gz",
        acquisition=f"{RUN}/series/{{series}}/acquisition.json",
        quality=f"{RUN}/series/{{series}}/quality.json",
    log:
        f"{RUN}/logs/ingest_volume/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/ingest_volume/{{series}}.tsv"
    wildcard_constraints:
        series=one_of(VOLUME_SERIES),
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(20),
    params:
        phase=phase_of_series,
        code=code("ingest.series", "files", "images"),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/ingest_volume.py"


rule ingest_reference:
    input:
        ct=f"{RUN}/series/{{series}}/ct.nii.gz",
        reference=reference_source,
        liver_mask=liver_mask_source,
    output:
        reference=f"{RUN}/series/{{series}}/reference.nii.gz",
        record=f"{RUN}/series/{{series}}/reference.json",
    log:
        f"{RUN}/logs/ingest_reference/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/ingest_reference/{{series}}.tsv"
    wildcard_constraints:
        series=one_of(REFERENCE_SERIES),
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(20),
    params:
        labels=config["reference_labels"],
        code=code("ingest.reference", "files", "images"),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/ingest_reference.py"
