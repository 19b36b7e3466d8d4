"""Rule draw_series: one small picture of each series of a batch, for the page of quality."""

import base64

from livermet.files import write_json
from livermet.images import array_of, read_image
from livermet.ingest.pictures import encoded, picture_of
from livermet.jobs import job

with job(snakemake) as log:
    given = snakemake.input
    references = iter(given.references)
    made = {}
    for (series, has), path in zip(snakemake.params.by_series.items(), given.cts, strict=True):
        ct = read_image(path)
        labels = array_of(read_image(next(references))) if has["references"] else None
        picture = encoded(picture_of(array_of(ct), labels, ct.GetSpacing()))
        made[series] = base64.b64encode(picture).decode()
        log.info("%s: %d bytes", series, len(picture))
    write_json(made, snakemake.output.pictures)
