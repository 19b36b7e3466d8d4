"""Rule collect_radiomics: one table of features a cohort, with its molecular results."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.radiomics.tables import feature_table

with job(snakemake) as log:
    # As text, so that every value passes as it was written.
    unions, lesions = (
        pd.concat(
            [read_table(path, dtype=str, keep_default_na=False) for path in paths],
            ignore_index=True,
        )
        for paths in (snakemake.input.unions, snakemake.input.lesions)
    )
    matching = read_table(snakemake.input.matching, dtype={"series": str, "patient": str})
    features = feature_table(unions, matching, snakemake.params.name)
    log.info(
        "%d series with a mask, %d included by the matching, %d in the table, %d without lesions",
        len(unions),
        matching["included"].sum(),
        len(features),
        (features["Num_Lesions"].astype(int) == 0).sum(),
    )
    write_table(features, snakemake.output.features)
    write_table(lesions, snakemake.output.lesions)
