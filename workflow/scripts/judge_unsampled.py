"""Rule judge_unsampled: what a study's own chosen classifier says of its scans without a sample."""

from pathlib import Path

from livermet.jobs import job
from livermet.ledger.batches import read_batches
from livermet.pack.freezing import freeze
from livermet.pack.judged import JUDGED
from livermet.patients.judged import rows_to_judge
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    # results/<run>, as inputs name it.
    run = Path(given.choice).parents[3]
    phenotype = freeze(run, params.settings, params.mask)
    studies = params.studies
    unions, lesions = (
        read_batches(paths, list(studies)) for paths in (given.unions, given.lesions)
    )
    # Where masks are given nothing was detected.
    scans = read_batches(given.scans, list(studies)) if given.scans else None
    acquisition = read_table(given.acquisition, dtype={"series": str})
    features = rows_to_judge(unions, lesions, studies, phenotype.aggregation, acquisition, scans)
    judged = phenotype.judge(features, acquisition)
    write_table(judged, snakemake.output.judged, JUDGED)
    of_series = judged[judged["level"].eq("series")]
    log.info("%d series, %d with a probability", len(of_series), of_series["probability"].count())
