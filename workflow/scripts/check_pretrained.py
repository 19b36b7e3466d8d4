"""Rules check_pretrained_<nnU-Net>: hold weights of others against the network that is planned."""

from livermet.files import read_json
from livermet.jobs import job
from livermet.nnunet.acceptance import hold_against_plan
from livermet.nnunet.comparison import DIFFERENCES
from livermet.tables import write_table

with job(snakemake):
    differences = hold_against_plan(
        snakemake.input.pretrained,
        read_json(snakemake.input.plan[0]),
        read_json(snakemake.input.description[0]),
    )
    write_table(differences, snakemake.output.differences, DIFFERENCES)
