"""Where the words and the style of the pages stand; apart, so that a plan imports nothing else."""

from pathlib import Path

# The second has the frame that all of livermet's pages share.
FOLDERS = (Path(__file__).with_name("templates"), Path(__file__).parents[1] / "report/templates")
# The frame itself, and what it includes.
SHARED = ("base.html", "dark.css", "style.css", "theme.js")


def texts() -> list[Path]:
    """List the files that hold words or style of the viewer's pages."""
    return [*sorted(FOLDERS[0].iterdir()), *(FOLDERS[1] / name for name in SHARED)]
