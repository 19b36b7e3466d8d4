"""Rule write_quality: the page that leafs through all series, those with warnings first."""

from pathlib import Path

from livermet.files import read_json, whole_file
from livermet.jobs import job
from livermet.report.page import render
from livermet.report.quality import compose

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    records: dict[str, dict] = {}
    for path in [*given.acquisition, *given.quality, *given.reference]:
        records.setdefault(Path(path).parent.name, {}).update(read_json(path))
    pictures = {}
    # A series that was withdrawn is still in the file of its batch.
    for path in given.pictures:
        pictures |= read_json(path)
    content = compose(params.rows, records, pictures, params.accepted, params.told)
    page = render(content, "quality.html")
    with whole_file(snakemake.output.page) as beside:
        beside.write_text(page, encoding="utf-8")
    log.info("%d series, %d with a warning", len(content["series"]), content["warned"])
