"""Phases and kernels are told from headers in listed words alone."""

import pytest

from livermet.archive.words import kernel_of, phase_of


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("Abdomen portal venous 5.0 B30f", "portal_venous"),
        ("LIVER PV 1.25MM", "portal_venous"),
        ("Oberbauch portalvenös 3 mm", "portal_venous"),
        ("Oberbauch venös 3 mm", "portal_venous"),
        ("late arterial 2mm", "arterial"),
        ("Leber arteriell", "arterial"),
        ("ABD WITHOUT CONTRAST", "native"),
        ("Abdomen nativ 5.0", "native"),
        ("Abdomen ohne KM", "native"),
        ("delayed 5 min", "delayed"),
        ("temps tardif", "delayed"),
        # No word of the list, none of the patient's.
        ("Doe^Jane partial plate", ""),
        ("CT AP", ""),
        # Of a study, not of a series.
        ("ABD W/O & W CONTRAST", ""),
        ("arterial and portal", ""),
        ("", ""),
    ],
)
def test_phases_are_told_by_their_words(text, phase):
    assert phase_of(text) == phase


def test_the_first_text_that_tells_a_phase_decides():
    assert phase_of("Leber 5.0", "arterial", "portal phase") == "arterial"
    assert phase_of("arterial, portal", "delayed") == ""


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        ("B30f", "B30f"),
        ("Br40d\\3", "Br40d 3"),
        ("I31f 2", "I31f 2"),
        ("STANDARD", "STANDARD"),
        ("FC08", "FC08"),
        ("C", "C"),
        ("Doe", "other"),
        ("MRN4711", "other"),
        ("", ""),
    ],
)
def test_kernels_are_told_as_vendors_write_them(text, kernel):
    assert kernel_of(text) == kernel
