"""Rule measure_reproducibility: the ICC of every feature between reconstructions and masks."""

import pandas as pd

from livermet.files import read_table, write_table
from livermet.jobs import job
from livermet.phenotype.corrected import prepared
from livermet.phenotype.reproducibility import measure_reproducibility
from livermet.phenotype.table import read_feature_table

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    table = prepared(read_feature_table(given.features, params.name))
    thickness, perturbed = pd.Series(dtype=float), None
    if given.acquisition:
        acquired = read_table(given.acquisition, dtype={"series": str})
        thickness = acquired.set_index("series")["slice_thickness_mm"]
    if given.perturbed:
        parts = [read_table(path, dtype={"series": str}) for path in given.perturbed]
        perturbed = pd.concat(parts, ignore_index=True)
    icc = measure_reproducibility(table, thickness, perturbed, params.draws, params.seed)
    for row in icc.drop_duplicates("comparison").itertuples():
        log.info(
            "%s: %s of %d targets of %d patients, %d ratings each",
            *(row.comparison, row.form, row.targets, row.patients, row.ratings),
        )
    write_table(icc, snakemake.output.reproducibility)
