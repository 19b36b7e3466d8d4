"""What every script of a rule does around its work: log it, and end bad input with one sentence."""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from livermet.errors import InputError

LOG = logging.getLogger("livermet")


@contextmanager
def job(snakemake) -> Iterator[logging.Logger]:
    """Send log records and everything printed to the rule's log file; exit 1 after an error.

    An InputError leaves its sentence alone in the log; any other error leaves its traceback.
    """
    with open(snakemake.log[0], "w", buffering=1) as log_file:
        # Libraries print their progress; the log file is where a user looks for it.
        sys.stdout = sys.stderr = log_file
        logging.basicConfig(
            stream=log_file, level=logging.INFO, format="%(asctime)s %(message)s", force=True
        )
        # Where output is captured in the terminal, Snakemake shows the failed log itself.
        try:
            yield LOG
        except InputError as error:
            log_file.write(f"{error}\n")
            sys.exit(1)
        except Exception:
            log_file.write(traceback.format_exc())
            sys.exit(1)
        finally:
            logging.shutdown()
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
