"""Rule collect_patients: the tables of all new patients, and the page that leads to theirs."""

import pandas as pd

from livermet.files import whole_file
from livermet.jobs import job
from livermet.ledger.batches import as_values
from livermet.patients.index import index_rows
from livermet.patients.rendering import INDEX, render
from livermet.patients.tables import NEW_LESIONS, NEW_SERIES, PREDICTIONS
from livermet.tables import read_table, write_table


def joined(paths, contract):
    """Put tables of one contract below one another; as text, so that values pass as written."""
    tables = [read_table(path, dtype=str, keep_default_na=False) for path in paths]
    empty = pd.DataFrame(columns=contract.names, dtype=str)
    return as_values(pd.concat([empty, *tables], ignore_index=True))


with job(snakemake) as log:
    given, output = snakemake.input, snakemake.output
    for name, contract in (
        ("predictions", PREDICTIONS),
        ("series", NEW_SERIES),
        ("lesions", NEW_LESIONS),
    ):
        write_table(joined(given[name], contract), output[name], contract)
    predictions = read_table(output.predictions, dtype={"study": str})
    content = {**snakemake.params.told, "studies": index_rows(predictions)}
    with whole_file(output.index) as beside:
        beside.write_text(render(content, INDEX), encoding="utf-8")
    log.info("%d studies", len(predictions))
