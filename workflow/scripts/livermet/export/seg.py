"""DICOM SEG: the liver and each lesion as segments of their own, on the source's own slices.

BINARY, which viewers read most widely, without frames that hold nothing. Segments do not overlap,
since some viewers refuse such; the liver is therefore the liver without its lesions.
"""

from typing import Any

import highdicom as hd
from highdicom.color import CIELabColor
from pydicom.uid import ExplicitVRLittleEndian

from livermet.export import coding
from livermet.export.algorithm import MAKER, Algorithm
from livermet.export.lesions import LIVER_SEGMENT, Findings
from livermet.export.source import Source
from livermet.export.tracking import Tracking
from livermet.export.uids import name_by_content, uid

SERIES_NUMBER = 9001
# Viewers that follow it show these colours (RGB).
LIVER_COLOUR, LESION_COLOUR = (221, 130, 101), (0, 114, 178)


def segmentation(
    source: Source, findings: Findings, algorithm: Algorithm, tracked: Tracking
) -> hd.seg.Segmentation:
    """Make the SEG of a scan; equal content has equal UIDs."""
    made = hd.seg.Segmentation(
        source_images=source.images,
        pixel_array=source.planes.of(findings.segments),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _liver(algorithm),
            *(_lesion(one.segment, one.number, algorithm, tracked) for one in findings.lesions),
        ],
        series_instance_uid=uid("placeholder"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uid("placeholder"),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=algorithm.name,
        software_versions=algorithm.version,
        device_serial_number=algorithm.trained,
        content_label="LIVER_LESIONS",
        content_description="Predicted; research software, no medical device",
        series_description=algorithm.described("liver and lesions"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        omit_empty_frames=True,
        **dates(source),
    )
    name_by_content(made)
    return made


def dates(source: Source) -> dict[str, Any]:
    """Date an instance as its study: an instance that is made again is to be the same."""
    day, time = str(source.images[0].StudyDate), str(source.images[0].StudyTime) or "000000"
    return {
        "content_date": day,
        "content_time": time,
        "series_date": day,
        "series_time": time,
    }


def _liver(algorithm: Algorithm) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=LIVER_SEGMENT,
        segment_label="Liver without lesions",
        segmented_property_category=coding.ORGAN,
        segmented_property_type=coding.LIVER,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm.of_segments(),
        display_color=CIELabColor.from_rgb(*LIVER_COLOUR),
    )


def _lesion(
    segment: int, number: int, algorithm: Algorithm, tracked: Tracking
) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=segment,
        segment_label=tracked.name(number),
        segmented_property_category=coding.ABNORMALITY,
        segmented_property_type=coding.LESION,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm.of_segments(),
        tracking_uid=tracked.uid(number),
        tracking_id=tracked.name(number),
        anatomic_regions=[coding.LIVER],
        display_color=CIELabColor.from_rgb(*LESION_COLOUR),
    )
