"""
The demo's raw data: CT phantoms, made from the sheet `sheets.phantoms`.

In:  one row of phantoms.tsv for each series (what the phantom shows and how it is written), and
     the patient, date, phase, sex and age of its row in series.tsv.
Out: {data_root}/{series}/ct.nii.gz for series of kind nifti, the folder {data_root}/{series}/dicom
     for series of kind dicom, and for both {data_root}/{series}/reference.nii.gz, the phantom's true labels,
     whether or not series.tsv names it as a reference.

Without a sheet of phantoms no series matches these rules.
"""


rule make_phantom_ct:
    output:
        ct=f"{DATA_ROOT}/{{series}}/ct.nii.gz",
        reference=f"{DATA_ROOT}/{{series}}/reference.nii.gz",
    log:
        f"{RUN}/logs/make_phantom_ct/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/make_phantom_ct/{{series}}.tsv"
    wildcard_constraints:
        series=one_of(STUDY.phantoms_of("nifti")),
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        # In the place of raw data, which may be changed by hand.
        raw=True,
        phantom=by_wildcards(STUDY.phantom),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/make_phantom_ct.py"


rule make_phantom_dicom:
    output:
        dicom=directory(f"{DATA_ROOT}/{{series}}/dicom"),
        reference=f"{DATA_ROOT}/{{series}}/reference.nii.gz",
    log:
        f"{RUN}/logs/make_phantom_dicom/{{series}}.log",
    benchmark:
        f"{RUN}/benchmarks/make_phantom_dicom/{{series}}.tsv"
    wildcard_constraints:
        series=one_of(STUDY.phantoms_of("dicom")),
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        # In the place of raw data, which may be changed by hand.
        raw=True,
        phantom=by_wildcards(STUDY.phantom),
        versions=pins("ingest"),
    script:
        "../workflow/scripts/make_phantom_dicom.py"
