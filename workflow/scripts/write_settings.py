"""Rule write_settings: what the run was told to do, of which series, and to what end."""

from livermet.files import write_json
from livermet.jobs import job

with job(snakemake) as log:
    names = ("run", "settings", "series", "targets")
    told = {name: snakemake.params[name] for name in names}
    write_json(told, snakemake.output.settings)
    log.info("%d series", len(told["series"]))
