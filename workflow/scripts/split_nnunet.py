"""Rule split_nnunet: write the folds' training and held-out series from the ledger's places."""

import json

from livermet.files import whole_file
from livermet.jobs import job
from livermet.nnunet.dataset import split_by_place

with job(snakemake) as log:
    splits = split_by_place(snakemake.params.planning["places"], snakemake.params.folds)
    for fold, split in enumerate(splits):
        log.info("fold %d: %d train, %d held out", fold, len(split["train"]), len(split["val"]))
    with whole_file(snakemake.output.splits) as beside:
        beside.write_text(json.dumps(splits, indent=1) + "\n")
