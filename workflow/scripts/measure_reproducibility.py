"""Rule measure_reproducibility: the ICC of every feature between reconstructions of one study."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.phenotype.corrected import prepared
from livermet.phenotype.reproducibility import measure_reproducibility
from livermet.phenotype.table import read_feature_table

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    table = prepared(read_feature_table(given.features, params.name))
    thickness = pd.Series(dtype=float)
    if given.acquisition:
        acquired = read_table(given.acquisition, dtype={"series": str})
        thickness = acquired.set_index("series")["slice_thickness_mm"]
    icc = measure_reproducibility(table, thickness, params.draws, params.seed)
    log.info("%s over %d pairs of %d patients", *icc[["form", "pairs", "patients"]].iloc[0])
    write_table(icc, snakemake.output.reproducibility)
