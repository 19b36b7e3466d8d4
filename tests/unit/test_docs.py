"""The documentation: every page is reached, every link and path leads somewhere, commands exist.

The site itself is built by `make docs`, which checks the links between its pages once more.
"""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
# Pages that this project's rules of writing hold for; the others are shown by the site as they are.
PAGES = [ROOT / "README.md", *DOCS]
LONGEST = 120
# Folders of the project whose files pages name; `results/` and a study's own files are not there.
FOLDERS = ("benchmarks", "config", "docs", "envs", "profiles", "rules", "tests", "workflow")
# A study's own files, which the user writes, and what stands for many names.
OF_A_STUDY = re.compile(r"config/(study|mine)\b|[<{*]")
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:)([^)\s]+)")
CODE = re.compile(r"^```.*?^```", re.M | re.S)
GENERATED = re.compile(r"<!-- written by .*?: begin -->.*<!-- written by .*?: end -->", re.S)
ids = [str(path.relative_to(ROOT)) for path in PAGES]


@pytest.fixture(scope="module")
def hooks():
    """Import docs/hooks.py."""
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def navigation(part):
    """List the pages of a navigation, whose parts are names, lists, or one name with either."""
    if isinstance(part, str):
        return [part]
    if isinstance(part, dict):
        part = part.values()
    return [page for one in part for page in navigation(one)]


def headings(path):
    """List the anchors of a page's headings, as GitHub and MkDocs make them of plain words."""
    lines = re.findall(r"^#+ (.*)$", CODE.sub("", path.read_text()), re.M)
    plain = (re.sub(r"[^\w\s-]", "", line.lower()).strip() for line in lines)
    return {re.sub(r"\s+", "-", words) for words in plain}


def test_every_page_is_in_the_navigation(hooks):
    pages = navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert len(pages) == len(set(pages))
    written = {str(path.relative_to(ROOT / "docs")) for path in DOCS}
    assert written | hooks.SHOWN.keys() == set(pages)
    assert all((ROOT / shown).is_file() for shown in hooks.SHOWN.values())


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_links_lead_to_files_and_headings(path):
    for link in LINK.findall(CODE.sub("", path.read_text())):
        target, _, anchor = link.partition("#")
        found = path.parent / target if target else path
        assert found.is_file(), link
        if anchor:
            assert anchor in headings(found), link


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_files_that_are_named_exist(path):
    for code in re.findall(r"`([^`\n]+)`", CODE.sub("", path.read_text())):
        for word in code.split():
            begun = word.partition("/")[0] in FOLDERS and "/" in word
            if begun and not OF_A_STUDY.search(word):
                assert (ROOT / word).exists(), word


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_lines_of_prose_can_be_read(path):
    prose = GENERATED.sub("", CODE.sub("", path.read_text()))
    long = [line for line in prose.splitlines() if len(line) > LONGEST and line[:1] != "|"]
    assert long == []


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=[*ids, "CONTRIBUTING.md"])
def test_targets_of_make_exist(path):
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split())
    assert targets <= set(re.findall(r"^([\w-]+):", text, re.M))
    named = re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.M)
    assert set(named) <= targets


def test_readme_tells_every_command_a_user_begins_with():
    text = (ROOT / "README.md").read_text()
    assert {"setup", "demo", "published", "assign", "test", "docs", "bench"} <= set(
        re.findall(r"\bmake ([a-z]+)", text)
    )


def test_the_tutorial_runs_as_many_jobs_as_the_readme_counts():
    (told,) = re.findall(r"Snakemake runs (\d+) jobs", (ROOT / "docs" / "tutorial.md").read_text())
    assert f"`make demo`, {told} jobs," in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_series_of_the_demo_that_are_named_are_there(path):
    sheet = (ROOT / "config" / "demo" / "series.tsv").read_text().splitlines()
    series = {line.split("\t")[0] for line in sheet[1:]}
    assert set(re.findall(r"\bmsclc_\d{3}_\d{8}_\w+", path.read_text())) <= series


def test_the_list_of_targets_is_complete():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split())
    page = (ROOT / "docs" / "reference" / "commands.md").read_text()
    told = set(re.findall(r"^\| `make ([\w-]+)`", page, re.M))
    # It only looks whether the authors' table is there.
    assert targets - told == {"table"}


def test_links_of_the_site_follow_files_to_their_pages(hooks):
    assert hooks.page_of("docs/methods.md", "index.md") == "methods.md"
    assert hooks.page_of("../config/README.md", "operations.md") == "reference/config.md"
    assert (
        hooks.page_of("../../config/README.md", "how-to/own-study.md") == "../reference/config.md"
    )
    assert hooks.page_of("README.md", "how-to/contribute.md") == "../index.md"
    # A file that is no page keeps its link, and `make docs` ends with a warning.
    assert hooks.page_of("LICENSE", "index.md") == "LICENSE"


def test_every_stage_has_a_page_of_the_package(hooks):
    package = ROOT / "workflow" / "scripts" / "livermet"
    assert hooks.stages()[1:] == sorted(path.parent.name for path in package.glob("*/__init__.py"))
    assert "::: livermet.detection.matching\n" in hooks.modules_of("detection")
    assert "::: livermet.study\n" in hooks.modules_of("shared")


def test_the_picture_of_rules_has_every_rule():
    """It is drawn from plans of the demo and of the published analysis: type `make rulegraph`."""
    picture = (ROOT / "docs" / "images" / "rules.svg").read_text()
    drawn = set(re.findall(r">(\w+_\w+)</text>", picture))
    scripts = {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    assert drawn == scripts


def test_pictures_bring_nothing_from_elsewhere():
    for path in (ROOT / "docs" / "images").glob("*.svg"):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text
        assert "<script" not in text
