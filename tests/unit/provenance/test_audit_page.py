"""The audit's page: from a cell of table 4 to the series behind it, in one file."""

import json
import re
import shutil
import subprocess

import pytest

from livermet.provenance.audit import audit_run
from livermet.provenance.page import FOLDER, MOST_OF_A_TABLE

from .. import audit_phantoms as made
from ..audit_phantoms import PREDICTION, RUN, SERIES, TABLE_4


@pytest.fixture(autouse=True)
def finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made.make_run()


def page() -> str:
    audit_run(RUN)
    return (RUN / "provenance" / "audit.html").read_text()


def embedded(html: str, name: str):
    (text,) = re.findall(f'<script type="application/json" id="{name}">(.*?)</script>', html, re.S)
    return json.loads(text)


def behind(graph, path: str) -> list[str]:
    """Follow the embedded graph from a file to all that it was made from."""
    names = [file[0] for file in graph["files"]]
    waiting, seen = [names.index(path)], []
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.append(file)
            job = graph["files"][file][2]
            waiting += graph["jobs"][job]["inputs"] if job >= 0 else []
    return seen


def test_a_cell_of_table_4_leads_to_its_series():
    html = page()
    graph, tables = embedded(html, "graph"), embedded(html, "tables")
    assert tables[TABLE_4] == (RUN / TABLE_4).read_text()
    seen = behind(graph, TABLE_4)
    steps = {
        graph["jobs"][graph["files"][file][2]]["step"]
        for file in seen
        if graph["files"][file][2] >= 0
    }
    assert steps == {
        "tabulate_classification", "fit_published", "collect_radiomics", "extract_radiomics",
        "predict_monai", "train_monai", "ingest_series",
    }  # fmt: skip
    # It ends at the archive's files, which have no name, and whose series is told.
    raw = [graph["files"][file] for file in seen if not graph["files"][file][0]]
    assert sorted(graph["series"][file[3]] for file in raw) == list(SERIES)


def test_the_page_needs_nothing_else():
    html = page()
    assert not re.findall(
        r"""(?:src|srcset)=|https?://|url\(|@import|fetch\(|XMLHttpRequest""", html
    )
    assert set(re.findall(r'href="([^#"][^"]*)"', html)) == {"../report.html", "manifest.json"}


def test_of_new_patients_it_leads_to_their_pages():
    """Their run has no report, and no record of one."""
    (RUN / "records" / "write_report.json").unlink()
    (RUN / "report.html").unlink()
    made.run_job("collect_patients", [TABLE_4], {"patients/index.html": "<p>none</p>"})
    links = re.findall(r'href="([^#"][^"]*)"', page())
    assert set(links) == {"../patients/index.html", "manifest.json"}


def test_what_is_wrong_stands_first_and_at_its_file():
    path = RUN / PREDICTION
    path.write_text("another mask")
    html = page()
    sentence = f"{PREDICTION} was changed by hand after its job had written it."
    assert html.index(sentence) < html.index('id="numbers"')
    states = {file[0]: file[4] for file in embedded(html, "graph")["files"]}
    assert states[PREDICTION] == "altered"
    assert states[TABLE_4] == ""


def test_large_tables_are_not_embedded_and_the_page_says_so():
    rows = "series\tvolume\n" + "m1_thin\t1\n" * (MOST_OF_A_TABLE // 9)
    made.run_job("extract_radiomics/unet/b2", [], {"radiomics/unet/batches/b2.scans.tsv": rows})
    html = page()
    assert "radiomics/unet/batches/b2.scans.tsv" not in embedded(html, "tables")
    assert "1 table is not in this page: large ones" in html


def test_a_files_text_cannot_end_the_script_it_stands_in():
    made.run_job("tabulate_masks", [], {"tables/masks.csv": "a\n</script><script>alert(1)\n"})
    html = page()
    assert "alert(1)" in embedded(html, "tables")["tables/masks.csv"]
    assert "<script>alert" not in html


SCRIPT = """
const { about, chain, seriesOf, tableOf } = require(process.argv[1]);
const { graph, text, path, rows } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { columns, rows: lines } = tableOf(text, path.split(".").pop());
const start = graph.files.findIndex(([name]) => name === path);
const told = rows.map((n) => {
  const who = n === null ? null : about(graph, columns, lines[n]);
  const { steps, leftOut } = chain(graph, start, who);
  const files = steps.map(({ file }) => graph.files[file][0]);
  return { files, leftOut, series: seriesOf(graph, steps) };
});
process.stdout.write(JSON.stringify({ columns, lines, told }));
"""


def in_node(html: str, path: str, rows: list[int | None]) -> dict:
    """Run the page's own functions on rows of a table; None: on the table as a whole."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine to run the page's script")
    given = {"graph": embedded(html, "graph"), "text": (RUN / path).read_text(), "path": path}
    done = subprocess.run(
        [node, "-e", SCRIPT, str(FOLDER / "chain.js")],
        input=json.dumps(given | {"rows": rows}),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_row_of_table_4_leads_to_its_own_classifier_and_to_every_series():
    told = in_node(page(), TABLE_4, [0, None])
    row, whole = told["told"]
    own, other = (f"phenotype/unet/published/{one}/predictions.tsv" for one in made.CLASSIFIERS)
    assert own in row["files"]
    assert other not in row["files"]
    assert row["leftOut"] == 1
    assert {own, other} <= set(whole["files"])
    # A classifier has learnt from all series, whatever the row's name.
    assert row["series"] == whole["series"] == list(SERIES)


def test_a_row_of_a_series_leads_to_that_series_and_to_the_networks_cases():
    told = in_node(page(), "radiomics/unet/batches/b1.scans.tsv", [0, 1])
    first, second = told["told"]
    assert PREDICTION in first["files"]
    assert "predictions/unet/single/m2_thin.nii.gz" not in first["files"]
    # m2 is what the network was trained on, so that m1's mask hangs on it; not the other way.
    assert "series/m2_thin/ct.nii.gz" in first["files"]
    assert second["series"] == ["m2_thin"]


def test_tables_are_read_as_csv_says():
    """RFC 4180: quoted cells may hold separators, line breaks and doubled quotes."""
    made.run_job(
        "tabulate_masks", [], {"tables/masks.csv": '# made so\na,b\n"1,""2""",\r\n"x\ny",3\n'}
    )
    told = in_node(page(), "tables/masks.csv", [])
    assert told["columns"] == ["a", "b"]
    assert told["lines"] == [['1,"2"', ""], ["x\ny", "3"]]


def test_a_number_is_found_as_a_paper_rounds_it():
    """By hand: 0.8571 is 0.86 with two decimals, and a text is found by its beginning."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine to run the page's script")
    asked = {
        ("0.8571428571428571", "0.86"): True,
        ("0.8571428571428571", "0.857"): True,
        ("0.8571428571428571", "0.85"): True,
        ("0.8571428571428571", "0.87"): False,
        ("-0.126", "-0.13"): True,
        ("0.9999", "1.00"): True,
        ("12", "0.12"): False,
        ("", "0.00"): False,
        ("m1_thin", "m1"): True,
        ("m1_thin", "thin"): False,
    }
    script = (
        "const { isFound } = require(process.argv[1]);"
        "const asked = JSON.parse(process.argv[2]);"
        "process.stdout.write(JSON.stringify(asked.map(([cell, words]) => isFound(cell, words))));"
    )
    done = subprocess.run(
        [node, "-e", script, str(FOLDER / "chain.js"), json.dumps(list(asked))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == list(asked.values())
