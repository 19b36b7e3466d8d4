"""Rule audit_leakage: hold every trained model's own record against the ledger."""

from pathlib import Path

import pandas as pd

from livermet.errors import stop_on
from livermet.files import read_json
from livermet.jobs import job
from livermet.ledger.tables import read_ledger
from livermet.provenance.code import file_checksum
from livermet.provenance.leakage import (
    AUDIT,
    STALE,
    audit_roles,
    classification_splits,
    classification_training,
    leaks,
    stale_cases,
)
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    features = read_table(snakemake.input.features, dtype={"unique_pt": str, "Fold": str})
    records = [read_json(path) for path in snakemake.input.records]
    ledger = snakemake.input.splits
    splits = (
        read_ledger(Path(ledger).parent, verify=False).splits
        if ledger
        else classification_splits(features)
    )
    audit = pd.concat(
        [
            audit_roles(
                splits,
                "segmentation",
                record["model"],
                str(record["fold"]),
                record["trained_patients"],
            )
            for record in records
        ]
        + [
            audit_roles(splits, "classification", "corrected", fold, trained)
            for fold, trained in classification_training(features).items()
        ],
        ignore_index=True,
    )
    write_table(audit, snakemake.output.audit, AUDIT)
    stop_on(leaks(audit))
    checksums: dict[str, dict[str, str]] = {}
    for path in map(Path, snakemake.input.volumes):
        kind = path.name.removesuffix(".nii.gz")
        checksums.setdefault(path.parent.name, {})[kind] = file_checksum(path)
    stale = [
        stale_cases(record["cases"], checksums).assign(model=record["model"], fold=record["fold"])
        for record in records
    ]
    stale_table = pd.concat([pd.DataFrame(columns=STALE.names), *stale], ignore_index=True)
    write_table(stale_table[STALE.names], snakemake.output.stale, STALE)
    log.info("%d models, no patient on both sides, %d stale cases", len(records), len(stale_table))
