"""The first elements of a DICOM file as bytes, by a walk of its own: pydicom's, where it is plain.

What is not plain (another byte order, no preamble, a VR that is not the element's own, elements out
of order, a length that leads out of the file) is not read here: `NotPlainError` sends it to
pydicom. Encodings are those of DICOM PS3.5, chapter 7; the file's beginning is that of PS3.10,
chapter 7.
"""

import struct
from collections.abc import Callable, Mapping

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


def walk(data: bytes, wanted: Mapping[int, bytes]) -> tuple[str, dict[int, bytes]]:
    """Return the transfer syntax of a file, and the values of its wanted elements up to `LAST`.

    `data` is the file's beginning. `wanted` has each tag's VR; group 2's class and instance are
    among the values always. A sequence that is wanted has its tag with no bytes. Raises
    NotPlainError and TooShortError.
    """
    if data[128:META_BEGIN] != MAGIC:
        raise NotPlainError
    found: dict[int, bytes] = {}
    begin = _meta(data, found)
    syntax = _uid(found.pop(SYNTAX, b""))
    if syntax in NOT_WALKED:
        raise NotPlainError
    explicit = data[begin + 4 : begin + 6].isalpha() and data[begin + 4 : begin + 6].isupper()
    # A file that says one and does the other.
    if explicit == (syntax == IMPLICIT):
        raise NotPlainError
    if explicit:
        _explicit(data, begin, wanted, found)
    else:
        _implicit(data, begin, wanted, found)
    return syntax, found


def _uid(value: bytes) -> str:
    try:
        return value.rstrip(b"\0 ").decode("ascii")
    except UnicodeDecodeError:
        raise NotPlainError from None


def _meta(data: bytes, found: dict[int, bytes]) -> int:
    """Read group 2, which is always explicit and little endian; return where it ends."""
    at = META_BEGIN
    while True:
        if at + 12 > len(data):
            raise TooShortError(at + 4096)
        group, element, kind, length = _EXPLICIT(data, at)
        if group != 2:
            return at
        at += 8
        if kind in LONG:
            (length,) = _LENGTH(data, at)
            at += 4
        elif kind not in SHORT:
            raise NotPlainError
        if at + length > len(data):
            raise TooShortError(at + length + 4096)
        if element in (0x0002, 0x0003, 0x0010):
            found[0x00020000 | element] = data[at : at + length]
        at += length


def _explicit(data: bytes, at: int, wanted: Mapping[int, bytes], found: dict[int, bytes]) -> None:
    size, before = len(data), 0
    while True:
        if at + 12 > size:
            raise TooShortError(at + 4096)
        group, element, kind, length = _EXPLICIT(data, at)
        tag = group << 16 | element
        if tag > LAST:
            return
        if tag <= before:
            raise NotPlainError
        before = tag
        at += 8
        if kind in LONG:
            (length,) = _LENGTH(data, at)
            at += 4
        elif kind not in SHORT:
            raise NotPlainError
        if tag in wanted:
            if kind != wanted[tag]:
                raise NotPlainError
            found[tag] = b"" if kind == b"SQ" else data[at : at + length]
            if tag == LAST:
                return
        if length == UNDEFINED:
            if kind != b"SQ":
                raise NotPlainError
            at = _behind_sequence(data, at, _behind_explicit, 0)
        else:
            at += length
            if at > size:
                raise TooShortError(at + 4096)


def _implicit(data: bytes, at: int, wanted: Mapping[int, bytes], found: dict[int, bytes]) -> None:
    size, before = len(data), 0
    while True:
        if at + 8 > size:
            raise TooShortError(at + 4096)
        group, element, length = _IMPLICIT(data, at)
        tag = group << 16 | element
        if tag > LAST:
            return
        if tag <= before:
            raise NotPlainError
        before = tag
        at += 8
        if tag in wanted:
            found[tag] = b"" if wanted[tag] == b"SQ" else data[at : at + length]
            if tag == LAST:
                return
        if length == UNDEFINED:
            at = _behind_sequence(data, at, _behind_implicit, 0)
        else:
            at += length
            if at > size:
                raise TooShortError(at + 4096)


def _behind_sequence(data: bytes, at: int, behind_one: Callable, depth: int) -> int:
    """Return where a sequence of undefined length ends."""
    if depth > DEEPEST:
        raise NotPlainError
    while True:
        if at + 8 > len(data):
            raise TooShortError(at + 4096)
        group, element, length = _IMPLICIT(data, at)
        tag = group << 16 | element
        at += 8
        if tag == SEQUENCE_END:
            return at
        if tag != ITEM:
            raise NotPlainError
        at = _behind_item(data, at, behind_one, depth) if length == UNDEFINED else at + length


def _behind_item(data: bytes, at: int, behind_one: Callable, depth: int) -> int:
    while True:
        if at + 12 > len(data):
            raise TooShortError(at + 4096)
        group, element, _ = _IMPLICIT(data, at)
        if group << 16 | element == ITEM_END:
            return at + 8
        at = behind_one(data, at, depth + 1)


def _behind_explicit(data: bytes, at: int, depth: int) -> int:
    _, _, kind, length = _EXPLICIT(data, at)
    at += 8
    if kind in LONG:
        (length,) = _LENGTH(data, at)
        at += 4
    elif kind not in SHORT:
        raise NotPlainError
    if length != UNDEFINED:
        return at + length
    if kind != b"SQ":
        raise NotPlainError
    return _behind_sequence(data, at, _behind_explicit, depth)


def _behind_implicit(data: bytes, at: int, depth: int) -> int:
    _, _, length = _IMPLICIT(data, at)
    at += 8
    return (
        _behind_sequence(data, at, _behind_implicit, depth) if length == UNDEFINED else at + length
    )
