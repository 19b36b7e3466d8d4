"""Rule tabulate_classification: tables 4, S2 and S3, the scores of all protocols' classifiers."""

import pandas as pd

from livermet.jobs import job
from livermet.report.classification.tables import (
    TABLE_4,
    TABLE_S2,
    TABLE_S3,
    in_paper_order,
    table4_classification,
    table_s3_weighted,
)
from livermet.tables import AS_WRITTEN, read_table, write_table

with job(snakemake) as log:
    given, output = snakemake.input, snakemake.output
    metrics, validated = (
        pd.concat([read_table(path, **AS_WRITTEN) for path in paths])
        for paths in (given.metrics, given.cross_validation)
    )
    write_table(table4_classification(metrics), output.table4, TABLE_4)
    write_table(in_paper_order(validated), output.table_s2, TABLE_S2)
    write_table(table_s3_weighted(metrics), output.table_s3, TABLE_S3)
    log.info("%d test scores, %d cross-validated scores", len(metrics), len(validated))
