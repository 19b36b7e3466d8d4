"""Rule draw_features: figure 4, the features that each protocol selects."""

import pandas as pd

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.features.figures import features
from livermet.tables import read_table

with job(snakemake) as log:
    paths = snakemake.input.selection
    selection = pd.concat([read_table(path, dtype={"fold": str}) for path in paths])
    protocols = list(dict.fromkeys(selection["protocol"]))
    save(lambda: features(selection, protocols), snakemake.output.png, snakemake.output.svg)
    log.info("%d selected features over all fits", selection["feature"].notna().sum())
