"""Rule write_cards: a model card for each trained network, and for the chosen classifier."""

from pathlib import Path

from livermet.files import whole_file
from livermet.jobs import job
from livermet.models import NETWORKS
from livermet.report.cards import PHENOTYPE, network_card, phenotype_card
from livermet.report.run import Run
from livermet.tables import read_table

with job(snakemake) as log:
    # 'none' is a weighting here and no missing value; a patient or fold may be named by a number.
    texts = dict.fromkeys(("patient", "place", "fold"), str)
    options = {"keep_default_na": False, "na_values": [""], "dtype": texts}
    paths = map(Path, sorted(set(snakemake.input)))
    run = Run(snakemake.params.settings, {path.stem: read_table(path, **options) for path in paths})
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
