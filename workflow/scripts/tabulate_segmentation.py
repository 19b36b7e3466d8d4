"""Rule tabulate_segmentation: table 3, the segmentation models on the scans that may score them."""

import pandas as pd

from livermet.detection.table3 import COLUMNS, table3_of_given_masks, table3_segmentation
from livermet.files import read_table, write_table
from livermet.jobs import job

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
        table = table3_of_given_masks(places)
    else:
        table = pd.DataFrame(columns=COLUMNS)
    write_table(table, snakemake.output.table3)
    log.info("%d rows", len(table))
