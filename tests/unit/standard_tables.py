"""DICOM's tables of IODs for dicom-validator, from those that highdicom ships.

dicom-validator downloads the standard when it is called, and tests fetch nothing. highdicom has
tables that were made from it: of each IOD its modules and their usage, of each module its
attributes, their place and type; pydicom has the dictionary of attributes. What they lack, nobody
checks here:

- conditions (types 1C and 2C, modules of usage C): such an attribute may be there, and its content
  is checked. Those of SR's content items stand below (PS3.3, C.17.3), by their value type;
- lists of enumerated values;
- which functional group a macro has to stand in: each may be in the shared ones, in those of the
  frames, or in neither, and its content is checked.
"""

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from dicom_validator.validator.dicom_info import DicomInfo
from dicom_validator.validator.error_handler import NullValidationResultHandler
from dicom_validator.validator.iod_validator import IODValidator
from pydicom import Dataset, dcmread
from pydicom.datadict import DicomDictionary, keyword_for_tag, tag_for_keyword

FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
CONTENT = "ContentSequence"
# The value types of a content item that has an attribute, of those that highdicom has as required.
OF_VALUE_TYPES = {
    "ConceptCodeSequence": ["CODE"],
    "ContinuityOfContent": ["CONTAINER"],
    "GraphicData": ["SCOORD", "SCOORD3D"],
    "GraphicType": ["SCOORD", "SCOORD3D"],
    "MeasuredValueSequence": ["NUM"],
    "ReferencedFrameOfReferenceUID": ["SCOORD3D"],
    "ReferencedSOPSequence": ["COMPOSITE", "IMAGE", "WAVEFORM"],
    "TabulatedValuesSequence": ["TABLE"],
    "TemporalRangeType": ["TCOORD"],
}


def dicom_info(sop_classes: Iterable[str]) -> DicomInfo:
    """Return the tables of some SOP classes in dicom-validator's own form."""
    iod_of = _table("sop_class_iod_map")
    modules_of, attributes_of = _table("iod_module_map"), _table("module_attribute_map")
    iods = {
        sop_class: {
            "title": iod_of[sop_class],
            "group_macros": {},
            "modules": {
                module["key"]: {
                    "ref": module["key"],
                    "use": "M" if module["usage"] == "M" else "U",
                }
                for module in modules_of[iod_of[sop_class]]
            },
        }
        for sop_class in sop_classes
    }
    named = {name for iod in iods.values() for name in iod["modules"]}
    dictionary = {
        _tag(tag): {"vr": vr, "vm": vm, "name": name, "prop": retired}
        for tag, (vr, vm, name, retired, _) in DicomDictionary.items()
    }
    return DicomInfo(dictionary, iods, {name: _attributes(attributes_of[name]) for name in named})


def errors_of(file: Path | Dataset, info: DicomInfo) -> list[str]:
    """List what dicom-validator finds: keywords down to the attribute, and the kind of error."""
    dataset = file if isinstance(file, Dataset) else dcmread(file)
    handler = NullValidationResultHandler()
    result = IODValidator(dataset, info, error_handler=handler).validate()
    found = [
        " ".join(map(keyword_for_tag, [*(tag.parents or []), tag.tag])) + f": {error.code.name}"
        for errors in result.module_errors.values()
        for tag, error in errors.items()
    ]
    # The same by its own count and status, also where it knows no such SOP class.
    assert len(found) == result.errors
    assert result.status.name == ("Failed" if found else "Passed")
    return found


def _table(name: str) -> dict:
    folder = resources.files("highdicom") / "_standard"
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _attributes(rows: Iterable[Mapping]) -> dict:
    """Lay out a module's attributes, each with those of its sequence's items."""
    items: dict[tuple[str, ...], dict] = {(): {}}
    for row in rows:
        keyword, path = row["keyword"], tuple(row["path"])
        one = {"name": keyword, "type": row["type"]}
        if path in [(name,) for name in FUNCTIONAL_GROUPS]:
            one["type"] = "3"
        if types := OF_VALUE_TYPES.get(keyword if set(path) <= {CONTENT} else ""):
            values = {"tag": _tag(tag_for_keyword("ValueType")), "op": "=", "values": types}
            one |= {"type": "1C", "cond": {"type": "MN", "index": 0, **values}}
        place = items[path]
        place[_tag(tag_for_keyword(keyword))] = one
        if path:
            items[path[:-1]][_tag(tag_for_keyword(path[-1]))]["items"] = place
        items[(*path, keyword)] = {}
    if held := items.get((CONTENT,)):
        # Content items hold content items, to any depth.
        held[_tag(tag_for_keyword(CONTENT))] = {"name": CONTENT, "type": "3", "items": held}
    return items[()]
