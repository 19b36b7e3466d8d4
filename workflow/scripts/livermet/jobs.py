"""What every script of a rule does around its work: log it, record it, and end bad input plainly.

A job ends with a journal of when and where it ran (`livermet.provenance.journal`), with a record of
what it was made from (`livermet.provenance.records`), and with its controller.
"""

import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from livermet.controller import end_with_controller
from livermet.errors import InputError
from livermet.files import full_disk, remove_parts, write_json
from livermet.interruption import RESUBMIT, InterruptionError
from livermet.provenance.code import script_hash
from livermet.provenance.journal import journal_path, write_journal
from livermet.provenance.records import (
    BY_SERIES,
    FROZEN,
    Checksums,
    Record,
    files_and_series,
    hints_path,
    path_in_run,
    plain,
    recall_logic,
    record_path,
    write_record,
)

LOG = logging.getLogger("livermet")


@contextmanager
def job(snakemake) -> Iterator[logging.Logger]:
    """Send log records and everything printed to the rule's log file; exit 1 after an error.

    An InputError leaves its sentence alone in the log; any other error leaves its traceback. A
    training that was asked to leave exits with `RESUBMIT`. What the job read and wrote is recorded
    after its last file is whole.
    """
    end_with_controller()
    with _log(snakemake.log[0]) as log_file:
        # Libraries print their progress; the log file is where a user looks for it.
        sys.stdout = sys.stderr = log_file
        logging.basicConfig(
            stream=log_file, level=logging.INFO, format="%(asctime)s %(message)s", force=True
        )
        # Where output is captured in the terminal, Snakemake shows the failed log itself.
        try:
            with recorded(snakemake):
                yield LOG
        except InputError as error:
            _tell(log_file, f"{error}\n")
            sys.exit(1)
        except InterruptionError as leave:
            _tell(log_file, f"{leave}\n")
            sys.exit(RESUBMIT)
        except Exception as error:
            sentence = full_disk(error, Path(snakemake.log[0]).parent)
            _tell(log_file, f"{sentence}\n" if sentence else traceback.format_exc())
            sys.exit(1)
        finally:
            logging.shutdown()
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


@contextmanager
def _log(path: str) -> Iterator[TextIO]:
    """Open a log; a disk that is full when it is closed has been told of already."""
    log_file = open(path, "w", buffering=1)  # noqa: SIM115
    try:
        yield log_file
    finally:
        with suppress(OSError):
            log_file.close()


def _tell(log_file: TextIO, words: str) -> None:
    """Write into the log, or, where its disk is full too, to where Snakemake was started."""
    try:
        log_file.write(words)
        log_file.flush()
    except OSError:
        print(words, end="", file=sys.__stderr__)


@contextmanager
def recorded(snakemake) -> Iterator[None]:
    """Write the journal and the record of a job if the block succeeds; there is none while it runs.

    What a killed run of the job has left beside its outputs goes first. Inputs are read before the
    block: should one change while the job works, the record holds the old content, and the next run
    makes the results again.
    """
    began = time.time()
    path = record_path(snakemake.log[0])
    params = dict(snakemake.params.items())
    path.unlink(missing_ok=True)
    remove_parts([path, journal_path(path), *snakemake.output])
    recall_logic()
    code = script_hash(own_script(), sentences=not FROZEN & params.keys())
    sums = Checksums()
    inputs = [
        # Of raw data the content alone: where an archive lies belongs into no result.
        [path_in_run(path, file), series, sums.of(file)]
        for file, series in files_and_series(snakemake.input.items(), params.get(BY_SERIES, {}))
    ]
    yield
    outputs = {
        path_in_run(path, file) or file: sums.of(file) for file in map(str, snakemake.output)
    }
    write_json(sums.read, hints_path(path))
    write_journal(str(snakemake.rule), began, path)
    # The last: a job with a record has ended.
    write_record(Record(code, plain(params), inputs, outputs), path)


def own_script() -> Path:
    """Return the script of the job that this process is."""
    # Snakemake gives the script's own path to the file that it runs.
    return Path(str(sys.modules["__main__"].__file__))
