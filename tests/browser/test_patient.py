"""The page of a new patient in a real browser: it asks for nothing, and prints on one sheet."""

import re

import pandas as pd
import patient_phantoms
import pytest
from patient_phantoms import STUDY, THIN

from livermet.patients.measured import Measured
from livermet.patients.page import MOST_LESIONS, MOST_SERIES, MOST_WARNINGS, compose
from livermet.patients.rendering import PATIENT, render
from livermet.patients.results import Verdicts, prediction_table

LONG = (
    "its features lie 12.3 from those of training, where 6.1 holds 95% of training's own patients"
)


@pytest.fixture
def patient(tmp_path, opened):
    """Open a page."""

    def open_page(text, **options):
        path = tmp_path / f"{STUDY}.html"
        path.write_text(text, encoding="utf-8")
        return opened(path, **options)

    return open_page


def crowded() -> str:
    """A page with as much as one can have: lesions, series and warnings beyond its room."""
    one = patient_phantoms.measured(both=False)[0]
    lesions = pd.concat([one.lesions] * MOST_LESIONS, ignore_index=True)
    lesions = lesions.assign(lesion=lesions.index + 1)
    names = [f"{THIN}{number}" for number in range(MOST_SERIES + 2)]
    series = [
        Measured(name, one.hu, one.labels, one.spacing_mm, lesions, one.liver_ml) for name in names
    ]
    why = f"{LONG.capitalize()}. Its phase (arterial) is none of training's (portal, not recorded)."
    # Each series is outside by its own distance, so that none of the sentences is said of all.
    of_study = " ".join(f"{name}: {why.replace('12.3', f'12.{n}')}" for n, name in enumerate(names))
    rows = [("series", name, why) for name in names] + [("study", "", of_study)]
    judged = pd.DataFrame(rows, columns=["level", "series", "reasons"]).assign(
        study=STUDY, verdict="no validated prediction"
    )
    judged[["probability", "lowest", "highest", "called"]] = float("nan")
    said = Verdicts(judged, "NE")
    prediction = prediction_table(STUDY, STUDY, series, said).iloc[0].to_dict()
    warnings = {name: [f"{LONG}; {name}."] for name in names[: MOST_WARNINGS + 2]}
    told = {"run": "predict", "version": "0", "phantoms": False, "model": "nnU-Net", "networks": 5}
    views = {"views": {name: "../viewer/series/a.html" for name in names}}
    content = compose(prediction, series, said, patient_phantoms.CLASSIFIER, warnings, told | views)
    return render(content, PATIENT)


def sheets(page, **paper) -> int:
    """Count the sheets of paper that a page prints on."""
    printed = page.pdf(print_background=True, **paper)
    return len(re.findall(rb"/Type\s*/Page\b", printed))


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("text", [patient_phantoms.page, crowded])
def test_a_page_prints_on_one_sheet(patient, text, paper):
    # Paper in America is wider and 18 mm shorter; a printer's own choice comes before the page's.
    with patient(text().replace("size: A4", f"size: {paper}")) as seen:
        assert sheets(seen.page, prefer_css_page_size=True) == 1
        assert sheets(seen.page, format=paper) == 1


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_cut_at_any_width(patient, width):
    with patient(crowded(), width=width) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_pictures_are_drawn_and_named(patient):
    with patient(patient_phantoms.page()) as seen:
        images = seen.page.locator(".key-images img")
        assert images.count() == 3
        for number in range(3):
            image = images.nth(number)
            assert image.evaluate("one => one.complete && one.naturalWidth > 0")
            assert image.get_attribute("alt").startswith("Axial CT with outlines. Slice ")


def test_a_probability_that_is_withheld_is_not_read(patient):
    with patient(patient_phantoms.page(patient_phantoms.verdicts("Why."))) as seen:
        told = seen.page.locator("section.verdict")
        assert "no validated prediction" in told.inner_text()
        assert "Probability of" not in told.inner_text()
