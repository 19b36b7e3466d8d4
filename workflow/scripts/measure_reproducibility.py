"""Rule measure_reproducibility: the ICC of every feature between reconstructions and masks."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.corrected import prepared
from livermet.phenotype.table import read_feature_table, slice_thickness
from livermet.statistics.reproducibility import REPRODUCIBILITY, measure_reproducibility
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    thickness, perturbed = pd.Series(dtype=float), None
    if given.acquisition:
        acquired = read_table(given.acquisition, dtype={"series": str})
        thickness = acquired.set_index("series")["slice_thickness_mm"]
    if given.perturbed:
        perturbed = pd.concat(
            [read_table(path, dtype={"series": str}) for path in given.perturbed], ignore_index=True
        )
        # In the order of the sheet, and without the series that have been withdrawn.
        perturbed = pd.concat([perturbed[perturbed["series"].eq(name)] for name in params.series])
    parts = []
    for aggregation, path in zip(params.aggregations, given.features, strict=True):
        table = prepared(read_feature_table(path, params.name))
        if not given.acquisition:
            thickness = slice_thickness(table)
        masks = None if perturbed is None else perturbed[perturbed["aggregation"].eq(aggregation)]
        icc = measure_reproducibility(table, thickness, masks, params.draws, params.seed)
        for row in icc.drop_duplicates("comparison").itertuples():
            log.info(
                "%s, %s: %s of %d targets of %d patients, %d ratings each",
                *(aggregation, row.comparison, row.form, row.targets, row.patients, row.ratings),
            )
        icc.insert(0, "aggregation", aggregation)
        parts.append(icc)
    table = pd.concat(parts)
    write_table(table, snakemake.output.reproducibility, REPRODUCIBILITY)
