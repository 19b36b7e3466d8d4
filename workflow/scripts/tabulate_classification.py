"""Rule tabulate_classification: tables 4, S2 and S3, the scores of all protocols' classifiers."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.report.tables import (
    table4_classification,
    table_s2_cross_validation,
    table_s3_weighted,
)

with job(snakemake) as log:
    metrics, validated = (
        # 'none' is a weighting here and no missing value.
        pd.concat([read_table(path, keep_default_na=False, na_values=[""]) for path in paths])
        for paths in (snakemake.input.metrics, snakemake.input.cross_validation)
    )
    write_table(table4_classification(metrics), snakemake.output.table4)
    write_table(table_s2_cross_validation(validated), snakemake.output.table_s2)
    write_table(table_s3_weighted(metrics), snakemake.output.table_s3)
    log.info("%d test scores, %d cross-validated scores", len(metrics), len(validated))
