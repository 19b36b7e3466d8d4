"""Rule write_manifest: the run's settings, code and versions, and the checksums of its results."""

from livermet.files import write_json
from livermet.jobs import job
from livermet.provenance.code import file_checksum

with job(snakemake) as log:
    files = sorted(set(map(str, snakemake.input)))
    manifest = {
        "run": snakemake.params.run,
        "settings": snakemake.params.settings,
        "code": snakemake.params.code,
        "packages": snakemake.params.packages,
        "files": {
            path.removeprefix(f"results/{snakemake.params.run}/"): file_checksum(path)
            for path in files
        },
    }
    write_json(manifest, snakemake.output.manifest)
    log.info("%d files, %d packages", len(files), len(manifest["packages"]))
