"""Rule gather_published_weights: the parts of a classifier's search of class weights in one."""

import pandas as pd

from livermet.jobs import job
from livermet.phenotype.columns import WEIGHTS
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    weights = pd.concat([read_table(path) for path in snakemake.input.parts])
    log.info("%d weights", len(weights))
    write_table(weights.sort_values("weight"), snakemake.output.weights, WEIGHTS)
