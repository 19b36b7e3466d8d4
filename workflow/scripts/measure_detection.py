"""Rule measure_detection: compare the predictions of a batch's scans with their references."""

import pandas as pd

from livermet.detection.measured import COUNTS, MEASURED, lesions_by
from livermet.detection.scores import measure_scan, scan_table
from livermet.detection.thresholds import froc_counts
from livermet.images import read_image
from livermet.jobs import job
from livermet.ledger.batches import write_parts

with job(snakemake) as log:
    given, output, model = snakemake.input, snakemake.output, snakemake.wildcards.model
    settings = snakemake.params.settings
    kept = {name: settings[name] for name in settings if name != "surface_tolerance_mm"}
    contracts = MEASURED | {"lesions": lesions_by(settings["matching"])}
    tables = {name: [] for name, _ in output.items()}
    references, probabilities = iter(given.references), iter(given.probabilities)
    for (series, scan), path in zip(
        snakemake.params.by_series.items(), given.predictions, strict=True
    ):
        reference = read_image(next(references)) if scan["reference"] else None
        measured = measure_scan(read_image(path), reference, **settings)
        scores = measured.scores
        froc = pd.DataFrame(columns=COUNTS.names)
        if reference is None:
            log.info("%s: %d predicted lesions, no reference", series, scores.predicted_lesions)
        else:
            log.info(
                "%s: %d of %d reference lesions detected, %d false positives, lesion Dice %.3f",
                series,
                scores.detected_lesions,
                scores.reference_lesions,
                scores.false_positives,
                scores.lesion_dice,
            )
            if given.probabilities:
                froc = froc_counts(read_image(next(probabilities)), reference, **kept)
        tables["scans"].append(scan_table(series, model, scan["kind"], scores))
        found = {
            "lesions": measured.lesions,
            "matching": measured.matching,
            "groups": measured.groups,
            "froc": froc,
        }
        for name, table in found.items():
            tables[name].append(table.assign(series=series, model=model)[contracts[name].names])
    for name, path in output.items():
        write_parts(tables[name], path, contracts[name])
