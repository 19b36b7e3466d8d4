"""Rule write_settings: what the run was told to do, and of which series, for its audit."""

from livermet.files import write_json
from livermet.jobs import job

with job(snakemake) as log:
    told = {name: snakemake.params[name] for name in ("run", "settings", "series")}
    write_json(told, snakemake.output.settings)
    log.info("%d series", len(told["series"]))
