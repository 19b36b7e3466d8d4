"""The viewer in a real browser: its file alone is asked for, and masks lie where they should.

Where a lesion has to be is counted by hand from the phantom (tests/unit/viewer_phantoms.py): its
body is cropped to rows 2 to 45 and columns 4 to 59 of the page, with slices 0 to 19.
"""

import base64

import imagecodecs
import numpy as np
import pytest
import viewer_phantoms
from viewer_phantoms import MODEL, OTHER, TOLD

from livermet.viewer.page import index_page

# The reference's orange, and the prediction's pink.
ORANGE, PINK = (0xE6, 0x9F, 0x00), (0xF4, 0xA6, 0xCF)
COLUMNS, ROWS, SLICES = 56, 44, 20
# The lesion FOUND, from the corner of the crop: columns 64 - 50 - 4 to 64 - 42 - 4 - 1 and rows
# 48 - 32 - 2 to 48 - 24 - 2 - 1; slices from the head: 20 - 10 to 20 - 6 - 1.
LEFT, TOP, HIGH = (10, 18), (14, 22), (10, 14)


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    """The pages of two series, and the index."""
    folder = tmp_path_factory.mktemp("viewer")
    (folder / "series").mkdir()
    scans = viewer_phantoms.measured("a1")["scans"]
    for series in ("a1", "b2"):
        text = viewer_phantoms.page(series)
        (folder / "series" / f"{series}.html").write_text(text, encoding="utf-8")
    rows = {name: {"cohort": "mSCLC", "phase": ""} for name in ("b2", "a1")}
    (folder / "index.html").write_text(index_page(rows, scans, TOLD), encoding="utf-8")
    return folder


@pytest.fixture
def series(viewer, opened):
    """Open the page of the first series and wait until its scan is read."""

    def open_series(**options):
        return opened(viewer / "series" / "a1.html", **options)

    return open_series


def wait(seen):
    seen.page.wait_for_function("document.body.dataset.decoded === 'all'")
    return seen.page


def picture(page) -> np.ndarray:
    """The canvas as (row, column, RGB)."""
    # As a file, since a canvas that is read becomes slow.
    url = page.evaluate("document.getElementById('picture').toDataURL('image/png')")
    return imagecodecs.png_decode(base64.b64decode(url.split(",")[1]))[..., :3].astype(int)


def near(image, colour):
    """Pixels of a colour, and of no grey; lines are blended with what lies beneath."""
    return (np.abs(image - colour).max(axis=2) < 40) & (np.ptp(image, axis=2) > 30)


def ends(mask):
    """First and last row and column of a mask, (top, bottom, left, right)."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return np.array([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1])


def only(page, *kept):
    """Switch on what is drawn over the CT."""
    for name in ("show-reference", "show-prediction", "show-liver"):
        page.set_checked(f"#{name}", name in kept)


def test_the_page_asks_for_nothing_and_lists_the_worst_lesion_first(series):
    with series() as seen:
        page = wait(seen)
        assert len(seen.asked) == 1 + sum(url.startswith("blob:") for url in seen.asked)
        rows = page.locator("#lesions tr").all_inner_texts()
        assert [row.split("\t")[0] for row in rows] == [
            "reference 2", "predicted 2", "reference 1", "predicted 1",
        ]  # fmt: skip
        assert rows[0].split("\t")[4] == "missed (0 of 2)"
        assert rows[2].split("\t")[1:] == ["2.30", "16.4", "0.50", "1 of 2"]


def test_a_lesion_is_reached_in_two_clicks_from_the_index(viewer, opened):
    with opened(viewer / "index.html") as seen:
        page = seen.page
        page.click("text=a1")
        wait(seen)
        page.click("text=reference 1")
        # Its voxel nearest to the centre is in slice 7, counted from 0.
        assert page.inner_text("#place") == "axial 8 of 20"
        told = page.inner_text("#lesion")
        for line in ("2.30 ml, as a sphere 16.4 mm", "mean 150, SD 0", "IoU 0.5\nnot matched"):
            assert line in told.replace("\t", "\n")


@pytest.mark.parametrize(
    ("plane", "across", "down", "size_mm"),
    [
        ("axial", LEFT, TOP, (COLUMNS * 1.5, ROWS * 1.5)),
        ("coronal", LEFT, HIGH, (COLUMNS * 1.5, SLICES * 4)),
        ("sagittal", TOP, HIGH, (ROWS * 1.5, SLICES * 4)),
    ],
)
def test_the_outline_is_where_the_mask_is_and_where_the_ct_shows_the_lesion(
    series, plane, across, down, size_mm
):
    with series() as seen:
        page = wait(seen)
        page.click("text=reference 1")
        # Its place stays, and the ring around it goes.
        page.select_option("#model", OTHER)
        page.select_option("#plane", plane)
        only(page)
        plain = picture(page)
        only(page, "show-reference")
        outlined = ends(near(picture(page), ORANGE))
        # Brighter than halfway between liver (140) and lesion (198); marks are in white.
        grey = plain[..., 0]
        bright = (grey > 169) & (grey < 230)
        # Letters and the scale are drawn along the frame.
        bright[:, :40] = bright[:40] = bright[-40:] = bright[:, -40:] = False
        bright = ends(bright)
        height, width = plain.shape[:2]
        scale = min(width / size_mm[0], height / size_mm[1])
        corner = (width - size_mm[0] * scale) / 2, (height - size_mm[1] * scale) / 2
        step = {"across": 1.5 * scale, "down": (1.5 if plane == "axial" else 4) * scale}
        expected = [corner[1] + n * step["down"] for n in down]
        expected += [corner[0] + n * step["across"] for n in across]
        assert outlined == pytest.approx(expected, abs=3)
        # The CT is drawn smoothly: its edge is known to half a voxel.
        assert np.abs(bright - expected)[:2].max() < 0.6 * step["down"] + 2
        assert np.abs(bright - expected)[2:].max() < 0.6 * step["across"] + 2


def test_the_patients_right_is_on_the_left_and_the_head_above(series):
    with series() as seen:
        page = wait(seen)
        page.click("text=reference 1")
        only(page, "show-reference")
        image = near(picture(page), ORANGE)
        # The lesion is on the patient's right.
        assert ends(image)[3] < image.shape[1] / 2
        page.click("text=reference 2")
        page.select_option("#plane", "coronal")
        # It is the one nearer to the head, in slices 12 and 13 of 20.
        image = near(picture(page), ORANGE)
        assert ends(image)[1] < image.shape[0] / 2


def test_a_threshold_shows_what_reaches_it(series):
    with series() as seen:
        page = wait(seen)
        # The false lesion, of a probability of 0.6.
        page.click("text=predicted 2")
        only(page, "show-prediction")
        assert near(picture(page), PINK).any()
        page.locator("#threshold").fill("12")
        assert page.inner_text("#threshold-told") == "0.60"
        assert near(picture(page), PINK).any()
        page.locator("#threshold").fill("13")
        assert not near(picture(page), PINK).any()
        page.set_checked("#by-probability", False)
        assert near(picture(page), PINK).any()


def test_another_model_has_other_lesions_and_outlines(series):
    with series(fragment=f"#{OTHER}") as seen:
        page = wait(seen)
        assert page.input_value("#model") == OTHER
        rows = page.locator("#lesions tr").all_inner_texts()
        assert [row.split("\t")[0] for row in rows] == [
            "reference 1", "reference 2", "predicted 1",
        ]  # fmt: skip
        page.click("text=predicted 1")
        only(page, "show-prediction")
        other = near(picture(page), PINK)
        page.select_option("#model", MODEL)
        assert len(page.locator("#lesions tr").all()) == 4
        assert other.any()
        assert not near(picture(page), PINK).any()


def test_windows_make_the_liver_as_bright_as_they_say(series):
    """60 HU is 140 of 255 from -160 to 240, and 77 from 15 to 165; as JPEG within some steps."""
    with series() as seen:
        page = wait(seen)
        only(page)
        # In the liver's middle, far from lesions: row 24 and column 22 of the page, slice 14.
        page.locator("#slice").fill("14")
        for window, grey in (("-160 240", 140), ("15 165", 76.5)):
            page.select_option("#window", window)
            image = picture(page)
            height, width = image.shape[:2]
            scale = min(width / COLUMNS, height / ROWS)
            row = int(height / 2 + (26 - 2 - ROWS / 2) * scale)
            column = int(width / 2 + (22 - 4 - COLUMNS / 2) * scale)
            assert image[row, column, 0] == pytest.approx(grey, abs=9)


def test_keys_go_through_slices_and_lesions(series):
    with series() as seen:
        page = wait(seen)
        page.keyboard.press("n")
        assert "reference 2" in page.inner_text("#lesion")
        page.keyboard.press("n")
        page.keyboard.press("p")
        assert page.inner_text("#place") == "axial 13 of 20"
        page.focus("#picture")
        page.keyboard.press("ArrowUp")
        assert page.inner_text("#place") == "axial 14 of 20"
        page.hover("#picture")
        page.mouse.wheel(0, 100)
        page.wait_for_function("document.getElementById('place').textContent === 'axial 13 of 20'")


def test_nothing_is_wider_than_a_telephone(viewer, opened):
    for path in (viewer / "index.html", viewer / "series" / "a1.html"):
        with opened(path, width=400) as seen:
            if path.name == "a1.html":
                wait(seen)
                seen.page.click("text=reference 1")
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 400
