"""Rule collect_radiomics: tables of features a cohort and aggregation, with molecular results."""

import numpy as np
import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.radiomics.aggregation import aggregate
from livermet.radiomics.features import FEATURES
from livermet.radiomics.tables import feature_table

with job(snakemake) as log:
    params, output = snakemake.params, snakemake.output
    # As text, so that every value passes as it was written.
    unions, lesions = (
        pd.concat(
            [read_table(path, dtype=str, keep_default_na=False) for path in paths],
            ignore_index=True,
        )
        for paths in (snakemake.input.unions, snakemake.input.lesions)
    )
    matching = read_table(snakemake.input.matching, dtype={"series": str, "patient": str})
    features = feature_table(unions, matching, params.name)
    log.info(
        "%d series with a mask, %d included by the matching, %d in the table, %d without lesions",
        len(unions),
        matching["included"].sum(),
        len(features),
        (features["Num_Lesions"].astype(int) == 0).sum(),
    )
    write_table(features, output.features)
    numbers = ["volume_ml", *FEATURES]
    measured = lesions.assign(**lesions[numbers].replace("", np.nan).astype(float))
    for aggregation, path in zip(params.aggregations, output.aggregated, strict=True):
        rows = aggregate(unions, measured, aggregation)
        write_table(feature_table(rows, matching, params.name), path)
    write_table(lesions, output.lesions)
