"""The library that sorts, filters and saves the page's tables: DataTables (MIT) from itables.

The page holds it once and zipped, so that it needs no network; without scripts, or in a browser
that cannot unzip, its tables are plain ones.
"""

import base64
import gzip
from functools import cache

from itables.utils import find_package_file


@cache
def zipped_library() -> str:
    """Return the library's module (JavaScript with its licences), zipped and as base64."""
    script = find_package_file("html", "dt_bundle.js").read_bytes()
    # Without a time, so that the same library gives the same bytes.
    return base64.b64encode(gzip.compress(script, mtime=0)).decode()
