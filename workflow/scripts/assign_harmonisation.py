"""Rule assign_harmonisation: give each series the batch that its features are harmonised by."""

from livermet.jobs import job
from livermet.phenotype.harmonisation import BATCHES, assign_batches, facts_of_table, name_batches
from livermet.phenotype.table import read_feature_table
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    if given.features:
        acquisition, matching = facts_of_table(read_feature_table(given.features, params.name))
    else:
        acquisition = read_table(given.acquisition, dtype={"series": str})
        matching = read_table(given.matching, dtype={"series": str, "patient": str, "place": str})
    names = name_batches(acquisition, params.by, params.thin_up_to_mm)
    batches = assign_batches(matching, names, params.by, params.minimum_patients)
    for batch, rows in batches.groupby("batch"):
        log.info("%s: %d series, %d patients", batch, len(rows), rows["patient"].nunique())
    write_table(batches, snakemake.output.batches, BATCHES)
