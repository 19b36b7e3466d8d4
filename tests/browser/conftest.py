"""A real browser without a network, and what a page asked for and complained of in it."""

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = ROOT / ".browser" / "bin" / "chromium"
sys.path.insert(0, str(ROOT / "tests" / "unit"))


@pytest.fixture(scope="session")
def browser():
    """Start Chromium; where it cannot be had, skip, and fail in CI."""
    if not CHROMIUM.exists():
        reason = "there is no browser here; `make browser` unpacks one from Debian's packages"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        # Root cannot have Chromium's sandbox; the pages are the project's own.
        started = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Seen:
    """A page in the browser: the files it asked for, and what it wrote to the console."""

    page: object
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def barriers(self) -> list[str]:
        """List what axe-core finds to be in the way of readers: rule, first element, how many."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']} ({len(one['nodes'])})" for one in found]


@pytest.fixture
def opened(browser) -> Callable:
    """Return a context that opens a file in a window of some width, for a reader with some wishes.

    It fails at its end if the page has asked for anything but files, or has complained.
    """

    @contextmanager
    def open_file(
        path: Path, width: int = 1280, height: int = 860, fragment: str = "", **wishes: Any
    ):
        page = browser.new_page(viewport={"width": width, "height": height}, **wishes)
        seen = Seen(page)
        page.on("request", lambda request: seen.asked.append(request.url))
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        try:
            page.goto(path.resolve().as_uri() + fragment)
            yield seen
            outside = [url for url in seen.asked if not url.startswith(("file:", "data:", "blob:"))]
            assert outside == []
            assert seen.said == []
        finally:
            page.close()

    return open_file
