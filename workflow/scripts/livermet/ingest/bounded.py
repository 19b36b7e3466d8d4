"""Files of volumes, read piece by piece: what a header or a packed file claims takes no memory.

A few MB of gzip may hold any number of zeros, and a header may tell of any number of voxels. No
more is held than a CT can have, and packed data are read to their end, where their checksum is.
"""

import gzip
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from livermet.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
PIECE = 2**20
# 2,048 slices of 1,024 x 1,024.
MOST_VOXELS = 2**31
# Of zeros behind the values, which some programs leave.
LONGEST_REST = 2**26


def refuse_too_many(shape: Sequence[int], what: str) -> None:
    """Refuse a header that tells of more voxels than any CT has."""
    if math.prod(max(0, int(n)) for n in shape) > MOST_VOXELS:
        raise InputError(
            f"{what} tells by its header of {' x '.join(str(int(n)) for n in shape)} voxels, more "
            "than any CT has; the header is damaged, or the file is no CT: export it again."
        )


def plain(stream: BinaryIO) -> Iterator[bytes]:
    """Give what a file holds from where it is read, in pieces."""
    while piece := stream.read(PIECE):
        yield piece


def gunzipped(stream: BinaryIO) -> Iterator[bytes]:
    """Give what a file packed by gzip holds; OSError or EOFError where its checksum is wrong."""
    with gzip.GzipFile(fileobj=stream) as packed:
        yield from plain(packed)  # type: ignore[arg-type]


def pieces_of(stream: BinaryIO) -> Iterator[bytes]:
    """Give a file's content, packed by gzip or not."""
    begin = stream.read(len(GZIP_MAGIC))
    stream.seek(0)
    return gunzipped(stream) if begin == GZIP_MAGIC else plain(stream)


def inflated(stream: BinaryIO) -> Iterator[bytes]:
    """Give what a file packed by zlib or gzip holds; EOFError where it ends before its checksum."""
    engine = zlib.decompressobj(47)
    while not engine.eof:
        packed = engine.unconsumed_tail or stream.read(PIECE)
        piece = engine.decompress(packed, PIECE)
        if not packed and not piece:
            raise EOFError
        yield piece


def first_of(pieces: Iterable[bytes], length: int) -> tuple[bytes, bool]:
    """Return the first `length` bytes, and whether anything but a few zeros follows them.

    The rest is read, so that a checksum is compared, and not held.
    """
    held, rest = bytearray(), 0
    for piece in pieces:
        kept = piece[: max(0, length - len(held))]
        held += kept
        rest += len(piece) - len(kept)
        if rest > LONGEST_REST or piece[len(kept) :].strip(b"\0"):
            return bytes(held), True
    return bytes(held), False


def count_of(pieces: Iterable[bytes], length: int) -> tuple[int, bool]:
    """Count bytes up to `length`, and tell whether anything but a few zeros follows them."""
    count = 0
    for piece in pieces:
        beyond = piece[max(0, length - count) :]
        count += len(piece)
        if count > length + LONGEST_REST or beyond.strip(b"\0"):
            return length, True
    return min(count, length), False
