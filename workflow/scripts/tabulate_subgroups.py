"""Rule tabulate_subgroups: the chosen model in subgroups, counts always."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.chosen import corrected_choice
from livermet.phenotype.fits import read_rows
from livermet.phenotype.table import read_feature_table, slice_thickness
from livermet.tables import read_table, write_table
from livermet.validation.subgroups import SUBGROUPS, Known, groups_of, tabulate_subgroups

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    chosen = corrected_choice(read_rows([given.choice]))
    rows = read_rows([*given.held_out, given.tested])
    rows = rows[rows["model"].eq(chosen.model) & rows["weighting"].eq(chosen.weighting)]
    facts = read_table(given.facts, dtype={"series": str})
    if given.acquisition:
        acquired = read_table(given.acquisition, dtype={"series": str}).set_index("series")
        matched = read_table(given.matching, dtype={"series": str}).set_index("series")
        thickness, days = acquired["slice_thickness_mm"], matched["days_apart"]
    else:
        acquired, days = pd.DataFrame(), pd.Series(dtype=float)
        thickness = slice_thickness(read_feature_table(given.features, params.name))
    groups = groups_of(Known(facts, thickness, params.thin_up_to_mm, acquired, days))
    table = tabulate_subgroups(rows, groups, params.draws, params.seed)
    log.info("%s: %d of %d subgroups scored", chosen.model, table["auc"].notna().sum(), len(table))
    write_table(table, snakemake.output.table, SUBGROUPS)
