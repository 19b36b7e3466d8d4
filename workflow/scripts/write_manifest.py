"""Rule write_manifest: the run's settings, code, versions and the checksum of every result."""

from importlib.metadata import distributions

from livermet.files import write_json
from livermet.jobs import job
from livermet.provenance import all_modules, code_hash, file_checksum

with job(snakemake) as log:
    files = sorted(set(map(str, snakemake.input)))
    manifest = {
        "run": snakemake.params.run,
        "settings": snakemake.params.settings,
        "code": code_hash(*all_modules()),
        "packages": {item.metadata["Name"]: item.version for item in distributions()},
        "files": {
            path.removeprefix(f"results/{snakemake.params.run}/"): file_checksum(path)
            for path in files
        },
    }
    write_json(manifest, snakemake.output.manifest)
    log.info("%d files, %d packages", len(files), len(manifest["packages"]))
