"""The pages: what they hold, what they do not, how large they are, and who comes first."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from livermet.errors import InputError
from livermet.viewer.page import MOST_BYTES, index_page, series_page
from livermet.viewer.view import Masks, view_of

from .. import viewer_phantoms as phantoms


def held(page: str) -> dict:
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1]
    )


def test_a_page_needs_nothing_else_and_is_the_same_bytes_twice():
    page = phantoms.page()
    assert page == phantoms.page()
    assert not re.search(r"""(src|href)=["']?(https?:|//)|url\(""", page)
    links = re.findall(r'href="([^"]*)"', page)
    assert links == ["#main", "../index.html", "../../report.html"]
    data = held(page)
    assert data["shape"] == [20, 48, 64]
    assert data["spacing"] == [4, 1.5, 1.5]
    assert data["box"] == [[2, 46], [4, 60]]
    assert len(data["images"]) == 20
    assert data["probabilities"].keys() == {phantoms.MODEL}
    assert data["masks"].keys() == {"reference", *phantoms.MODELS}


def test_what_a_sheet_holds_is_escaped():
    row = phantoms.ROW | {"phase": "</script><b>", "cohort": "<i>"}
    view = view_of(
        "a</script>1",
        row,
        phantoms.ct(),
        phantoms.masks(),
        phantoms.measured(),
        phantoms.COMPONENTS,
        phantoms.TOLD,
    )
    page = series_page(view, phantoms.TOLD | {"rules": {"any_overlap": "</script><b>"}})
    assert "<b>" not in page
    assert "<i>" not in page
    # Of the style, of the data and of the page.
    assert page.count("</script>") == 3
    assert held(page)["rules"] == {"any_overlap": "</script><b>"}


def test_masks_on_another_grid_are_named():
    other = phantoms.labels()
    other.SetSpacing((1.5, 1.5, 5))
    masks = Masks(other, phantoms.masks().predictions)
    with pytest.raises(InputError, match=r"'a1': its CT and the mask 'reference' lie on different"):
        view_of(
            "a1",
            phantoms.ROW,
            phantoms.ct(),
            masks,
            phantoms.measured(),
            phantoms.COMPONENTS,
            phantoms.TOLD,
        )


def test_a_page_says_whether_its_own_series_is_a_phantom():
    arguments = (phantoms.masks(), phantoms.measured(), phantoms.COMPONENTS, phantoms.TOLD)
    for phantom in (True, False):
        row = phantoms.ROW | {"phantom": phantom}
        page = series_page(view_of("a1", row, phantoms.ct(), *arguments), phantoms.TOLD)
        assert ("This series is one: its numbers say nothing of patients." in page) == phantom


def test_given_masks_have_a_page_without_models():
    row = phantoms.ROW | {"kinds": {}}
    none = {name: pd.DataFrame(columns=["model"]) for name in ("scans", "lesions", "groups")}
    told = phantoms.TOLD | {"models": {}, "rules": {}, "final_model": ""}
    masks = Masks(phantoms.labels(phantoms.FOUND, phantoms.MISSED))
    view = view_of("a1", row, phantoms.ct(), masks, none, phantoms.COMPONENTS, told)
    page = series_page(view, told)
    assert [one["lesion"] for one in held(page)["lesions"]] == [1, 2]
    assert 'id="model"' not in page
    index = index_page({"a1": {"cohort": "", "phase": ""}}, none["scans"], told)
    assert 'href="series/a1.html"' in index


def test_a_page_of_a_large_ct_takes_no_more_than_is_stated():
    """512 x 512 x 200 voxels: a body with noise of 15 HU, a reference and four models."""
    shape = (200, 512, 512)
    z, y, x = np.ogrid[:200, :512, :512]
    body = (((x - 256) / 220) ** 2 + ((y - 256) / 160) ** 2 < 1)[0]
    noise = np.random.default_rng(4).normal(0, 15, (10, *shape[1:])).astype(np.int16)
    hu = np.where(body, 40 + np.tile(noise, (20, 1, 1)), -1000).astype(np.int16)
    liver = ((x - 340) / 100) ** 2 + ((y - 250) / 90) ** 2 + ((z - 100) / 60) ** 2 < 1
    labels = liver.astype(np.uint8)
    labels[90:110, 240:260, 330:350] = 2
    probability = np.zeros(shape, np.uint8)
    probability[85:115, 235:265, 325:355] = np.random.default_rng(5).integers(0, 256, (30, 30, 30))
    models = ["unet", "segresnet", "nnunet", "nnunet_finetuned"]
    scan = phantoms.measured()["scans"].iloc[:1]
    lesion = pd.DataFrame(
        {"side": ["reference", "prediction"], "lesion": 1, "matched_any_overlap": True}
    )
    group = pd.DataFrame(
        {"rule": ["any_overlap"], "references": "1", "predictions": "1", "dice": 1.0}
    )
    measured = {
        name: pd.concat([table.assign(model=model) for model in models])
        for name, table in (("scans", scan), ("lesions", lesion), ("groups", group))
    }
    told = phantoms.TOLD | {"models": {m: m for m in models}, "rules": {"any_overlap": "overlap"}}
    image = phantoms.image(labels)
    masks = Masks(image, dict.fromkeys(models, image), dict.fromkeys(models, probability))
    row = phantoms.ROW | {"kinds": dict.fromkeys(models, "ensemble")}
    view = view_of("a1", row, phantoms.image(hu), masks, measured, phantoms.COMPONENTS, told)
    size = len(series_page(view, told).encode())
    assert MOST_BYTES * 0.5 < size <= MOST_BYTES
    assert view.slices.step == 1


def scans(rows) -> pd.DataFrame:
    names = ["series", "lesion_dice", "reference_lesions", "detected_lesions", "false_positives"]
    table = pd.DataFrame(rows, columns=names).assign(model=phantoms.MODEL, predicted_lesions=1)
    return table.assign(reference_burden_ml=1.0, predicted_burden_ml=1.0)


def test_the_worst_series_come_first():
    none = float("nan")
    table = scans(
        [
            ["good", 0.9, 2, 2, 0],
            ["bad", 0.0, 1, 0, 0],
            ["worse", 0.0, 2, 0, 3],
            ["plain", none, none, none, none],
        ]
    )
    names = ("trained", "plain", "good", "bad", "worse")
    rows = {name: {"cohort": "<b>", "phase": ""} for name in names}
    page = index_page(rows, table, phantoms.TOLD)
    order = re.findall(r'href="series/(\w+)\.html#unet"', page)
    assert order == ["worse", "bad", "good", "plain", "trained"]
    assert "U-Net was trained on it" in page
    assert "no reference" in page
    assert "<b>" not in page
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", page)


def test_of_new_patients_it_leads_to_their_pages_and_to_no_report():
    told = phantoms.TOLD | {"patients": True}
    none = phantoms.measured("a1")["scans"]
    for page, place in (
        (series_page(phantoms.view("a1"), told), "../../patients/index.html"),
        (index_page({"a1": {"cohort": "", "phase": ""}}, none, told), "../patients/index.html"),
    ):
        assert f'<a href="{place}">All patients</a>' in page
        assert "report.html" not in page
        assert "quality.html" not in page
