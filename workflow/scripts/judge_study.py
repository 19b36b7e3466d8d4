"""Rule judge_study: what the packed classifier says of a new patient's study and its series."""

from pathlib import Path

from livermet.files import read_json
from livermet.ingest.acquisition import acquisition_table
from livermet.jobs import job
from livermet.ledger.batches import read_batches
from livermet.pack.judged import JUDGED
from livermet.pack.phenotype import Phenotype
from livermet.patients.judged import rows_to_judge
from livermet.tables import write_table

with job(snakemake) as log:
    given, rows = snakemake.input, snakemake.params.by_series
    unions, lesions, scans = (
        read_batches(paths, list(rows)) for paths in (given.unions, given.lesions, given.scans)
    )
    phenotype = Phenotype.load(Path(given.phenotype[0]).parent)
    studies = dict.fromkeys(rows, snakemake.wildcards.study)
    records: dict[str, dict] = {series: {} for series in rows}
    for paths in (given.acquisition, given.qualities):
        for series, path in zip(rows, paths, strict=True):
            records[series] |= read_json(path)
    acquisition = acquisition_table(rows, records)
    features = rows_to_judge(unions, lesions, studies, phenotype.aggregation, acquisition, scans)
    judged = phenotype.judge(features, acquisition)
    for row in judged.itertuples():
        log.info("%s %s: %s %s", row.level, row.series or row.study, row.verdict, row.reasons)
    write_table(judged, snakemake.output.judged, JUDGED)
