"""Rule draw_variation: how lesions of a scan and studies of a patient differ."""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.variation.figures import variation
from livermet.tables import read_table

with job(snakemake) as log:
    given, output = snakemake.input, snakemake.output
    pairs = read_table(given.pairs)
    features = read_table(given.heterogeneity) if given.heterogeneity else None
    save(lambda: variation(pairs, features, snakemake.params.name), output.png, output.svg)
    log.info("%d pairs of studies", len(pairs))
