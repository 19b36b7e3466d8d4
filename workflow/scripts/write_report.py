"""Rule write_report: the page that shows every table and figure of the run."""

from pathlib import Path

from livermet.errors import stop_on
from livermet.files import whole_file
from livermet.jobs import job
from livermet.report.checks import missing_results
from livermet.report.content import compose
from livermet.report.page import render
from livermet.report.run import Results
from livermet.tables import read_table

with job(snakemake) as log:
    inputs = snakemake.input
    # 'none' is a weighting here and no missing value.
    options = {"keep_default_na": False, "na_values": [""]}
    results = Results(
        tables={Path(path).stem: read_table(path, **options) for path in inputs.tables},
        figures={Path(path).stem: Path(path).read_bytes() for path in inputs.figures},
        facts=read_table(inputs.facts, dtype={"series": str, "patient": str}),
        burden=read_table(inputs.burden),
        audit=read_table(inputs.audit, dtype=str, keep_default_na=False),
        stale=read_table(inputs.stale, dtype=str),
        choice=read_table(inputs.choice, **options) if inputs.choice else None,
    )
    stop_on(missing_results(results.facts, snakemake.params.masked))
    page = render(compose(results, snakemake.params.settings))
    with whole_file(snakemake.output.page) as beside:
        beside.write_text(page)
    log.info("%d tables, %d figures", len(results.tables), len(results.figures))
