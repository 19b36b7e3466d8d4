"""Validate a crate against the profile Provenance Run, and list its actions; print both as JSON.

It runs in an environment of its own (tests/peers/rocrate.lock), without a network: the document
that explains RO-Crate's words comes from the package rocrate, into the validator's own cache.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import rocrate
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from rocrate_validator import services
from runcrate.report import dump_crate_actions
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "provenance-run-crate-0.5"


def main(crate: Path, cache: Path) -> None:
    fill(cache)
    result = services.validate(
        services.ValidationSettings(
            rocrate_uri=str(crate),
            profile_identifier=PROFILE,
            requirement_severity="REQUIRED",
            metadata_only=False,
            offline=True,
            cache_path=cache,
        )
    )
    listed = io.StringIO()
    with contextlib.redirect_stdout(listed):
        dump_crate_actions(crate)
    print(
        json.dumps(
            {
                "issues": [f"{one.check.identifier}: {one.message}" for one in result.get_issues()],
                "checks": len(result.executed_checks),
                "skipped": len(result.skipped_checks),
                "actions": listed.getvalue(),
            }
        )
    )


class Shipped(HTTPAdapter):
    """Answers every request with RO-Crate's context, as the library ships it."""

    def send(self, request, **options):
        shipped = Path(rocrate.__file__).with_name("data") / "ro-crate.jsonld"
        # Bioschemas renamed its terms after RO-Crate 1.1.
        content = shipped.read_bytes().replace(b"bioschemas.org/terms/", b"bioschemas.org/")
        headers = {"Content-Type": "application/ld+json"}
        raw = HTTPResponse(io.BytesIO(content), headers, 200, preload_content=False)
        return self.build_response(request, raw)


def fill(cache: Path) -> None:
    """Put RO-Crate's context where the validator looks for it."""
    with CachedSession(cache_name=str(cache), backend="sqlite") as session:
        session.mount("https://", Shipped())
        session.get(CONTEXT)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
