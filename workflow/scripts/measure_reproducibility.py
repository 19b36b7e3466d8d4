"""Rule measure_reproducibility: the ICC of every feature between reconstructions of one study."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.phenotype.corrected import prepared
from livermet.phenotype.reproducibility import measure_reproducibility
from livermet.phenotype.table import read_feature_table

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    thickness = pd.Series(dtype=float)
    if given.acquisition:
        acquired = read_table(given.acquisition, dtype={"series": str})
        thickness = acquired.set_index("series")["slice_thickness_mm"]
    parts = []
    for aggregation, path in zip(params.aggregations, given.features, strict=True):
        table = prepared(read_feature_table(path, params.name))
        icc = measure_reproducibility(table, thickness, params.draws, params.seed)
        facts = icc[["form", "pairs", "patients"]].iloc[0]
        log.info("%s: %s over %d pairs of %d patients", aggregation, *facts)
        icc.insert(0, "aggregation", aggregation)
        parts.append(icc)
    write_table(pd.concat(parts), snakemake.output.reproducibility)
