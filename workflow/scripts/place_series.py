"""Rule place_series: whose each series is, and whether it is in training or test."""

import pandas as pd

from livermet.cohort.matching import SERIES_PLACES
from livermet.jobs import job
from livermet.tables import write_table

with job(snakemake) as log:
    places = pd.DataFrame(snakemake.params.rows, columns=SERIES_PLACES.names)
    write_table(places, snakemake.output.places, SERIES_PLACES)
    log.info("%d series of %d patients", len(places), places["patient"].nunique())
