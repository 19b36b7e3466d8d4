"""The first elements of a DICOM file as bytes, by a walk of its own: pydicom's, where it is plain.

What is not plain (another byte order, no preamble, a VR that is not the element's own, elements out
of order, a length that leads out of the file) is not read here: `NotPlainError` sends it to
pydicom. Encodings are those of DICOM PS3.5, chapter 7; the file's beginning is that of PS3.10,
chapter 7.

Slices of a series most often have the same elements with values of the same lengths. Where all the
bytes that led one walk (tags, VRs, lengths) stand at the same places of another file, its walk is
the same, so that it is not made again: `Walker` compares these bytes at once.
"""

import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

# What a file of one slice tells about itself lies up to here (0028,3000), before its pixels.
LAST = 0x00283000
META_BEGIN, MAGIC = 132, b"DICM"
SYNTAX, META_CLASS, META_INSTANCE = 0x00020010, 0x00020002, 0x00020003
IMPLICIT = "1.2.840.10008.1.2"
# Another byte order, a deflated dataset; what ends alike lies behind pixels and does not matter.
NOT_WALKED = frozenset({"", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
DEEPEST = 16
MOST_LAYOUTS = 8

_EXPLICIT = struct.Struct("<HH2sH").unpack_from
_IMPLICIT = struct.Struct("<HHI").unpack_from
_LENGTH = struct.Struct("<I").unpack_from


class NotPlainError(Exception):
    """Bytes that the walk does not read; pydicom may."""


class TooShortError(Exception):
    """The bytes end within what is walked; `needed` of them may be enough."""

    def __init__(self, needed: int) -> None:
        super().__init__()
        self.needed = needed


# Where a walk went: from, to.
Visits = list[tuple[int, int]]


@dataclass(frozen=True)
class Layout:
    """A walk that was made: the bytes that led it, and where the values lie (tag, from, to)."""

    places: np.ndarray
    led_by: bytes
    end: int
    syntax: str
    values: tuple[tuple[int, int, int], ...]

    def held_in(self, data: bytes) -> dict[int, bytes]:
        """Return the values that a file of this layout has."""
        return {tag: data[start:stop] for tag, start, stop in self.values}


class Walker:
    """Walks through files, and remembers the layouts of the last ones.

    `wanted` has the VR of each tag whose value is wanted.
    """

    def __init__(self, wanted: Mapping[int, bytes]) -> None:
        self._wanted = wanted
        self._layouts: deque[Layout] = deque(maxlen=MOST_LAYOUTS)

    def layout_of(self, data: bytes) -> Layout:
        """Return where a file, of which `data` is the beginning, has its wanted elements.

        They are those up to `LAST`. Group 2's class and instance are among them always. A sequence
        that is wanted has its tag with no bytes. Raises NotPlainError and TooShortError.
        """
        content = np.frombuffer(data, np.uint8)
        for number, layout in enumerate(self._layouts):
            if layout.end <= len(data) and content[layout.places].tobytes() == layout.led_by:
                if number:
                    # What matched stands first: the next file is like this one.
                    del self._layouts[number]
                    self._layouts.appendleft(layout)
                return layout
        visits: Visits = []
        syntax, values = walk(data, self._wanted, visits)
        layout = _layout(data, syntax, values, visits)
        self._layouts.appendleft(layout)
        return layout


def _layout(
    data: bytes, syntax: str, values: Mapping[int, tuple[int, int]], visits: Visits
) -> Layout:
    end = max(stop for _, stop in [*visits, *values.values()])
    mask = bytearray(end)
    for start, stop in visits:
        mask[start:stop] = b"\1" * (stop - start)
    places = np.flatnonzero(np.frombuffer(mask, np.uint8))
    led_by = np.frombuffer(data, np.uint8)[places].tobytes()
    found = tuple((tag, start, stop) for tag, (start, stop) in values.items())
    return Layout(places, led_by, end, syntax, found)


def walk(
    data: bytes, wanted: Mapping[int, bytes], visits: Visits
) -> tuple[str, dict[int, tuple[int, int]]]:
    """Return the transfer syntax of a file, and where the values of its wanted elements lie.

    All bytes that the walk depends on become `visits`. Raises NotPlainError and TooShortError.
    """
    if data[128:META_BEGIN] != MAGIC:
        raise NotPlainError
    visits.append((128, META_BEGIN))
    found: dict[int, tuple[int, int]] = {}
    begin = _meta(data, found, visits)
    place = found.pop(SYNTAX, (0, 0))
    visits.append(place)
    syntax = _uid(data[slice(*place)])
    if syntax in NOT_WALKED:
        raise NotPlainError
    explicit = data[begin + 4 : begin + 6].isalpha() and data[begin + 4 : begin + 6].isupper()
    # A file that says one and does the other.
    if explicit == (syntax == IMPLICIT):
        raise NotPlainError
    if explicit:
        _explicit(data, begin, wanted, found, visits)
    else:
        _implicit(data, begin, wanted, found, visits)
    return syntax, found


def _uid(value: bytes) -> str:
    try:
        return value.rstrip(b"\0 ").decode("ascii")
    except UnicodeDecodeError:
        raise NotPlainError from None


def _meta(data: bytes, found: dict[int, tuple[int, int]], visits: Visits) -> int:
    """Read group 2, which is always explicit and little endian; return where it ends."""
    at = META_BEGIN
    while True:
        if at + 12 > len(data):
            raise TooShortError(at + 4096)
        group, element, kind, length = _EXPLICIT(data, at)
        visits.append((at, at + 8))
        if group != 2:
            return at
        at += 8
        if kind in LONG:
            (length,) = _LENGTH(data, at)
            visits.append((at, at + 4))
            at += 4
        elif kind not in SHORT:
            raise NotPlainError
        if at + length > len(data):
            raise TooShortError(at + length + 4096)
        if element in (0x0002, 0x0003, 0x0010):
            found[0x00020000 | element] = at, at + length
        at += length


def _explicit(
    data: bytes,
    at: int,
    wanted: Mapping[int, bytes],
    found: dict[int, tuple[int, int]],
    visits: Visits,
) -> None:
    size, before = len(data), 0
    while True:
        if at + 12 > size:
            raise TooShortError(at + 4096)
        group, element, kind, length = _EXPLICIT(data, at)
        visits.append((at, at + 8))
        tag = group << 16 | element
        if tag > LAST:
            return
        if tag <= before:
            raise NotPlainError
        before = tag
        at += 8
        if kind in LONG:
            (length,) = _LENGTH(data, at)
            visits.append((at, at + 4))
            at += 4
        elif kind not in SHORT:
            raise NotPlainError
        if tag in wanted:
            if kind != wanted[tag]:
                raise NotPlainError
            found[tag] = (at, at) if kind == b"SQ" else (at, at + length)
            if tag == LAST:
                return
        if length == UNDEFINED:
            if kind != b"SQ":
                raise NotPlainError
            at = _behind_sequence(data, at, _behind_explicit, 0, visits)
        else:
            at += length
            if at > size:
                raise TooShortError(at + 4096)


def _implicit(
    data: bytes,
    at: int,
    wanted: Mapping[int, bytes],
    found: dict[int, tuple[int, int]],
    visits: Visits,
) -> None:
    size, before = len(data), 0
    while True:
        if at + 8 > size:
            raise TooShortError(at + 4096)
        group, element, length = _IMPLICIT(data, at)
        visits.append((at, at + 8))
        tag = group << 16 | element
        if tag > LAST:
            return
        if tag <= before:
            raise NotPlainError
        before = tag
        at += 8
        if tag in wanted:
            found[tag] = (at, at) if wanted[tag] == b"SQ" else (at, at + length)
            if tag == LAST:
                return
        if length == UNDEFINED:
            at = _behind_sequence(data, at, _behind_implicit, 0, visits)
        else:
            at += length
            if at > size:
                raise TooShortError(at + 4096)


def _behind_sequence(data: bytes, at: int, behind_one: Callable, depth: int, visits: Visits) -> int:
    """Return where a sequence of undefined length ends."""
    if depth > DEEPEST:
        raise NotPlainError
    while True:
        if at + 8 > len(data):
            raise TooShortError(at + 4096)
        group, element, length = _IMPLICIT(data, at)
        tag = group << 16 | element
        visits.append((at, at + 8))
        at += 8
        if tag == SEQUENCE_END:
            return at
        if tag != ITEM:
            raise NotPlainError
        if length == UNDEFINED:
            at = _behind_item(data, at, behind_one, depth, visits)
        else:
            at += length


def _behind_item(data: bytes, at: int, behind_one: Callable, depth: int, visits: Visits) -> int:
    while True:
        if at + 12 > len(data):
            raise TooShortError(at + 4096)
        group, element, _ = _IMPLICIT(data, at)
        visits.append((at, at + 8))
        if group << 16 | element == ITEM_END:
            return at + 8
        at = behind_one(data, at, depth + 1, visits)


def _behind_explicit(data: bytes, at: int, depth: int, visits: Visits) -> int:
    _, _, kind, length = _EXPLICIT(data, at)
    at += 8
    if kind in LONG:
        (length,) = _LENGTH(data, at)
        visits.append((at, at + 4))
        at += 4
    elif kind not in SHORT:
        raise NotPlainError
    if length != UNDEFINED:
        return at + length
    if kind != b"SQ":
        raise NotPlainError
    return _behind_sequence(data, at, _behind_explicit, depth, visits)


def _behind_implicit(data: bytes, at: int, depth: int, visits: Visits) -> int:
    _, _, length = _IMPLICIT(data, at)
    at += 8
    return (
        _behind_sequence(data, at, _behind_implicit, depth, visits)
        if length == UNDEFINED
        else at + length
    )
