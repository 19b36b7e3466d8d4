"""`livermet predict`: liver, lesions and phenotype of new patients by a packed model."""

from dataclasses import fields
from pathlib import Path

import click

from livermet.options import accept, processes, secret
from livermet.vocabulary import ExportedAs


@click.command(short_help="Segment, measure and judge new patients by a packed model.")
@click.argument("images", type=click.Path(path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--model",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of a packed model, which `livermet pack` writes.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of the results; named again, it takes further patients.",
)
@click.option("--cores", type=click.IntRange(1), help="Cores at once.  [default: all]")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks run; auto takes a GPU where there is one.",
)
@click.option("--profile", help="A profile of snakemake: a name in profiles/, such as slurm.")
@click.option("--dry-run", is_flag=True, help="Say which jobs would run, and predict nothing.")
@click.option(
    "--dicom",
    type=click.Choice([str(word) for word in ExportedAs]),
    help="Write SEG and a report of each DICOM series too, under these identifiers.  [default: as "
    "the last time in OUT; none in a new one]",
)
@accept(
    help="Take such DICOM series all the same; may be given several times.",
)
@click.option(
    "--phase",
    default="",
    help="The contrast phase of scans whose headers tell none: portal_venous.",
)
@click.option(
    "--leave-out",
    multiple=True,
    help="A series of OUT/series.tsv that is not predicted; may be given several times.",
)
@secret(
    default=lambda: Path(click.get_app_dir("livermet")) / "secret",
    show_default="a file in your own folder of settings, made if there is none",
    help="The file of the secret that pseudonyms come from.",
)
@processes(
    help="Processes that read headers.",
)
@click.pass_context
def command(context: click.Context, **options) -> None:
    """Predict IMAGES: a DICOM folder, a volume (NIfTI, NRRD, MetaImage), a zip or tar, or many.

    Neither sheets nor samples are needed. OUT gets a page for each study
    (OUT/results/predict/patients/index.html), tables and masks. A run that was stopped goes on
    where it was; patients that come later are added. OPTIONS after -- are snakemake's.
    Research software, not a medical device.
    """
    from livermet.archive.progress import Counter
    from livermet.errors import InputError
    from livermet.patients.ended import results_told
    from livermet.patients.preparing import Request, prepare
    from livermet.patients.running import Run, alone, run_workflow
    from livermet.untold import untold

    given = {field.name: options[field.name] for field in fields(Request)}
    # A shell leaves --out=~/OUT as it is, and a folder called ~ would be made.
    places = {name: path.expanduser() for name, path in given.items() if isinstance(path, Path)}
    request = Request(**given | places)
    further = [*(["--dry-run"] if options["dry_run"] else []), *options["options"]]
    with alone(request.out) as lock:
        with untold(request.out):
            try:
                told = prepare(request, Counter(), lambda words: click.echo(words, err=True))
            except KeyboardInterrupt:
                raise InputError(
                    "Stopped. What was read is kept: the same command goes on from there."
                ) from None
        run = Run(request.out, lock, options["profile"], options["cores"], further)
        ended = run_workflow(run)
    if not run.is_dry:
        # Again, below all that snakemake said: what is not used is easily overlooked.
        click.echo("\n".join([*told, results_told(request.out, ended)]))
    context.exit(ended.status)
