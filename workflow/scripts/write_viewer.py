"""Rule write_viewer: the page that leads to the viewer's pages of all series, worst ones first."""

import pandas as pd

from livermet.files import whole_file
from livermet.jobs import job
from livermet.tables import read_table
from livermet.viewer.page import index_page

with job(snakemake) as log:
    params = snakemake.params
    scans = pd.concat(
        [pd.DataFrame(columns=["series", "model"])]
        + [read_table(path, dtype={"series": str}) for path in snakemake.input.scans]
    )
    page = index_page(params.rows, scans, params.told)
    with whole_file(snakemake.output.page) as beside:
        beside.write_text(page, encoding="utf-8")
    log.info("%d series", len(params.rows))
