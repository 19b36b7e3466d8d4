"""`livermet plan`: a dry run in the field's words."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

# What Snakemake prints before it plans; the host's name is nobody's business.
PREAMBLE = ("Using profile", "host:", "Building DAG", "Using workflow specific profile")


@click.command(
    short_help="Tell what a run would make, why, and in how many hours.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, options: tuple[str, ...]) -> None:
    """Tell by stage what a run would make, and why; OPTIONS are snakemake's, as --configfile.

    Hours are those that this run took earlier, or else other runs below results/: the median of
    each rule's jobs, or of a series where jobs go by series. Run it in the folder that snakemake
    runs in. Nothing is made.
    """
    from livermet.provenance.plan import changed_cases, plan_in_words, read_measured, read_plan

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "plan.json")
        planned = subprocess.run(
            [sys.executable, "-m", "snakemake", "--dry-run", *options],
            env=os.environ | {"LIVERMET_PLAN": str(path)},
            capture_output=True,
            text=True,
            check=False,
        )
        plan = read_plan(path)
    if plan is not None:
        own = Path(plan.run).name if plan.run else None
        measured = read_measured(Path("results"), own)
        for line in (*plan.notes, *plan_in_words(plan.jobs, measured, changed_cases(plan))):
            click.echo(line)
    if planned.returncode:
        for line in (planned.stderr or planned.stdout).splitlines():
            if not line.startswith(PREAMBLE):
                click.echo(line, err=True)
        context.exit(1)
