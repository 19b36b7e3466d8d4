"""What follows a run that made something: its audit.

Snakemake calls it where all jobs of a run have ended well, and not where nothing was to be done.
"""

from snakemake.logging import logger

from livermet.errors import InputError


def audit_after_run(folder: str) -> None:
    """Audit a run's folder and tell what was found; a run that has ended well stays so."""
    try:
        from livermet.provenance.audit import audit_run, in_words
    except ImportError as error:
        # Where Snakemake runs in an environment of its own, jobs have theirs, and it has not.
        logger.warning(f"The run was not audited: {error.name} is not installed beside Snakemake.")
        return
    try:
        for sentence in in_words(audit_run(folder)):
            logger.info(sentence)
    except InputError as error:
        logger.warning(f"The run was not audited: {error}")
    except Exception as error:
        # The results are there, whatever is wrong with their audit.
        logger.warning(
            f"The run was not audited ({type(error).__name__}: {error}); "
            f"`livermet audit {folder}` tells more."
        )
