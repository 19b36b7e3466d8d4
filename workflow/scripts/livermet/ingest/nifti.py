"""NIfTI files, single or in pairs: read whole, so that a damaged one is found.

Values stay as they are stored, (x, y, z); affines lead to mm in RAS+.
"""

import math
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from livermet.errors import InputError
from livermet.ingest.bounded import first_of, pieces_of, refuse_too_many
from livermet.ingest.volume import (
    CORNER_TOLERANCE_MM,
    MORE_VALUES,
    USUAL_SPACING_MM,
    Volume,
    check_dimensions,
    corners_apart,
    three_dimensional,
)

# A quaternion that is longer than 1 by rounding still says which way the axes run.
QUATERNION_TOLERANCE = np.float64(1e-4)
ANALYZE_SIZE = 348
# Of a file, or of a pair's .hdr with its extensions.
LONGEST_HEADER = 2**20
# Units of length that a header may name, and how many mm they are.
UNITS = {"meter": 1000.0, "micron": 0.001}


class _Header1(nib.Nifti1Header):
    quaternion_threshold = -QUATERNION_TOLERANCE


class _Header2(nib.Nifti2Header):
    quaternion_threshold = -QUATERNION_TOLERANCE


class _PairHeader1(nib.nifti1.Nifti1PairHeader):
    quaternion_threshold = -QUATERNION_TOLERANCE


class _PairHeader2(nib.nifti2.Nifti2PairHeader):
    quaternion_threshold = -QUATERNION_TOLERANCE


class _Single1(nib.Nifti1Image):
    header_class = _Header1


class _Single2(nib.Nifti2Image):
    header_class = _Header2


class _Pair1(nib.Nifti1Pair):
    header_class = _PairHeader1


class _Pair2(nib.Nifti2Pair):
    header_class = _PairHeader2


def read_nifti(path: Path, what: str) -> Volume:
    """Read a NIfTI file, or the pair of a header (.hdr) and an image (.img).

    Raises InputError for a damaged file (a .gz is read to the end of its checksum), ANALYZE 7.5
    and other headers without an orientation, colours, complex numbers, and more than three
    dimensions.
    """
    header_path, image_path = _pair_of(path)
    try:
        begin, _ = _beginning(header_path, LONGEST_HEADER)
        kind = _kind_of(begin, image_path is not None)
        if kind is None:
            raise InputError(f"{what} is no NIfTI file by its header{_other_kind(begin)}")
        # nibabel's own check, which mends what it can in a copy.
        kind.header_class.from_fileobj(BytesIO(begin))
        given = kind.header_class.from_fileobj(BytesIO(begin), check=False)
        check_dimensions(given.get_data_shape(), what)
        refuse_too_many(given.get_data_shape(), what)
        length = int(given.get_data_offset()) + _length_of(given)
        data, goes_on = _beginning(image_path or header_path, length)
        if goes_on:
            raise InputError(f"{what} {MORE_VALUES}")
        image: Any = _opened(
            kind, data if image_path is None else begin, None if image_path is None else data
        )
        header = image.header
        # The image's own header has lost its offset by now.
        if int(image.dataobj.offset) + _length_of(header) > len(data):
            raise EOFError
        # nibabel takes an infinite slope for none.
        if np.isinf(given["scl_slope"]) or np.isinf(given["scl_inter"]):
            raise ValueError
        values = np.asanyarray(image.dataobj.get_unscaled())
    except InputError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{what} cannot be read as NIfTI ({type(error).__name__}): the file is damaged or cut "
            "short, or may not be opened; copy it again."
        ) from error
    except Exception as error:
        # nibabel has a kind of error for every field of a header, and NumPy for the rest.
        raise InputError(
            f"{what} cannot be read as NIfTI ({type(error).__name__}): its header is malformed; "
            "export it again."
        ) from error
    values = three_dimensional(values, what)
    affine = np.array(image.affine, dtype=float)
    warnings = _orientation_warnings(header, values.shape, what)
    factor, told = _unit(header, affine)
    affine[:3] *= factor
    if image.dataobj.slope < 0:
        told.append("Its slope is negative, as no CT's is; look whether air is the darkest.")
    return Volume(
        values,
        affine,
        float(image.dataobj.slope),
        float(image.dataobj.inter),
        tuple(warnings + told),
    )


def _beginning(path: Path, length: int) -> tuple[bytes, bool]:
    """Return the first bytes of a file, or of what is packed in it, and whether values follow."""
    with path.open("rb") as stream:
        return first_of(pieces_of(stream), length)


def _pair_of(path: Path) -> tuple[Path, Path | None]:
    """Return the files of header and image; one file has both where the second is None."""
    name = path.name
    lower = name.lower()
    stem = name[: -len(".gz")] if lower.endswith(".gz") else name
    if not stem.lower().endswith((".hdr", ".img")):
        return path, None
    both = {Path(stem).stem.lower() + ending for ending in (".hdr", ".img")}
    found = {}
    for other in path.parent.iterdir():
        plain = other.name.lower().removesuffix(".gz")
        if plain in both:
            found[plain[-4:]] = other
    return found.get(".hdr", path), found.get(".img", path)


def _kind_of(content: bytes, paired: bool) -> Any:
    """Choose nibabel's reader by the header's own words; None where it is no NIfTI."""
    if content[344:347] in (b"n+1", b"ni1"):
        return _Pair1 if paired and content[344:347] == b"ni1" else _Single1
    if content[4:7] in (b"n+2", b"ni2"):
        return _Pair2 if paired and content[4:7] == b"ni2" else _Single2
    return None


def _opened(kind: Any, content: bytes, data: bytes | None) -> Any:
    if data is None or kind in (_Single1, _Single2):
        return kind.from_bytes(content)
    holder = nib.FileHolder
    return kind.from_file_map(
        {"header": holder(fileobj=BytesIO(content)), "image": holder(fileobj=BytesIO(data))}
    )


def _other_kind(content: bytes) -> str:
    """Go on with a sentence on a file that has no header of NIfTI."""
    if content[:4] in (ANALYZE_SIZE.to_bytes(4, "little"), ANALYZE_SIZE.to_bytes(4, "big")):
        return (
            ". An ANALYZE 7.5 header says nothing about its orientation, so left and right are "
            "unknown; export it as NIfTI."
        )
    return ": it is empty, damaged, or of another kind under this name; export it as NIfTI."


def _length_of(header: Any) -> int:
    """Return how many bytes the values take that a header tells of."""
    voxels = math.prod(int(n) for n in header.get_data_shape())
    return voxels * int(header.get_data_dtype().itemsize)


def _orientation_warnings(header: Any, shape: Sequence[int], what: str) -> list[str]:
    forms = {}
    for name, form in (("qform", header.get_qform), ("sform", header.get_sform)):
        try:
            forms[name] = form(coded=True)[0]
        except Exception:  # nibabel and NumPy name many kinds
            forms[name] = np.full((4, 4), np.nan)
    qform, sform = forms["qform"], forms["sform"]
    if qform is None and sform is None:
        raise InputError(
            f"{what} says nothing about its orientation (qform and sform codes are 0), so left "
            "and right are unknown; export it again with an orientation."
        )
    if qform is None:
        return _zoom_warnings(header, sform)
    if not np.isfinite(qform).all():
        return ["Its qform cannot be read; the sform was used."]
    long = np.linalg.norm([float(header[f"quatern_{letter}"]) for letter in "bcd"]) ** 2 - 1
    told = ["Its qform holds a quaternion longer than 1, by rounding."] if long > 0 else []
    if sform is None:
        return told
    # A quaternion that is too long may turn anywhere; the sform is then the better word.
    if long <= 0 and ((qform[:3, :3] * sform[:3, :3]).sum(axis=0) < 0).any():
        raise InputError(
            f"{what} says by its qform and its sform that an axis runs two opposite ways, so that "
            "left and right, front and back, or head and feet are unknown; export it again."
        )
    apart = corners_apart(shape, qform, sform)
    if apart > CORNER_TOLERANCE_MM:
        told.append(f"qform and sform differ by up to {apart:.3g} mm; the sform was used.")
    return told


def _zoom_warnings(header: Any, sform: np.ndarray) -> list[str]:
    """Say where the spacing that stands beside a lone sform is another one."""
    spacing = np.linalg.norm(sform[:3, :3], axis=0)
    zooms = np.abs(np.array(header.get_zooms()[:3], dtype=float))
    if not np.isfinite(zooms).all() or not zooms.all() or np.allclose(zooms, spacing, rtol=0.01):
        return []
    told = (" x ".join(f"{value:.4g}" for value in one) for one in (zooms, spacing))
    return [
        f"pixdim says a spacing of {' mm and the sform of '.join(told)} mm; the sform was used."
    ]


def _unit(header: Any, affine: np.ndarray) -> tuple[float, list[str]]:
    """Return the mm of the header's unit of length, if that makes a usual spacing, and say so."""
    try:
        unit = header.get_xyzt_units()[0]
    except Exception:  # an unknown code
        return 1.0, []
    factor = UNITS.get(unit, 1.0)
    if factor == 1:
        return 1.0, []
    low, high = USUAL_SPACING_MM
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    usual, scaled = ((low <= s).all() and (s <= high).all() for s in (spacing, spacing * factor))
    if usual and not scaled:
        return 1.0, [f"Its header names {unit}s as the unit of length, and was read as mm."]
    return factor, [f"Its header gives lengths in {unit}s, which were turned to mm."]
