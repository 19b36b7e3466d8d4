"""Rule match_cohort: match molecular samples to studies, exclude one by one, report the split."""

from pathlib import Path

import pandas as pd

from livermet.cohort.matching import (
    FLOW,
    MATCHING,
    SPLITS,
    exclusion_flow,
    match_samples,
    split_report,
)
from livermet.cohort.notes import NOTE_COUNTS, SAMPLE_NOTES, note_counts, sample_notes
from livermet.cohort.scoring import with_scores
from livermet.jobs import job
from livermet.ledger.tables import read_ledger
from livermet.sheets import read_molecular
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    params = snakemake.params
    series = pd.DataFrame(params.rows)
    series["study_date"] = pd.to_datetime(series["study_date"])
    series = series.set_index("series", drop=False)
    molecular = read_molecular(snakemake.input.molecular, params.computed)
    if params.computed:
        computed = read_table(snakemake.input.scores, dtype={"sample": str})
        molecular = with_scores(molecular, computed)
    places = read_ledger(Path(snakemake.input.splits).parent, verify=False).places
    target = series[series["cohort"] == params.target]
    rules = params.window_days, params.positive_above, params.thresholds
    matched = match_samples(target, molecular, *rules, masks_given=params.masks_given)
    matched.insert(4, "place", matched["patient"].map(places))
    strangers = ~molecular["patient"].isin(target["patient"])
    log.info("%d samples are of patients without a series of this cohort", strangers.sum())
    flow = exclusion_flow(matched)
    for row in flow.itertuples():
        log.info("%s: %d series left, %d removed", row.reason, row.left_series, row.removed_series)
    write_table(matched, snakemake.output.matching, MATCHING)
    write_table(flow, snakemake.output.exclusions, FLOW)
    report = split_report(series, matched, places, params.segmentation_set)
    write_table(report, snakemake.output.splits, SPLITS)
    notes = sample_notes(target, molecular, *rules)
    write_table(notes, snakemake.output.notes, SAMPLE_NOTES)
    counts = note_counts(notes)
    write_table(counts, snakemake.output.note_counts, NOTE_COUNTS)
    for row in counts.itertuples():
        log.info("%s: %d, with another class %d", row.meaning, row.cases, row.other_class)
