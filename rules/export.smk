"""Export: the final model's results as DICOM, for a PACS.

Comes in: per series that came from DICOM its raw slices, CT, record of quality, and the final
model's prediction; the records of its training, or what a packed model says of itself; with
`export.dicom: pseudonyms` the file of the secret.
Goes out: `results/<run>/dicom/{model}/{series}/`: segmentation.dcm (SEG: liver, and each lesion a
segment of its own) and report.dcm (SR by TID 1500: volume, axes and mean HU of each lesion, their
number, the burden). The folder is empty where the CT's planes are none of the source's slices or
these cannot be referred to; `results/<run>/dicom/exported.tsv` says of every predicted series
whether it was exported, and why not.
"""

from livermet.report import words

EXPORTED = f"{RUN}/dicom/exported.tsv" if STUDY.exports.model else []


# One rule a batch, declaring every folder that it writes: most of a series' time is its job's start.
for batch, members in STUDY.exports.batches.items():
    if is_defined(f"export_dicom_{batch}"):

        rule:
            name:
                f"export_dicom_{batch}"
            input:
                sources=[STUDY.sources.path(series) for series in members],
                cts=[STUDY.ct(series) for series in members],
                predictions=[STUDY.prediction(FINAL_MODEL, series) for series in members],
                qualities=STUDY.records_of_ingest(members, "quality"),
                trained=training_records(FINAL_MODEL),
                secret=config["export"]["secret"] or [],
            output:
                folders=[directory(f"{RUN}/dicom/{FINAL_MODEL}/{series}") for series in members],
                table=f"{RUN}/dicom/{FINAL_MODEL}/batches/{batch}.tsv",
            log:
                f"{RUN}/logs/export_dicom/{batch}.log",
            benchmark:
                f"{RUN}/benchmarks/export_dicom/{batch}.tsv"
            # Of a cluster's jobs: its profile says how many batches share one.
            group:
                "exports"
            conda:
                "../envs/export.yaml"
            threads: 1
            resources:
                # 512 x 512 x 200 voxels took 1.1 GB, and lie on the disk as 105 MB, or as half of it.
                mem_mb=memory_by_size(2000, 20),
                runtime=minutes(60),
            params:
                by_series=STUDY.exports.of_batch(batch),
                identifiers=config["export"]["dicom"],
                accept=config["ingest"]["accept"],
                components=COMPONENTS,
                algorithm={
                    "model": FINAL_MODEL,
                    "label": words.model(FINAL_MODEL),
                    "version": __version__,
                    "phantom": STUDY.phantoms is not None,
                },
                versions=pins("export"),
            script:
                "../workflow/scripts/export_dicom.py"


rule collect_export:
    input:
        tables=[f"{RUN}/dicom/{FINAL_MODEL}/batches/{batch}.tsv" for batch in STUDY.exports.batches],
    output:
        table=f"{RUN}/dicom/exported.tsv",
    log:
        f"{RUN}/logs/collect_export.log",
    benchmark:
        f"{RUN}/benchmarks/collect_export.tsv"
    conda:
        "../envs/export.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        model=FINAL_MODEL,
        series=STUDY.exports.series,
        without_source=STUDY.exports.without_dicom(),
        versions=pins("export"),
    script:
        "../workflow/scripts/collect_export.py"
