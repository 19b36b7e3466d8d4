"""Rule tabulate_segmentation: table 3, the segmentation models on the scans that may score them."""

import pandas as pd

from livermet.detection.table3 import (
    TABLE3,
    TABLE3_UNSCORED,
    table3_of_given_masks,
    table3_segmentation,
)
from livermet.jobs import job
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    texts = {"series": str, "patient": str}
    if snakemake.input.places:
        places = read_table(snakemake.input.places, dtype=texts)
    if snakemake.input.scans:
        scans = pd.concat([read_table(path, dtype=texts) for path in snakemake.input.scans])
        table = table3_segmentation(
            scans, places, snakemake.params.target, snakemake.params.draws, snakemake.params.seed
        )
    elif snakemake.params.masks_given:
        masked = places[places["series"].isin(snakemake.params.masked)]
        table = table3_of_given_masks(masked)
    else:
        table = pd.DataFrame(columns=TABLE3_UNSCORED.names)
    contract = TABLE3 if snakemake.input.scans else TABLE3_UNSCORED
    write_table(table, snakemake.output.table3, contract)
    log.info("%d rows", len(table))
