"""Rule compare_with_print: every printed number of the article beside ours."""

from pathlib import Path

import pandas as pd
import yaml

from livermet.jobs import job
from livermet.phenotype.fits import FITTED, read_rows
from livermet.phenotype.table import read_feature_table
from livermet.reproduction.comparison import REPRODUCTION, compare, facts_of_table, scores_of_models
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    given = snakemake.input
    printed = yaml.safe_load(Path(given.printed).read_text())
    table = read_feature_table(given.features, snakemake.params.name)
    selection, burden = read_table(given.selection), read_table(given.burden)
    metrics, validated = (
        read_table(path, **FITTED) for path in (given.metrics, given.cross_validation)
    )
    scores = scores_of_models(metrics, validated, read_rows(given.predictions))
    facts = facts_of_table(table, selection, burden, printed)
    repeats = pd.concat([read_table(path, **FITTED) for path in given.repeats])
    reproduction = compare(printed, pd.concat([scores, facts]), repeats)
    for agreement, count in reproduction["agreement"].value_counts().items():
        log.info("%s: %d", agreement, count)
    write_table(reproduction, snakemake.output.reproduction, REPRODUCTION)
