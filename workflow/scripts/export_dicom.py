"""Rules export_dicom_*: SEG and structured report of each DICOM series of a batch."""

from pathlib import Path

from livermet.export.algorithm import Algorithm, digest_of
from livermet.export.exported import EXPORTED, exported_table
from livermet.export.identifiers import identifiers_of
from livermet.export.writing import Scan, export_scan
from livermet.files import read_json
from livermet.images import read_image
from livermet.jobs import job
from livermet.tables import write_table
from livermet.untold import untold

with job(snakemake) as log, untold():
    given, params = snakemake.input, snakemake.params
    identifiers = identifiers_of(params.identifiers, given.get("secret"))
    records = digest_of(given.trained)
    reasons = {}
    files = (given.sources, given.cts, given.predictions, given.qualities, snakemake.output.folders)
    for (series, row), source, ct, prediction, quality, folder in zip(
        params.by_series.items(), *files, strict=True
    ):
        scan = Scan(
            series,
            Path(source),
            read_image(ct),
            read_image(prediction),
            read_json(quality),
            row,
        )
        algorithm = Algorithm(records=records, kind=row["kind"], **params.algorithm)
        findings, reasons[series] = export_scan(
            scan, folder, algorithm, identifiers, params.components, params.accept
        )
        if findings is None:
            log.info("%s: not exported: %s", series, reasons[series])
        else:
            log.info("%s: %d lesions exported", series, len(findings.lesions))
    table = exported_table(params.algorithm["model"], reasons)
    write_table(table, snakemake.output.table, EXPORTED)
