"""Rule repeat_logistic_regression: the published one under a kernel of the linear algebra library.

OpenBLAS takes the kernel from the environment when NumPy is first imported, hence the order here.
"""

import os

os.environ["OPENBLAS_CORETYPE"] = snakemake.wildcards.kernel

from livermet.jobs import job
from livermet.phenotype.table import read_feature_table
from livermet.reproduction.comparison import REPEATS, repeat_logistic_regression
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    params = snakemake.params
    table = read_feature_table(snakemake.input.features, params.name)
    selection = read_table(snakemake.input.selection, dtype={"fold": str})
    repeat = repeat_logistic_regression(table, selection, params.weightings, params.draws)
    log.info("asked for %s, computed with %s", snakemake.wildcards.kernel, repeat["answer"].iloc[0])
    write_table(repeat, snakemake.output.repeat, REPEATS)
