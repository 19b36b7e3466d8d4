"""`make ibsi`: compute IBSI's phantoms and write their tables into docs/methods.md."""

import argparse
import sys
from pathlib import Path

from livermet.errors import InputError
from livermet.files import whole_file
from livermet.radiomics.ibsi.comparison import compare
from livermet.radiomics.ibsi.configurations import CONFIGURATIONS, DIGITAL_PHANTOM
from livermet.radiomics.ibsi.page import ibsi_block, rewritten


def main() -> None:
    """Run from the project's root."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="IBSI's phantoms and values")
    parser.add_argument("--page", default=Path("docs/methods.md"), type=Path)
    options = parser.parse_args()
    try:
        digital, *chest = (
            (configuration, compare(options.data, configuration))
            for configuration in (DIGITAL_PHANTOM, *CONFIGURATIONS)
        )
        page = rewritten(options.page.read_text(), ibsi_block(digital, chest))
    except InputError as error:
        sys.exit(str(error))
    with whole_file(options.page) as beside:
        beside.write_text(page)


if __name__ == "__main__":
    main()
