"""The page of a study: what it says, what it withholds, and where it leads."""

import re
from base64 import b64decode
from dataclasses import replace

import imagecodecs
import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.patients.index import index_rows
from livermet.patients.page import (
    CUT,
    MOST_LESIONS,
    MOST_LETTERS,
    MOST_WARNINGS,
    _cut,
    _doubts,
    _from_to,
    _lesion,
    _listed,
    compose,
)
from livermet.patients.pictures import key_images
from livermet.patients.rendering import INDEX, PATIENT, render
from livermet.patients.results import Verdicts, prediction_table, series_table
from livermet.patients.tables import NEW_LESIONS, NEW_SERIES, PREDICTIONS

from ..patient_phantoms import (
    CLASSIFIER,
    PATIENT_NAME,
    STUDY,
    THICK,
    THIN,
    content,
    measured,
    page,
    verdicts,
)

ORANGE, BLUE = (230, 159, 0), (86, 180, 233)


def test_a_probability_has_the_range_of_the_folds_which_is_no_uncertainty():
    text = page()
    assert "Probability of NE positive: 0.66" in text
    assert "Range of the 5 folds&#39; models 0.40 to 0.86, which is no uncertainty" in text
    assert "not a medical device" in text


def test_a_probability_that_is_withheld_stands_nowhere_and_the_reason_does():
    why = "Its slices are 20 mm thick, those of training 1 to 5 mm."
    text = page(verdicts(why))
    assert "Phenotype: no validated prediction" in text
    assert why in text
    assert "Probability of NE positive" not in text
    assert not re.search(r"0\.(66|62|70)", text.split("What the model says")[0])


def test_a_model_without_a_classifier_says_so():
    lacks = "It was left out when the model was packed."
    shown = content(Verdicts(None, lacks=lacks))
    assert shown["verdict"] == {
        "head": "Phenotype: no validated prediction",
        "why": lacks,
        "given": "",
    }
    assert "deals of folds" not in str(shown["limits"])


def test_how_the_series_of_a_study_combine_is_said():
    apart = content()["apart"]
    assert "the 2 series count 1 to 3 lesions of 3.2 to 3.5 ml" in apart
    assert "the mean of 2 series', which lie between 0.62 and 0.70" in apart
    assert content(both=False)["apart"] == ""


def test_the_thinnest_series_comes_first_and_each_has_its_probability():
    rows = content()["series"]
    assert [row[0] for row in rows] == ["2.5mm_aaaaaa", "5mm_bbbbbb"]
    assert rows[0][-1] == "0.70 (0.55 to 0.86)"


def test_the_series_that_is_shown_is_listed_although_many_are_thinner():
    thick, thin = measured()
    chest = [replace(thin, series=f"{THIN}{number}", liver_ml=50.0) for number in range(6)]
    assert [one.series for one in _listed([*chest, thick])][:2] == [THICK, f"{THIN}0"]


def test_reasons_beyond_a_sheets_room_end_with_a_sentence():
    why = "Its features lie 12.3 from those of training. "
    told = content(verdicts((STUDY + "_a: " + why * 30).strip()))["verdict"]["why"]
    assert len(told) < MOST_LETTERS + 40
    assert told.startswith("a: Its features")
    assert told.endswith("from those of training. More reasons are in series.tsv.")
    assert content(verdicts(why.strip()))["verdict"]["why"] == why.strip()


def test_lesions_are_listed_by_their_long_axis_and_targets_are_marked():
    assert content()["lesions"] == [
        ["1 *", "3.2", "24", "20", "60", "11"],
        ["2 *", "0.3", "10", "10", "60", "19"],
        ["3", "0.01", "2.0", "2.0", "60", "9"],
    ]
    assert "Axes lie in one axial slice, from edge to edge." in page()


def test_what_has_no_room_on_a_sheet_is_counted():
    series = measured(both=False)
    one = series[0]
    many = pd.concat([one.lesions] * 5, ignore_index=True)
    crowded = type(one)(one.series, one.hu, one.labels, one.spacing_mm, many, one.liver_ml)
    prediction = prediction_table(STUDY, PATIENT_NAME, [crowded], verdicts()).iloc[0].to_dict()
    told = {"run": "predict", "version": "0", "phantoms": False, "model": "U-Net", "networks": 1}
    warnings = {THIN: [f"warning {number}." for number in range(MOST_WARNINGS + 3)]}
    shown = compose(prediction, [crowded], verdicts(), CLASSIFIER, warnings, told | {"views": {}})
    assert len(shown["lesions"]) == MOST_LESIONS
    # Of 15 lesions the two largest kinds, five each, are not all shown.
    assert shown["more"].startswith("7 smaller lesions more, ")
    # The first one is of the mask.
    assert shown["warnings"][1:] == [
        "2.5mm_aaaaaa: warning 0.",
        "4 warnings more in quality.json.",
    ]


def test_a_liver_that_the_scan_cuts_is_told():
    # The phantom's liver ends 5 slices below the top and begins 5 above the bottom.
    (one,) = measured(both=False)
    assert _cut(one) == []
    for first, last in ((5, None), (0, 25)):
        assert _cut(replace(one, labels=one.labels[first:last])) == [CUT]


def test_an_implausible_mask_is_told_before_what_ingest_has_a_record_of():
    # The phantom's liver has 240 ml.
    assert content(both=False)["warnings"] == [
        "2.5mm_aaaaaa: the mask is implausible (liver of 0.2 l): look at it first.",
        "2.5mm_aaaaaa: a warning.",
    ]
    (one,) = measured(both=False)
    assert _doubts(replace(one, liver_ml=1500.0)) == []


def test_a_date_that_is_not_known_is_no_date():
    known = content(both=False)
    assert known["is_dated"]
    assert "not known" not in render(known, PATIENT)
    told = "The date of the scan is not known."
    assert told in render(known | {"is_dated": False}, PATIENT)


def test_numbers_that_agree_are_written_once():
    assert _from_to([1, 1], "{}") == "1"
    assert _from_to([16.91, 16.94, 16.9], "{:.1f}") == "16.9"
    assert _from_to([3.5, 3.2], "{:.1f}") == "3.2 to 3.5"


def test_a_mean_just_below_0_hu_is_0():
    (one,) = measured(both=False)
    (row, *_) = one.lesions.assign(mean_hu=-0.3).itertuples()
    assert _lesion(row)[4] == "0"


def test_pictures_show_the_largest_lesions_each_on_its_slice():
    images = key_images(measured(both=False)[0])
    captions = [image.caption for image in images]
    assert captions == [
        "Slice 11 of 30: lesion 1",
        "Slice 19 of 30: lesion 2",
        "Slice 9 of 30: lesion 3",
    ]


def test_outlines_lie_where_radiologists_look_for_them():
    """Lesion 1 lies at x 20 to 29 of 64 and y 30 to 37 of 72, x to the right, y to the front."""
    image = key_images(measured(both=False)[0])[0]
    picture = imagecodecs.png_decode(b64decode(image.source.partition(",")[2]))
    # The cut is the liver, x 12 to 51 and y 20 to 49, with 25 mm (12.5 pixels) around: all of x;
    # of y, which would be 110 mm, 120 mm: 5 to 64. Front and right come first: y 64 and x 63.
    pixels = picture.shape[1] / 64
    assert picture.shape[0] == pytest.approx(60 * pixels, abs=1)
    lesion = np.argwhere((picture == ORANGE).all(axis=2)) / pixels
    assert lesion.min(axis=0) == pytest.approx([64 - 37, 63 - 29], abs=0.5)
    assert lesion.max(axis=0) == pytest.approx([64 - 30 + 1, 63 - 20 + 1], abs=0.5)
    liver = np.argwhere((picture == BLUE).all(axis=2)) / pixels
    assert liver.min(axis=0) == pytest.approx([64 - 49, 63 - 51], abs=0.5)


def test_a_scan_without_lesions_shows_its_liver():
    found = measured(both=False)[0]
    found.labels[found.labels == 2] = 1
    bare = type(found)(found.series, found.hu, found.labels, found.spacing_mm, found.lesions[:0], 1)
    (image,) = key_images(bare)
    assert image.caption == "Slice 6 of 30: no lesion is marked"


def test_the_tables_keep_their_contracts():
    series = measured()
    lesions = pd.concat([one.lesions for one in series]).assign(study=STUDY)[NEW_LESIONS.names]
    check(lesions, NEW_LESIONS, "patients/lesions.tsv")
    for said in (verdicts(), verdicts("Why."), Verdicts(None, lacks="Why.")):
        check(series_table(STUDY, series, said), NEW_SERIES, "patients/series.tsv")
        table = prediction_table(STUDY, PATIENT_NAME, series, said)
        check(table, PREDICTIONS, "patients/predictions.tsv")
        assert table["shown_series"].item() == THIN


def test_the_page_leads_to_the_viewer_and_the_list_to_the_page():
    assert f'href="../viewer/series/{THIN}.html"' in page()
    table = prediction_table(STUDY, PATIENT_NAME, measured(), verdicts())
    told = {"run": "predict", "version": "0", "phantoms": False, "studies": index_rows(table)}
    text = render(told, INDEX)
    assert f'href="{STUDY}.html"' in text
    assert "0.66 (0.40 to 0.86)" in text
