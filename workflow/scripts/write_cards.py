"""Rule write_cards: a model card for each trained network, and for the chosen classifier."""

from pathlib import Path

from livermet.files import whole_file
from livermet.jobs import job
from livermet.models import NETWORKS
from livermet.report.cards import PHENOTYPE, network_card, phenotype_card
from livermet.report.run import read_run

with job(snakemake) as log:
    run = read_run(snakemake.params.settings, snakemake.input)
    for path in map(Path, snakemake.output.cards):
        name = path.stem
        card = (
            phenotype_card(run)
            if name == PHENOTYPE
            else network_card(run, name, NETWORKS[name].family)
        )
        with whole_file(path) as beside:
            beside.write_text(card)
    log.info("%d cards", len(snakemake.output.cards))
