"""Rule write_checklists: the run's part of CLEAR, METRICS and TRIPOD+AI, as a page and a table."""

import pandas as pd

from livermet.files import whole_file
from livermet.jobs import job
from livermet.report.checklists import (
    CHECKLISTS,
    answers,
    compose,
    read_checklists,
    render,
    table_of,
)
from livermet.report.run import read_run
from livermet.tables import write_table

with job(snakemake) as log:
    run = read_run(snakemake.params.settings, snakemake.input)
    filled = [(checklist, answers(checklist, run)) for checklist in read_checklists()]
    table = pd.concat([table_of(*one) for one in filled])
    write_table(table, snakemake.output.table, CHECKLISTS)
    with whole_file(snakemake.output.page) as beside:
        beside.write_text(render(compose(filled, run)))
    log.info("%d items", sum(len(found) for _, found in filled))
