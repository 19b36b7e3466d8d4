"""Headers that repeat an earlier one but for a slice's own: most slices of a series.

What a header has in common with others is compared at once, as bytes: where they lie at the same
places (`livermet.archive.elements.Layout`) and are the same, what is kept of it is the same too
(`livermet.archive.facts.Shared`), and only the slice's own values are read. Whatever differs, or
is written in an odd way, is left to the reading of the whole header.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from livermet.archive.elements import META_BEGIN, META_INSTANCE, Layout, NotPlainError
from livermet.archive.facts import (
    INSTANCE,
    LABEL,
    NOT_KEPT,
    NUMBER,
    OWN_TEXTS,
    PLACE,
    Shared,
    Whitelist,
    own_line,
)
from livermet.archive.header import Walked, plain_numbers, plain_text, tag_of, vr_of
from livermet.archive.packed import TAR_MAGIC, TAR_MAGIC_AT
from livermet.ingest.headers import NUMBERS

# Of a series several, since numbers and places of slices are texts of several lengths.
MOST = 32
# Where no header repeats the last ones, as many files are read before it is tried again.
REST = 64
_INSTANCE, *_LABELS = map(tag_of, OWN_TEXTS)
_PLACE, _NUMBER = tag_of(PLACE), tag_of(NUMBER)
# Read, so that one that is no number is noticed.
_READ_ONLY = tuple(map(tag_of, sorted(NOT_KEPT)))
_OWN = frozenset({META_INSTANCE, _INSTANCE, *_LABELS, _PLACE, _NUMBER, *_READ_ONLY})
_COUNT = {tag_of(name): count for name, count in NUMBERS.items()}
_VR = {META_INSTANCE: b"UI", **{tag: vr_of(tag) for tag in _OWN - {META_INSTANCE}}}
_TAR = slice(TAR_MAGIC_AT, TAR_MAGIC_AT + len(TAR_MAGIC))
_SERIES = tag_of("SeriesInstanceUID")


# Of which a walk ends with all: tag, VR and length.
LAST_BYTES = 8


@dataclass(frozen=True)
class _Repeated:
    """A header that was read: its bytes up to its end, of which those of a slice's own are 0.

    of, last: its SeriesInstanceUID and its last element, and where they lie, by which most others
        are known at once.
    own: where a slice's own fields lie.
    """

    mask: np.ndarray
    content: bytes
    of: tuple[slice, bytes]
    last: tuple[slice, bytes]
    own: dict[int, slice]
    least_size: int
    shared: Shared

    def repeats_in(self, data: bytes) -> bool:
        (place, series), (end, last) = self.of, self.last
        if data[end] != last or data[place] != series:
            return False
        begin = np.frombuffer(data, np.uint8, len(self.content))
        return (begin & self.mask).tobytes() == self.content


class Repeats:
    """Remembers the last headers that were read, of several series."""

    def __init__(self, whitelist: Whitelist) -> None:
        self._whitelist = whitelist
        self._known: deque[_Repeated] = deque(maxlen=MOST)
        self._in_vain = self._rest = 0

    def read(self, data: bytes, size: int) -> tuple[Shared, str] | None:
        """Return what is kept of a file of `size` bytes that begins with `data`, None if unsure."""
        if data[_TAR] == TAR_MAGIC:
            return None
        for number, one in enumerate(self._known):
            if one.repeats_in(data):
                self._in_vain = 0
                if number:
                    del self._known[number]
                    self._known.appendleft(one)
                if size < one.least_size:
                    return None
                try:
                    return one.shared, self._own(one, data)
                except NotPlainError:
                    return None
        return None

    def learn(self, data: bytes, walked: Walked, shared: Shared) -> None:
        """Remember a header of one slice that was walked through, and what others may share."""
        if self._rest:
            self._rest -= 1
            return
        if self._in_vain > MOST:
            self._known.clear()
            self._in_vain, self._rest = 0, REST
            return
        self._in_vain += 1
        layout = walked.layout
        places = {tag: slice(start, stop) for tag, start, stop in layout.values}
        if layout.end > len(data) or _SERIES not in places:
            return
        mask = _mask(layout)
        content = (np.frombuffer(data, np.uint8, layout.end) & mask).tobytes()
        of = places[_SERIES], data[places[_SERIES]]
        end = slice(layout.end - LAST_BYTES, layout.end)
        own = {tag: place for tag, place in places.items() if tag in _OWN}
        self._known.appendleft(
            _Repeated(mask, content, of, (end, data[end]), own, walked.least_size, shared)
        )

    def _own(self, one: _Repeated, data: bytes) -> str:
        values = {tag: data[place] for tag, place in one.own.items()}

        def text(tag: int) -> str:
            value = values.get(tag)
            return plain_text(value, _VR[tag]) if value else ""

        def numbers(tag: int) -> tuple[float, ...]:
            value = values.get(tag)
            return plain_numbers(value, _VR[tag], _COUNT[tag]) if value else ()

        for tag in _READ_ONLY:
            numbers(tag)
        instance = self._whitelist.digest(text(_INSTANCE) or text(META_INSTANCE), INSTANCE)
        label = self._whitelist.label
        labels = [label(text(tag), LABEL) if tag in values else "" for tag in _LABELS]
        line = own_line(None, numbers(_PLACE), numbers(_NUMBER), [instance, *labels])
        return f"{instance}\n{line}"


def _mask(layout: Layout) -> np.ndarray:
    """Mark the bytes that lead to a header's fact: all that is read of it but a slice's own."""
    mask = np.zeros(layout.end, np.uint8)
    mask[layout.places] = 0xFF
    for tag, start, stop in layout.values:
        if tag not in _OWN:
            mask[start:stop] = 0xFF
    # By which most packed files are known.
    mask[:META_BEGIN] = 0xFF
    return mask
