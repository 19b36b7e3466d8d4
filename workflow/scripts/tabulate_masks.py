"""Rule tabulate_masks: the classifiers' scores on predicted masks beside those on references."""

import pandas as pd

from livermet.jobs import job
from livermet.tables import AS_WRITTEN, read_table, write_table
from livermet.validation.masks import MASKS, MaskScores, compare_masks


def read(paths, **options):
    """Read the tables of all protocols as one."""
    return pd.concat([read_table(path, **AS_WRITTEN, **options) for path in paths])


with job(snakemake) as log:
    names = {"usecols": ["protocol", "set", "series"], "dtype": str}
    predicted, reference = (
        MaskScores(
            read(snakemake.input[f"{mask}_metrics"]),
            read(snakemake.input[f"{mask}_cross_validation"]),
            read(snakemake.input[f"{mask}_scored"], **names),
        )
        for mask in ("predicted", "reference")
    )
    table = compare_masks(predicted, reference, snakemake.params.model)
    write_table(table, snakemake.output.table, MASKS)
    compared = table["difference"].notna()
    log.info("%d of %d scores stand on both masks", compared.sum(), compared.size)
