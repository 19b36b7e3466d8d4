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
    volumes = {name: iter(files) for name, files in given.items() if name not in TABLES}
    for (series, row), page in zip(params.by_series.items(), snakemake.output.pages, strict=True):
        has = [name for name in volumes if row.get(name)]
        images = {name: read_image(next(volumes[name])) for name in has}
        masks = Masks(
            images.get("references"),
            {model: images[f"predictions_{model}"] for model in row["kinds"]},
            {
                model: array_of(images[f"probabilities_{model}"])
                for model in row["kinds"]
                if f"probabilities_{model}" in images
            },
        )
        measured = {kind: table[table["series"].eq(series)] for kind, table in tables.items()}
        view = view_of(series, row, images["cts"], masks, measured, params.components, params.told)
        text = series_page(view, params.told)
        with whole_file(page) as beside:
            beside.write_text(text, encoding="utf-8")
        log.info("%s: a page of %.1f MB, %d models", series, len(text) / 1e6, len(row["kinds"]))
