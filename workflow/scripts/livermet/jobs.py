"""What every script of a rule does around its work: log it, record it, and end bad input plainly.

A job ends with a record of what it was made from (`livermet.provenance.records`), and with its
controller.
"""

import logging
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livermet.controller import end_with_controller
from livermet.errors import InputError
from livermet.files import remove_parts, write_json
from livermet.provenance.code import script_hash
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
# What is left where a file of some MB could not be written.
LEAST_FREE_BYTES = 2**20


@contextmanager
def job(snakemake) -> Iterator[logging.Logger]:
    """Send log records and everything printed to the rule's log file; exit 1 after an error.

    An InputError leaves its sentence alone in the log; any other error leaves its traceback. What
    the job read and wrote is recorded after its last file is whole.
    """
    end_with_controller()
    with open(snakemake.log[0], "w", buffering=1) as log_file:
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
            log_file.write(f"{error}\n")
            sys.exit(1)
        except Exception:
            log_file.write(traceback.format_exc())
            log_file.writelines(f"{sentence}\n" for sentence in full_disks(snakemake.output))
            sys.exit(1)
        finally:
            logging.shutdown()
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def full_disks(outputs: Iterable[str]) -> list[str]:
    """Say which of the folders of some outputs lie on a disk that is full.

    Libraries that write volumes and networks tell of it in their own words, or not at all.
    """
    folders = sorted({Path(output).parent for output in outputs})
    return [
        f"The disk of {folder} is full: {shutil.disk_usage(folder).free:,} bytes are left. Make "
        "room there, or let the run's folder lie elsewhere; then run snakemake again."
        for folder in folders
        if folder.is_dir() and shutil.disk_usage(folder).free < LEAST_FREE_BYTES
    ]


@contextmanager
def recorded(snakemake) -> Iterator[None]:
    """Write the record of a job if the block succeeds; there is none while it runs.

    What a killed run of the job has left beside its outputs goes first. Inputs are read before the
    block: should one change while the job works, the record holds the old content, and the next run
    makes the results again.
    """
    path = record_path(snakemake.log[0])
    params = dict(snakemake.params.items())
    path.unlink(missing_ok=True)
    remove_parts([path, *snakemake.output])
    # Snakemake gives the script's own path to the file that it runs.
    recall_logic()
    script = Path(str(sys.modules["__main__"].__file__))
    code = script_hash(script, sentences=not FROZEN & params.keys())
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
    write_record(Record(code, plain(params), inputs, outputs), path)
