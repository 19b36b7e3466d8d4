"""Phantoms of DICOM files in which every text names a person who is not there."""

from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

# What no output may hold: a name, an identity, dates, in the forms that they take.
SURNAME, GIVEN, IDENTITY = "Quetzalcoatl", "Xiomara", "MRN4711831"
BORN, SCANNED = "19371123", "20190817"
MARKS = (
    *("quetzalcoatl", "xiomara", "4711831", BORN, "1937-11-23", SCANNED, "2019-08-17"),
    # As a UID holds an identity.
    "3141592653",
)
NAME = f"{SURNAME}^{GIVEN}"
UID_ROOT = "1.2.826.0.1.3680043.8.498.3141592653"
LONGEST = {"AE": 16, "CS": 16, "SH": 16, "AS": 4, "LO": 64, "PN": 64}
TEXTS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
# What the phantom needs to be a CT slice at all.
NEEDED = {
    *("Modality", "ImageType", "PhotometricInterpretation", "RescaleType", "SOPClassUID"),
    *("SpecificCharacterSet", "LossyImageCompression", "PatientPosition"),
}


def text_of(kind: str) -> str:
    """Return the name as a value of a VR, no longer than it may be."""
    text = NAME if kind == "PN" else f"{SURNAME} {GIVEN} {IDENTITY}"
    return text[: LONGEST.get(kind, 200)].strip()


def plant(dataset: Dataset) -> Dataset:
    """Give every text, date and UID of the dictionary, below group 5000, the person's own values.

    Private elements, a sequence and a private sequence hold them too.
    """
    for number, (kind, _, _, retired, keyword) in DicomDictionary.items():
        group = number >> 16
        if not keyword or retired or keyword in NEEDED or not 0x0008 <= group < 0x5000:
            continue
        if kind in TEXTS:
            dataset.add_new(Tag(number), kind, text_of(kind))
        elif kind == "DA":
            dataset.add_new(Tag(number), "DA", BORN if "Birth" in keyword else SCANNED)
        elif kind == "DT":
            dataset.add_new(Tag(number), "DT", f"{SCANNED}101500")
    dataset.PatientName, dataset.PatientID = NAME, IDENTITY
    dataset.PatientBirthDate, dataset.StudyDate = BORN, SCANNED
    dataset.PatientSex, dataset.PatientAge = "F", "081Y"
    for n, name in enumerate(("StudyInstanceUID", "FrameOfReferenceUID", "SeriesInstanceUID"), 1):
        setattr(dataset, name, f"{UID_ROOT}.{n}")
    dataset.RequestAttributesSequence = Sequence([_item()])
    for group in (0x0009, 0x0011, 0x0019, 0x0021, 0x0029, 0x0051):
        block = dataset.private_block(group, f"{SURNAME} {group}", create=True)
        for n, kind in enumerate(("LO", "PN", "SH", "ST", "LT", "UT"), 1):
            block.add_new(n, kind, text_of(kind))
        block.add_new(0x10, "SQ", Sequence([_item()]))
        block.add_new(0x11, "UN", f"{NAME} {IDENTITY}".encode())
    return dataset


def _item() -> Dataset:
    item = Dataset()
    item.PatientID, item.RequestedProcedureDescription = IDENTITY, f"{SURNAME} {IDENTITY}"
    return item


def names_of_needed() -> list[str]:
    """List the fields that `plant` leaves, of which a file can do without one at a time."""
    return sorted(NEEDED - {"SOPClassUID", "SpecificCharacterSet", "PatientPosition"})


def found_in(content: bytes) -> list[str]:
    """List the marks that bytes hold, in any case and in UTF-16 too."""
    folded = content.lower()
    return [mark for mark in MARKS if mark.encode() in folded or mark.encode("utf-16-le") in folded]
