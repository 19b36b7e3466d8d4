"""The command `livermet`: what is done with a study beside running its workflow."""

import errno
import importlib
import pkgutil

import click

from livermet import __version__, commands
from livermet.errors import InputError

# Of a place that a user has named: it may not be read or written, or is no file, or no folder.
OF_PLACES = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}


class Commands(click.Group):
    """The modules of livermet.commands; none is imported before it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, sorted."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its module's name, None where there is no such module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"livermet.commands.{cmd_name}").command

    def invoke(self, ctx: click.Context) -> None:
        """Run a command; bad input ends it with its sentences and status 1, without a traceback."""
        try:
            super().invoke(ctx)
        except InputError as error:
            click.echo(str(error), err=True)
            ctx.exit(1)
        except OSError as error:
            place = error.filename2 or error.filename
            if error.errno not in OF_PLACES or not place:
                raise
            told = f"{place} cannot be used ({error.strerror}); name another place."
            click.echo(told, err=True)
            ctx.exit(1)


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="livermet", message="%(prog)s %(version)s")
def main() -> None:
    """From CT and a table of molecular results to lesions, radiomics and a phenotype classifier.

    The workflow itself is run by snakemake.
    """
