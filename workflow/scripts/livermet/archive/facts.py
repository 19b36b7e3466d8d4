"""What is kept of a header: a whitelist, with digests in place of all that could tell a patient.

A worker makes a `Fact` of a header and forgets the header. Facts are what the index file holds and
what a sheet is made of; ingestion's own judgement of a series takes the slices of facts, since it
compares identities, acquisitions and times and never asks what they are.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from livermet.archive.header import Header
from livermet.archive.pseudonyms import Pseudonyms, plain
from livermet.archive.words import kernel_of, phase_of
from livermet.ingest.headers import LOSSY_METHODS, NUMBERS, Slice
from livermet.ingest.stack import ACQUISITIONS, COLOURS, LOCALIZERS, MODALITIES, PROJECTION, SCREENS
from livermet.sheets import YEARS_IN, without_zeros

# Of these texts a digest is kept, which tells two apart; a short one where few are compared.
INSTANCE, LABEL = 12, 6
IDENTITIES = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "PatientName",
)
LABELS = tuple(tag for tag in ACQUISITIONS if tag not in (*IDENTITIES, *NUMBERS))
# Of these texts the words that are listed are kept; any other becomes 'other'.
WORDS = {
    "RescaleType": frozenset({"HU", "US", "HU_MOD", "ED", "EDW", "HAF", "Z_EFF", "OD", "MGML"}),
    "PhotometricInterpretation": frozenset({"MONOCHROME1", "MONOCHROME2", *COLOURS}),
    "LossyImageCompression": frozenset({"00", "01"}),
    "LossyImageCompressionMethod": LOSSY_METHODS,
}
OTHER = "other"
KINDS = (
    LOCALIZERS
    | SCREENS
    | frozenset(
        "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL VOLUME REFORMATTED MPR MPR_THICK AVERAGE "  # noqa: SIM905
        "CORONAL SAGITTAL OBLIQUE".split()
    )
)
# Standard classes and encodings tell no patient; a private one could hold anything.
STANDARD_UID = re.compile(r"1\.2\.840\.10008\.[0-9.]{1,60}")
# Dose modulation and the like: of no use to a sheet.
NOT_KEPT = frozenset({"XRayTubeCurrent", "Exposure"})
KEPT_NUMBERS = tuple(name for name in NUMBERS if name not in NOT_KEPT)
SEXES = frozenset({"M", "F", "O"})
# As HIPAA's Safe Harbor has it (45 CFR 164.514(b)(2)(i)(C)): ages of 90 and more are one.
OLDEST = 90
_NO_PATH = Path()
_encoded = json.JSONEncoder(separators=(",", ":")).encode
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")


@dataclass(frozen=True)
class Fact:
    """What is kept of a DICOM object beside its identity and its slices.

    series, study, patient: digests. named: whether a PatientID tells the patient; without one each
        study is taken for a patient. near: a digest of the PatientID without zeros in front and
        punctuation. name, person: of the name, and of name and date of birth; '' where one is not
        there.
    day: the study's date, moved back, as YYYY-MM-DD, or ''.
    refers_to: digests of the series, and refers_to_images of the images, that it refers to.
    """

    series: str
    study: str
    patient: str
    named: bool
    near: str
    name: str
    person: str
    modality: str
    sop_class: str
    day: str = ""
    sex: str = ""
    age: float | None = None
    phase: str = ""
    kernel: str = ""
    refers_to: tuple[str, ...] = ()
    refers_to_images: tuple[str, ...] = ()


class Kept(NamedTuple):
    """A DICOM object of the archive, as far as it is kept.

    Objects of a series most often share their fact. instance: the digest of its SOPInstanceUID.
    slices: texts are digests or listed words; the path is empty.
    """

    fact: Fact
    instance: str
    slices: tuple[Slice, ...]


class Shared(NamedTuple):
    """What objects share, as the index has it: a line of JSON; and their series, a digest."""

    series: str
    content: str


class Whitelist:
    """Makes facts of headers, with the keys of a study's secret."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._key = pseudonyms.key("labels")
        self.label = lru_cache(maxsize=2**14)(self.digest)

    def kept_of(self, header: Header) -> Kept:
        """Return what is kept of a header."""
        about, texts = header.about, header.texts
        series = self.label(about.get("SeriesInstanceUID", ""), 12)
        study = self.label(texts.get("StudyInstanceUID", ""), 12)
        named = bool(plain(about.get("PatientID", "")))
        patient = self._pseudonyms.digest(
            about["PatientID"] if named else f"study {study or series}"
        )
        identity, name = plain(about.get("PatientID", "")), about.get("PatientName", "")
        birth = texts.get("PatientBirthDate", "")
        contrast = about.get("ContrastBolusAgent", "")
        fact = Fact(
            series=series,
            study=study,
            patient=patient,
            named=named,
            near=self.label(" ".join(without_zeros(identity)), 12),
            name=self.label(name, 12),
            person=self.label(f"{name} {birth}", 12) if name and date_of(birth) else "",
            modality=_modality(about.get("Modality", "")),
            sop_class=_standard(about.get("SOPClassUID", "")),
            day=self._day({**about, **texts}, patient),
            sex=texts["PatientSex"] if texts.get("PatientSex") in SEXES else "",
            age=_age(texts),
            phase=phase_of(
                texts.get("SeriesDescription", ""), texts.get("ProtocolName", ""), contrast
            ),
            kernel=kernel_of(about.get("ConvolutionKernel", "")),
            refers_to=tuple(self.label(uid, 12) for uid in header.series),
            refers_to_images=tuple(self.label(uid, 12) for uid in header.instances),
        )
        instance = self.digest(about.get("SOPInstanceUID", ""), INSTANCE)
        return Kept(fact, instance, tuple(self._kept(one) for one in header.slices))

    def _day(self, texts: dict[str, str], patient: str) -> str:
        for tag in DATES:
            if day := date_of(texts.get(tag, "")):
                try:
                    moved = day - timedelta(days=self._pseudonyms.days(patient))
                except OverflowError:
                    continue
                return moved.isoformat()
        return ""

    def _kept(self, one: Slice) -> Slice:
        texts = {}
        for tag, text in one.texts.items():
            if tag in IDENTITIES:
                # An identity that is not there is none, and no digest.
                texts[tag] = self.label(text, INSTANCE) if text else ""
            elif tag in LABELS:
                texts[tag] = self.label(text, LABEL)
            elif tag in WORDS:
                texts[tag] = text if text in WORDS[tag] else OTHER
        texts["Modality"] = _modality(one.text("Modality"))
        texts["SOPClassUID"] = _standard(one.text("SOPClassUID"))
        return Slice(
            _NO_PATH,
            0,
            one.frame,
            {tag: held for tag, held in one.numbers.items() if tag not in NOT_KEPT},
            texts,
            _kinds(one.kinds),
            _standard(one.syntax),
            one.malformed,
            one.has_table,
        )

    def digest(self, text: str, size: int) -> str:
        """Return a text's keyed digest of `size` bytes, '' for none."""
        if not text:
            return ""
        content = text.encode("utf-8", "surrogatepass")
        return blake2b(content, key=self._key, digest_size=size).hexdigest()


def _modality(text: str) -> str:
    return text if not text or MODALITIES.fullmatch(text) else OTHER


@lru_cache(maxsize=1024)
def _standard(uid: str) -> str:
    return uid if STANDARD_UID.fullmatch(uid) else OTHER if uid else ""


@lru_cache(maxsize=1024)
def _kinds(kinds: frozenset[str]) -> frozenset[str]:
    kept = kinds & KINDS
    if any(PROJECTION.search(kind) for kind in kinds):
        kept |= {"MIP"}
    if any("DOSE" in kind or kind.endswith(" PROT") for kind in kinds):
        kept |= {"DOSE"}
    return kept


@lru_cache(maxsize=1024)
def date_of(text: str) -> date | None:
    """Return a date as DICOM writes it (YYYYMMDD, once YYYY.MM.DD); None for any other text."""
    digits = text.strip().replace(".", "")
    if len(digits) != 8 or not digits.isdecimal():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _age(texts: dict[str, str]) -> float | None:
    """Return the age in years from PatientAge, or from birth to study; 90 for all above 89."""
    days = tuple(texts.get(tag, "") for tag in DATES)
    return _years(texts.get("PatientAge", ""), texts.get("PatientBirthDate", ""), days)


@lru_cache(maxsize=1024)
def _years(age: str, birth: str, days: tuple[str, ...]) -> float | None:
    told = re.fullmatch(r"(\d{3})([DWMY])", age)
    if told:
        years = int(told[1]) * YEARS_IN[told[2]]
    else:
        born = date_of(birth)
        day = next((d for text in days if (d := date_of(text))), None)
        if born is None or day is None or not born <= day:
            return None
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return float(min(OLDEST, math.floor(years) if years >= 1 else round(years, 1)))


# As the index has them: what slices of a series share, and what each has of its own. The first is
# the same for hundreds of slices, so that it is kept and read once.

OWN_TEXTS = (
    "SOPInstanceUID",
    "AcquisitionNumber",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentTime",
    "TriggerTime",
    "FrameReferenceDateTime",
    "IrradiationEventUID",
)
PLACE, NUMBER = OWN_NUMBERS = ("ImagePositionPatient", "InstanceNumber")
_SHARED_NUMBERS = tuple(tag for tag in KEPT_NUMBERS if tag not in OWN_NUMBERS)
_FIELDS = tuple(Fact.__dataclass_fields__)
# Of a slice, behind what objects share.
_COMMON = 6


def written(kept: Kept) -> tuple[Shared, str]:
    """Write what is kept of an object: what it shares with others, and its own."""
    shared: list = [getattr(kept.fact, name) for name in _FIELDS]
    lines = [kept.instance]
    for one in kept.slices:
        texts = dict(one.texts)
        own = [texts.pop(tag, "") for tag in OWN_TEXTS]
        place, number = (one.numbers.get(tag, ()) for tag in OWN_NUMBERS)
        lines.append(own_line(one.frame, place, number, own))
        shared += [
            [one.numbers.get(tag) for tag in _SHARED_NUMBERS],
            texts,
            sorted(one.kinds),
            one.syntax,
            sorted(one.malformed),
            one.has_table,
        ]
    return Shared(kept.fact.series, _encoded(shared)), "\n".join(lines)


def own_line(
    frame: int | None, place: Sequence[float], number: Sequence[float], texts: Sequence[str]
) -> str:
    """Write what a slice has of its own; numbers that are not known are empty.

    `place` and `number` are the fields of `OWN_NUMBERS`, `texts` digests of `OWN_TEXTS`.
    """
    parts = [
        "" if frame is None else str(frame),
        " ".join(map(repr, place)),
        repr(number[0]) if number else "",
        *texts,
    ]
    return "\t".join(parts)


def from_written(shared: str, own: str, number: int = 0) -> Kept:
    """Read what is kept of an object; `number` becomes that of its slices' file."""
    fact, common = _shared(shared)
    instance, *lines = own.split("\n")
    slices = tuple(_slice(line, number, *parts) for line, parts in zip(lines, common, strict=True))
    return Kept(fact, instance, slices)


def _slice(line: str, number: int, numbers: dict, texts: dict, *rest) -> Slice:
    frame, place, own_number, *labels = line.split("\t")
    numbers, texts = dict(numbers), dict(texts)
    if place:
        numbers[PLACE] = tuple(map(float, place.split(" ")))
    if own_number:
        numbers[NUMBER] = (float(own_number),)
    for tag, label in zip(OWN_TEXTS, labels, strict=True):
        if label:
            texts[tag] = label
    return Slice(_NO_PATH, number, int(frame) if frame else None, numbers, texts, *rest)


@lru_cache(maxsize=1024)
def _shared(content: str) -> tuple[Fact, list[tuple]]:
    """Read what objects share: their fact, and of each slice all but its own."""
    values = json.loads(content)
    told = dict(zip(_FIELDS, values, strict=False))
    for name in ("refers_to", "refers_to_images"):
        told[name] = tuple(told[name])
    each = values[len(_FIELDS) :]
    slices = [
        (
            {
                tag: tuple(value)
                for tag, value in zip(_SHARED_NUMBERS, numbers, strict=True)
                if value is not None
            },
            texts,
            frozenset(kinds),
            syntax,
            frozenset(malformed),
            table,
        )
        for numbers, texts, kinds, syntax, malformed, table in zip(
            *(each[place::_COMMON] for place in range(_COMMON)), strict=True
        )
    ]
    return Fact(**told), slices
