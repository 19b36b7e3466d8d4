"""Rules view_series_*: a page of the viewer for each series of a batch."""

import pandas as pd

from livermet.files import whole_file
from livermet.images import array_of, read_image
from livermet.jobs import job
from livermet.tables import read_table
from livermet.viewer.page import series_page
from livermet.viewer.view import Masks, view_of

TABLES = ("scans", "lesions", "groups")

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    # Numbers of lesions joined by '+' are text even where none is joined.
    tables = {
        kind: pd.concat(
            [pd.DataFrame(columns=["series", "model"])]
            + [
                read_table(path, dtype={"series": str, "references": str, "predictions": str})
                for path in given[kind]
            ]
        )
        for kind in TABLES
    }
    references, predictions, probabilities = (
        iter(given[name]) for name in ("references", "predictions", "probabilities")
    )
    for (series, row), ct, page in zip(
        params.by_series.items(), given.cts, snakemake.output.pages, strict=True
    ):
        masks = Masks(
            reference=read_image(next(references)) if row["references"] else None,
            predictions={model: read_image(next(predictions)) for model in row["models"]},
            probabilities={
                model: array_of(read_image(next(probabilities)))
                for model in row["models"]
                if params.probabilities
            },
        )
        measured = {kind: table[table["series"].eq(series)] for kind, table in tables.items()}
        view = view_of(series, row, read_image(ct), masks, measured, params.components, params.told)
        text = series_page(view, params.told)
        with whole_file(page) as beside:
            beside.write_text(text, encoding="utf-8")
        log.info("%s: a page of %.1f MB, %d models", series, len(text) / 1e6, len(row["models"]))
