"""Real CT and what may be wrong with the order of its slices (`livermet.ingest.neighbours`).

Real scans are taken as they are, and with each second, third, fourth or sixth slice alone, as other
spacings; the same scans are then disturbed.
"""

from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from livermet.ingest.neighbours import Blocks, blocks_of, disturbed
from livermet.ingest.series import ingest_dicom, ingest_volume


@pytest.fixture(scope="module")
def scans(shared_data) -> dict[str, tuple[np.ndarray, tuple[float, float]]]:
    """Give every real CT of six slices or more: (slice, row, column) and the spacing of the two."""
    folders = ["crlm_1004", "ibsi/ct_phantom/dicom/image", "totalsegmentator/example_ct_dicom"]
    images = {name: ingest_dicom("a", shared_data(name))[0] for name in folders}
    volumes = [
        shared_data("totalsegmentator") / "example_ct.nii.gz",
        shared_data("pyradiomics") / "lung1_image.nrrd",
        *sorted(shared_data("sts/nifti").glob("*/CT_image.nii.gz")),
    ]
    images |= {str(path): ingest_volume("a", path)[0] for path in volumes}
    return {
        name: (sitk.GetArrayFromImage(image), image.GetSpacing()[1::-1])
        for name, image in images.items()
    }


def told_of(blocks: Blocks) -> list[bool]:
    return [doubt.certain for doubt in disturbed(blocks, str)]


def thinned(blocks: Blocks) -> Iterator[Blocks]:
    for every in (1, 2, 3, 4, 6):
        for first in range(every):
            yield Blocks(blocks.means[first::every], blocks.dense[first::every])


def test_no_real_scan_is_doubted_at_any_spacing(scans):
    stacks = [part for ct, spacing in scans.values() for part in thinned(blocks_of(ct, spacing))]
    assert len(scans) == 41
    assert len(stacks) == 16 * 41
    assert [told_of(stack) for stack in stacks if told_of(stack)] == []


def raised(ct: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Make tissue that takes up contrast (50 to 250 HU, smoothed) brighter by 40 HU in slices."""
    smooth = ndimage.uniform_filter(ct.astype(np.float32), (0, 5, 5))
    tissue = (smooth > 50) & (smooth < 250)
    return ct + (40 * (tissue & which[:, None, None])).astype(ct.dtype)


def exchanged(ct: np.ndarray) -> np.ndarray:
    order = np.arange(len(ct))
    order[[len(ct) // 2, len(ct) // 2 + 1]] = order[[len(ct) // 2 + 1, len(ct) // 2]]
    return ct[order]


def mirrored(ct: np.ndarray) -> np.ndarray:
    made = ct.copy()
    made[len(ct) // 2] = made[len(ct) // 2, :, ::-1]
    return made


def from_elsewhere(ct: np.ndarray) -> np.ndarray:
    made = ct.copy()
    made[len(ct) // 2] = made[min(len(ct) - 1, len(ct) // 2 + 10)]
    return made


@pytest.mark.parametrize(
    ("disturb", "refused", "told"),
    [
        (lambda ct: raised(ct, np.arange(len(ct)) % 2 == 0), 41, 41),
        (mirrored, 41, 41),
        (from_elsewhere, 41, 41),
        (exchanged, 38, 40),
        (lambda ct: raised(ct, np.arange(len(ct)) // 2 % 2 == 0), 0, 41),
        (lambda ct: raised(ct, np.arange(len(ct)) // 5 % 2 == 0), 0, 37),
    ],
    ids=["every second slice", "mirrored", "elsewhere", "exchanged", "pairs", "blocks of five"],
)
def test_of_41_real_scans_that_were_disturbed(scans, disturb, refused, told):
    """At least as many are refused, or told with a warning, as docs/decisions/dicom.md says."""
    found = [told_of(blocks_of(disturb(ct), spacing)) for ct, spacing in scans.values()]
    assert sum(any(certain) for certain in found) >= refused
    assert sum(bool(certain) for certain in found) >= told


def test_a_slice_of_another_patient_is_refused(scans):
    names = list(scans)
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        ct, spacing = scans[name]
        strange = np.full(ct.shape[1:], -1024, ct.dtype)
        middle = scans[other][0][len(scans[other][0]) // 2]
        part = tuple(slice(min(one)) for one in zip(strange.shape, middle.shape, strict=True))
        strange[part] = middle[part]
        made = ct.copy()
        made[len(ct) // 2] = strange
        assert any(told_of(blocks_of(made, spacing))), name
