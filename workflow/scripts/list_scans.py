"""Rule list_scans: every series with what its mask measures, its warnings and flags."""

import pandas as pd

from livermet.cohort.scan_list import SCAN_LIST, scan_list
from livermet.jobs import job
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    inputs, texts = snakemake.input, {"series": str}
    # Where masks are given there is no model to predict any.
    scans = read_table(inputs.scans, dtype=texts) if inputs.scans else pd.DataFrame({"series": []})
    listed = scan_list(
        read_table(inputs.facts, dtype=texts | {"patient": str}),
        read_table(inputs.acquisition, dtype=texts),
        scans,
        snakemake.params.lesions_read,
    )
    write_table(listed, snakemake.output.table, SCAN_LIST)
    log.info("%d series, %d of them with a flag", len(listed), listed["flags"].ne("").sum())
