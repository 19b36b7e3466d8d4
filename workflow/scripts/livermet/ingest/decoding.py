"""Stored values of DICOM slices, read twice: by pydicom with imagecodecs, and by GDCM.

The first reader makes the volume. The second one, SimpleITK's GDCM, shares no code with it but the
compression libraries' ancestry, and proves it (`livermet.ingest.proof`). Arrays are (row, column).
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian

from livermet.ingest.headers import MONOCHROME1, Slice, read_dataset

JPEG = "1.2.840.10008.1.2.4."
# jpegsof3 and not libjpeg-turbo for lossless JPEG: the latter reads a code that is cut short.
DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {
    f"{JPEG}50": imagecodecs.jpeg8_decode,
    f"{JPEG}51": imagecodecs.jpeg8_decode,
    f"{JPEG}57": imagecodecs.jpegsof3_decode,
    f"{JPEG}70": imagecodecs.jpegsof3_decode,
    f"{JPEG}80": imagecodecs.jpegls_decode,
    f"{JPEG}81": imagecodecs.jpegls_decode,
    f"{JPEG}90": imagecodecs.jpeg2k_decode,
    f"{JPEG}91": imagecodecs.jpeg2k_decode,
    f"{JPEG}201": imagecodecs.jpeg2k_decode,
    f"{JPEG}202": imagecodecs.jpeg2k_decode,
    f"{JPEG}203": imagecodecs.jpeg2k_decode,
}
JPEG_2000 = frozenset(f"{JPEG}{end}" for end in ("90", "91", "201", "202", "203"))
# The marker of JPEG 2000's coding style, and how far behind it the wavelet stands; 0 loses values.
CODING_STYLE, WAVELET_AT = b"\xff\x52", 13
END_OF_IMAGE = b"\xff\xd9"


class UndecodableError(Exception):
    """A slice whose values cannot be had; the message says why, without a word of its header."""


@dataclass
class Decoder:
    """Reads stored values; the file that was read last is kept, for the frames that follow.

    lossy: numbers of files that were compressed with a loss, which their headers do not tell.
    """

    lossy: set[int] = field(default_factory=set)
    _path: Path | None = None
    _dataset: Dataset | None = None

    def stored(self, one: Slice) -> np.ndarray:
        """Return the stored values of a slice, (row, column), signed as its header says.

        Raises UndecodableError: cut short, damaged, of an unknown compression, or with values that
        need more bits than BitsStored tells.
        """
        header = self._read(one.path)
        try:
            raw = _raw(header, one.frame)
            if not one.is_lossy and _loses(header, one.frame):
                self.lossy.add(one.number)
            return unpacked(raw, header)
        except UndecodableError:
            raise
        # The libraries raise whatever the bytes lead them to, and quote them.
        except Exception:
            raise UndecodableError(
                "cannot be decoded: it is cut short, damaged, or of an unknown form"
            ) from None

    def padding(self, one: Slice) -> int | None:
        """Return the stored value that the header calls padding, None where it tells none."""
        header = self._read(one.path)
        told = header.get("PixelPaddingValue")
        value = int.from_bytes(told, "little") if isinstance(told, bytes) else told
        if not isinstance(value, int):
            return None
        width, stored = int(header.BitsAllocated), int(header.BitsStored)
        # Whether it is signed is told by another field than its own.
        value %= 1 << width
        if int(header.PixelRepresentation) == 1:
            value -= (value >> (width - 1)) << width
            return value if abs(value) <= 1 << (stored - 1) else None
        return value if value < 1 << stored else None

    def _read(self, path: Path) -> Dataset:
        if path != self._path or self._dataset is None:
            self._path, self._dataset = path, read_dataset(path)
            if self._dataset is None:
                raise UndecodableError("is damaged")
            if {"FloatPixelData", "DoubleFloatPixelData"} & set(self._dataset.dir()):
                raise UndecodableError(
                    "holds its values as floating-point numbers, which no CT has"
                )
            if "PixelData" not in self._dataset:
                raise UndecodableError("ends before its pixels")
        return self._dataset


def _raw(header: Dataset, frame: int | None) -> np.ndarray:
    """Decode a frame, with whatever stands in the unused bits."""
    if frame is None:
        # Empty, 0 or no number at all, where there is one frame.
        header.NumberOfFrames = 1
    syntax = header.file_meta.TransferSyntaxUID
    if syntax in DECODERS:
        code = get_frame(
            header.PixelData, frame or 0, number_of_frames=int(header.NumberOfFrames or 1)
        )
        # A decoder may fill what a cut code lacks.
        if END_OF_IMAGE not in code[-16:]:
            raise UndecodableError("is cut short: its compressed image has no end")
        raw = DECODERS[str(syntax)](code)
    elif not _is_native(syntax) and syntax != "1.2.840.10008.1.2.5":
        raise UndecodableError("is compressed in a way that livermet does not read")
    elif _is_native(syntax) and int(header.BitsAllocated) in (16, 32):
        raw = _native(header, frame or 0)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw = pixel_array(header, index=frame or 0, raw=True)
    if raw.shape != (int(header.Rows), int(header.Columns)):
        raise UndecodableError("holds an image of another size than its header tells")
    return raw


def _loses(header: Dataset, frame: int | None) -> bool:
    """Tell whether the code of a JPEG 2000 image says that values were lost."""
    if str(header.file_meta.TransferSyntaxUID) not in JPEG_2000:
        return False
    frames = int(header.NumberOfFrames or 1)
    code = get_frame(header.PixelData, frame or 0, number_of_frames=frames)
    at = code.find(CODING_STYLE)
    return at >= 0 and code[at + WAVELET_AT : at + WAVELET_AT + 1] == b"\0"


def _native(header: Dataset, frame: int) -> np.ndarray:
    """Take a frame as it is stored; pydicom would clear the unused bits, which tell of faults."""
    shape = int(header.Rows), int(header.Columns)
    size = int(header.BitsAllocated) // 8
    order = ">" if header.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<"
    length = shape[0] * shape[1] * size
    content = header.PixelData[frame * length : (frame + 1) * length]
    if len(content) < length:
        raise UndecodableError("is cut short: it holds fewer values than its header tells")
    if frame == 0 and header.NumberOfFrames == 1 and any(header.PixelData[length:]):
        # Zeros are padding; of anything else the header tells too few rows or columns.
        raise UndecodableError("holds more values than its header tells")
    return np.frombuffer(content, dtype=f"{order}u{size}").reshape(shape)


def _is_native(syntax: str) -> bool:
    return not UID(syntax).is_encapsulated if UID(syntax).is_transfer_syntax else False


def unpacked(raw: np.ndarray, header: Dataset) -> np.ndarray:
    """Take the stored bits of each value, and its sign where the header says that it has one.

    The standard leaves open what the bits above BitsStored hold. Zeros, copies of the sign and
    overlays are usual; anything else tells that BitsStored is wrong: UndecodableError.
    """
    if raw.dtype.kind not in "iu":
        raise UndecodableError("holds no whole numbers")
    raw = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    stored, signed = int(header.BitsStored), int(header.PixelRepresentation) == 1
    unsigned = raw.view(f"u{raw.itemsize}")
    width = 8 * raw.itemsize
    if not 1 <= stored <= max(width, int(header.BitsAllocated)):
        raise UndecodableError("tells an impossible number of bits")
    low = int(header.get("HighBit", stored - 1)) + 1 - stored
    if str(header.file_meta.TransferSyntaxUID) in DECODERS or low < 0:
        low = 0
    if stored >= width and low == 0:
        return raw.view(f"i{raw.itemsize}") if signed else unsigned
    mask = (1 << stored) - 1
    values = ((unsigned >> low) & mask).astype(np.int64)
    if signed:
        sign = 1 << (stored - 1)
        values = (values ^ sign) - sign
    if low == 0 and not _has_overlay(header):
        usual = (unsigned == (values & mask)) | (raw.view(f"i{raw.itemsize}") == values)
        if not usual.all():
            raise UndecodableError("holds values of more bits than BitsStored tells")
    return values.astype(np.int32 if width > 16 or not signed else np.int16)


def _has_overlay(header: Dataset) -> bool:
    """Tell whether an overlay stands in the unused bits (groups 6000 to 601E)."""
    return any((group, 0x0102) in header for group in range(0x6000, 0x6020, 2))


@dataclass(frozen=True)
class SecondReading:
    """What GDCM reads of a slice: Hounsfield units (row, column), LPS position, spacing."""

    units: np.ndarray
    origin: tuple[float, ...]
    spacing: tuple[float, ...]
    direction: tuple[float, ...]


@dataclass
class SecondReader:
    """Reads slices by GDCM; a file of several frames is read once.

    scratch: a folder for links to the files, since a file's name may hold what the library's
        messages must not tell, or bytes that it does not take.
    """

    scratch: Path
    _number: int = 0
    _image: sitk.Image | None = None
    _units: np.ndarray | None = None

    def read(self, one: Slice) -> SecondReading | None:
        """Read a slice; None where GDCM cannot."""
        if one.number != self._number:
            self._number, self._image, self._units = one.number, *self._file(one)
        if self._image is None or self._units is None:
            return None
        units = self._units
        if units.ndim == 3 and len(units) > (one.frame or 0):
            units = units[one.frame or 0]
        if units.ndim != 2:
            return None
        image = self._image
        return SecondReading(units, image.GetOrigin(), image.GetSpacing(), image.GetDirection())

    def _file(self, one: Slice) -> tuple[sitk.Image | None, np.ndarray | None]:
        link = self.scratch / f"{one.number:06d}.dcm"
        if one.text("PhotometricInterpretation") == MONOCHROME1:
            # Of these SimpleITK turns the values over, as if the word said what they mean.
            link.write_bytes(one.path.read_bytes().replace(b"MONOCHROME1", b"MONOCHROME2"))
        else:
            os.symlink(one.path.resolve(), link)
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            image = sitk.ReadImage(str(link), imageIO="GDCMImageIO")
            return image, sitk.GetArrayFromImage(image)
        # SimpleITK's errors are RuntimeError; a wrong header may bring others.
        except Exception:
            return None, None
        finally:
            link.unlink()
