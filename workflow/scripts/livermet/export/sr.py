"""DICOM SR by TID 1500: what is measured of each lesion, their number, and the burden.

Each lesion refers to its segment of the SEG. Comprehensive 3D SR would hold coordinates, of which
there are none here: Enhanced SR would do, and Comprehensive SR is what viewers read.
"""

from collections.abc import Iterable

import highdicom as hd
from highdicom import sr
from pydicom.sr.codedict import codes

from livermet.detection.obliquity import plane_told
from livermet.export import coding
from livermet.export.algorithm import MAKER, Algorithm
from livermet.export.lesions import Findings, Lesion
from livermet.export.seg import dates
from livermet.export.source import Source
from livermet.export.tracking import Tracking
from livermet.export.uids import name_by_content, uid

SERIES_NUMBER = 9002
IN_PLANE = "longest diameter on any {plane}, and the longest across it on that slice"
# What a decimal string of DICOM holds without rounding it to fewer figures than anyone reads.
DECIMALS = 4


def report(
    source: Source,
    findings: Findings,
    algorithm: Algorithm,
    tracked: Tracking,
    segmentation: hd.seg.Segmentation,
) -> sr.ComprehensiveSR:
    """Make the report of a scan's SEG; equal content has equal UIDs."""
    series = source.images[0].SeriesInstanceUID
    axes = IN_PLANE.format(plane=plane_told(findings.tilt_degrees))
    content = sr.MeasurementReport(
        observation_context=_observed_by(algorithm),
        procedure_reported=coding.CT,
        imaging_measurements=[
            _scan(findings, algorithm, tracked),
            _liver(findings, algorithm, tracked),
            *(
                _lesion(lesion, axes, series, algorithm, tracked, segmentation)
                for lesion in findings.lesions
            ),
        ],
        title=coding.TITLE,
    )
    made = sr.ComprehensiveSR(
        evidence=[*source.images, segmentation],
        content=content,
        series_instance_uid=uid("placeholder"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uid("placeholder"),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=algorithm.name,
        software_versions=algorithm.version,
        device_serial_number=algorithm.trained,
        is_complete=True,
        series_description=algorithm.described("measurements"),
        **dates(source),
    )
    name_by_content(made)
    return made


def _observed_by(algorithm: Algorithm) -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid("device", algorithm.name, algorithm.trained),
        name=algorithm.name,
        manufacturer_name=MAKER,
        model_name=algorithm.name,
        serial_number=algorithm.trained,
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _scan(
    findings: Findings, algorithm: Algorithm, tracked: Tracking
) -> sr.MeasurementsAndQualitativeEvaluations:
    """Tell the number of all lesions, and their volume together."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(tracked.uid("lesions"), "All lesions"),
        finding_category=coding.ABNORMALITY,
        finding_type=coding.LESION,
        finding_sites=[sr.FindingSite(coding.LIVER)],
        algorithm_id=algorithm.of_measurements(),
        measurements=[
            _measured(coding.NUMBER_OF_LESIONS, len(findings.lesions), coding.COUNT),
            _measured(
                coding.VOLUME, findings.burden_ml, coding.MILLILITRE, derivation=coding.TOTAL
            ),
        ],
    )


def _liver(
    findings: Findings, algorithm: Algorithm, tracked: Tracking
) -> sr.MeasurementsAndQualitativeEvaluations:
    """Tell the volume of the liver with its lesions, which no segment is."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(tracked.uid("liver"), "Liver with its lesions"),
        finding_category=coding.ORGAN,
        finding_type=coding.LIVER,
        algorithm_id=algorithm.of_measurements(),
        measurements=[_measured(coding.VOLUME, findings.liver_ml, coding.MILLILITRE)],
    )


def _lesion(
    lesion: Lesion,
    axes: str,
    series: str,
    algorithm: Algorithm,
    tracked: Tracking,
    segmentation: hd.seg.Segmentation,
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            tracked.uid(lesion.number), tracked.name(lesion.number)
        ),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=lesion.segment,
            source_series=sr.SourceSeriesForSegmentation(series),
        ),
        finding_category=coding.ABNORMALITY,
        finding_type=coding.LESION,
        finding_sites=[sr.FindingSite(coding.LIVER)],
        algorithm_id=algorithm.of_measurements(f"axes={axes}"),
        measurements=list(_measurements(lesion)),
    )


def _measurements(lesion: Lesion) -> Iterable[sr.Measurement]:
    yield _measured(coding.VOLUME, lesion.volume_ml, coding.MILLILITRE)
    yield _measured(coding.LONG_AXIS, lesion.axes.long_mm, coding.MILLIMETRE)
    yield _measured(coding.SHORT_AXIS, lesion.axes.short_mm, coding.MILLIMETRE)
    yield _measured(coding.ATTENUATION, lesion.mean_hu, coding.HOUNSFIELD, derivation=coding.MEAN)


def _measured(name, value: float, unit, derivation=None) -> sr.Measurement:
    number = value if isinstance(value, int) else round(value, DECIMALS)
    return sr.Measurement(name=name, value=number, unit=unit, derivation=derivation)
