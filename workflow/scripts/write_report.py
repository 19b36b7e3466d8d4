"""Rule write_report: the page that shows every table and figure of the run."""

from pathlib import Path

from livermet.errors import stop_on
from livermet.files import whole_file
from livermet.jobs import job
from livermet.report.checks import missing_results
from livermet.report.content import compose
from livermet.report.page import render
from livermet.report.run import Run
from livermet.tables import AS_WRITTEN, read_table

with job(snakemake) as log:
    inputs = snakemake.input
    tables = {Path(path).stem: read_table(path, **AS_WRITTEN) for path in inputs.tables}
    tables |= {
        "facts": read_table(inputs.facts, dtype={"series": str, "patient": str}),
        "burden": read_table(inputs.burden),
        "leakage_audit": read_table(inputs.audit, dtype=str, keep_default_na=False),
        "stale_models": read_table(inputs.stale, dtype=str),
    }
    if inputs.choice:
        tables["choice"] = read_table(inputs.choice, **AS_WRITTEN)
    figures = {Path(path).stem: Path(path).read_bytes() for path in inputs.figures}
    stop_on(missing_results(tables["facts"], snakemake.params.masked))
    page = render(compose(Run(snakemake.params.settings, tables, figures)))
    with whole_file(snakemake.output.page) as beside:
        beside.write_text(page)
    log.info("%d tables, %d figures", len(inputs.tables), len(figures))
