"""Where the words and the style of the pages stand; apart, so that a plan imports nothing else."""

from pathlib import Path

from livermet.viewer.texts import SHARED

# The second has the frame that all of livermet's pages share.
FOLDERS = (Path(__file__).with_name("templates"), Path(__file__).parents[1] / "report/templates")


def texts() -> list[Path]:
    """List the files that hold words or style of new patients' pages."""
    return [*sorted(FOLDERS[0].iterdir()), *(FOLDERS[1] / name for name in SHARED)]
