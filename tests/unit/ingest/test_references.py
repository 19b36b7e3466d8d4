"""References in every format, on phantoms of two boxes whose voxels are counted by hand."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from unit.mask_phantoms import (
    AFFINE,
    NAME,
    SLICES,
    boxes,
    ct_image,
    expected,
    mask_slices,
    ring,
    rings,
    rtstruct,
    seen,
    seg,
    seg_frames,
)

from livermet.config.keys import ReferenceLabels
from livermet.errors import InputError
from livermet.ingest.masks import Planes, carried, planes_of
from livermet.ingest.plausibility import doubts, refuse_implausible
from livermet.ingest.reference import canonical_reference
from livermet.ingest.volume import Volume, image_of, read_volume

NAMES = {"liver": ["liver"], "lesion": ["lesion", "tumour*", "livertumor*"], "other": None}
LIVER, LESION = 8 * 16 * 13, 3 * 4 * 4


def made(path, labels=NAMES, mask=None, ct=None, source=None):
    """Read a reference from a path, and a liver mask, on the phantom's CT."""
    return canonical_reference(
        "a1",
        ct_image() if ct is None else ct,
        path and read_volume(path, "series a1: its reference"),
        labels,
        mask and read_volume(mask, "series a1: its liver mask"),
        source,
    )


def refused(path, labels=NAMES, mask=None, ct=None) -> str:
    with pytest.raises(InputError) as told:
        made(path, labels, mask, ct)
    sentence = str(told.value)
    assert sentence.startswith("series a1: its ")
    assert str(path or mask) not in sentence
    assert NAME not in sentence
    return sentence


def write_box(path, values, affine=AFFINE):
    """Write labels (slice, row, column) as NIfTI."""
    image = nib.Nifti1Image(np.asarray(values, np.uint8).transpose(2, 1, 0), affine)
    nib.save(image, path)
    return path


def as_folder(folder):
    liver, lesion = boxes()
    mask_slices(folder / "liver", liver * 255)
    mask_slices(folder / "livertumor01", lesion * 255)
    return folder


def as_slicer(path):
    image = sitk.GetImageFromArray(expected())
    image.SetSpacing((1.5, 2.0, 5.0))
    image.SetOrigin((-10.0, -20.0, 0.0))
    for number, (name, value) in enumerate((("Liver", 1), ("Lesion", 2))):
        image.SetMetaData(f"Segment{number}_ID", f"Segment_{number}")
        image.SetMetaData(f"Segment{number}_Name", name)
        image.SetMetaData(f"Segment{number}_LabelValue", str(value))
        image.SetMetaData(f"Segment{number}_Layer", "0")
    sitk.WriteImage(image, str(path))
    return path


FORMATS = {
    "DICOM SEG": lambda p: seg(p / "m.dcm", seg_frames()),
    "DICOM SEG without an ending": lambda p: seg(p / "IM0001", seg_frames()),
    "DICOM SEG in a folder": lambda p: seg(p / "m.dcm", seg_frames()).parent,
    "two DICOM SEG in a folder": lambda p: (
        [
            seg(p / "a.dcm", seg_frames(lesion=False), {1: "Liver"}),
            seg(p / "b.dcm", seg_frames(liver=False), {2: "Lesion"}),
        ][0].parent
    ),
    "fractional SEG": lambda p: seg(
        p / "m.dcm", [(n, k, 200 * f) for n, k, f in seg_frames()], kind="FRACTIONAL"
    ),
    "label map SEG": lambda p: seg(
        p / "m.dcm", [(0, k, expected()[k]) for k in range(SLICES)], kind="LABELMAP"
    ),
    "SEG cropped to its box": lambda p: seg(
        p / "m.dcm", [(n, k, f[4:20, 3:16]) for n, k, f in seg_frames()], shift=(3, 4)
    ),
    "RTSTRUCT": lambda p: rtstruct(p / "rs.dcm", rings()),
    "folders of DICOM masks": lambda p: as_folder(p / "MASKS_DICOM"),
    "Slicer's segmentation": lambda p: as_slicer(p / "a.seg.nrrd"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_labels(tmp_path, kind):
    image, record = made(FORMATS[kind](tmp_path))
    assert (seen(image) == expected()).all()
    assert record == {
        "liver_from": "reference",
        "reference_voxels_liver": LIVER - LESION,
        "reference_voxels_lesion": LESION,
        "reference_warnings": [],
    }


def test_numbers_name_segments_where_names_do_not_contradict(tmp_path):
    path = seg(tmp_path / "m.dcm", seg_frames(), {1: "A", 2: "B"})
    assert (seen(made(path, {"liver": 1, "lesion": 2})[0]) == expected()).all()
    told = refused(seg(tmp_path / "n.dcm", seg_frames()), {"liver": 2, "lesion": 1})
    assert "its name says otherwise; give names in reference_labels" in told


def test_overlapping_segments_keep_the_lesion_whole(tmp_path):
    # The liver's segment holds the lesion too: its voxels overlap, and stay lesion.
    image, record = made(seg(tmp_path / "m.dcm", seg_frames()))
    assert record["reference_voxels_lesion"] == LESION
    assert int((seen(image) > 0).sum()) == LIVER


def test_several_of_each_and_others(tmp_path):
    liver, lesion = boxes()
    left = liver.copy()
    left[:, :, 10:] = False
    frames = [(1, k, left[k]) for k in range(2, 10)]
    frames += [(2, k, liver[k] & ~left[k]) for k in range(2, 10)]
    frames += [(3, k, lesion[k]) for k in range(4, 7)] + [(4, 12, liver[4])]
    names = {1: "liver left", 2: "Liver Right", 3: "Lesion", 4: "Spleen"}
    path = seg(tmp_path / "m.dcm", frames, names)
    labels = {"liver": ["liver *"], "lesion": "lesion", "other": ["spleen"]}
    assert (seen(made(path, labels)[0]) == expected()).all()
    assert (seen(made(path, {**labels, "other": "*"})[0]) == expected()).all()
    told = refused(path, {**labels, "other": None})
    assert "1 segments that reference_labels does not name: segment 4 (Spleen)" in told


def test_names_that_may_be_a_patients_are_not_told(tmp_path):
    path = seg(tmp_path / "m.dcm", seg_frames(), {1: "Liver", 2: f"{NAME} 1"})
    told = refused(path, {"liver": "liver", "lesion": "lesion"})
    assert "does not name: segment 2;" in told


def test_a_segment_of_two_roles(tmp_path):
    path = seg(tmp_path / "m.dcm", seg_frames())
    told = refused(path, {"liver": "l*", "lesion": "lesion"})
    assert "names segment 2 (Lesion) both as lesion and as liver" in told


def test_a_role_without_a_segment_is_told(tmp_path):
    path = seg(tmp_path / "m.dcm", seg_frames(lesion=False), {1: "Liver"})
    _, record = made(path)
    assert record["reference_voxels_lesion"] == 0
    assert any("no segment of lesion that holds a voxel" in w for w in record["reference_warnings"])


@pytest.mark.parametrize("labels", [{"lesion": 2}, {"liver": "liver", "lesion": "lesion"}])
def test_a_liver_mask_of_several_segments(tmp_path, labels):
    path = seg(tmp_path / "m.dcm", seg_frames())
    image, record = made(None, labels, mask=path)
    assert (record["liver_from"], record["reference_voxels_liver"]) == ("liver_mask", LIVER)
    assert ((seen(image) == 1) == boxes()[0]).all()


def test_a_liver_mask_of_one_folder_has_any_value_and_name(tmp_path):
    folder = mask_slices(tmp_path / NAME, boxes()[0] * 255)
    _, record = made(None, {"lesion": 1}, mask=folder)
    assert record["reference_voxels_liver"] == LIVER


def test_several_unnamed_segments_are_no_liver_mask(tmp_path):
    path = seg(tmp_path / "m.dcm", seg_frames(), {1: "A", 2: "B"})
    told = refused(None, {"liver": "liver", "lesion": "x"}, mask=path)
    assert "holds 2 segments and none that reference_labels names as liver" in told


def hole(k):
    liver, _ = boxes()
    inner = np.zeros_like(liver[k])
    inner[8:12, 6:10] = True
    return inner


def test_a_contour_within_another_is_a_hole(tmp_path):
    liver, _ = boxes()
    contours = [c for k in range(2, 10) for c in (ring(liver[k], k), ring(hole(k), k))]
    _, record = made(rtstruct(tmp_path / "rs", {1: ("Liver", contours)}), {"liver": "liver"})
    assert record["reference_voxels_liver"] == LIVER - 8 * 16


def test_a_hole_may_stand_before_its_contour(tmp_path):
    liver, _ = boxes()
    contours = [c for k in range(2, 10) for c in (ring(hole(k), k), ring(liver[k], k))]
    _, record = made(rtstruct(tmp_path / "rs", {1: ("Liver", contours)}), {"liver": "liver"})
    assert record["reference_voxels_liver"] == LIVER - 8 * 16


def test_a_contour_given_twice_counts_once(tmp_path):
    liver, _ = boxes()
    contours = [ring(liver[k], k) for k in range(2, 10)]
    _, record = made(rtstruct(tmp_path / "rs", {1: ("Liver", 2 * contours)}), {"liver": "liver"})
    assert record["reference_voxels_liver"] == LIVER


def test_contours_that_overlap_count_together(tmp_path):
    first, second = np.zeros((2, 24, 20), bool)
    # 16 x 13 and 16 x 13 voxels, of which 16 x 11 are the same.
    first[4:20, 3:16] = second[4:20, 5:18] = True
    contours = [ring(first, 3), ring(second, 3)]
    _, record = made(rtstruct(tmp_path / "rs", {1: ("Liver", contours)}), {"liver": "liver"})
    assert record["reference_voxels_liver"] == 16 * 15


def test_an_image_as_a_label_map_is_not_listed_whole(tmp_path):
    values = np.arange(SLICES * 24 * 20).reshape(SLICES, 24, 20) % 200
    sentence = refused(write_box(tmp_path / "a.nii", values), {"liver": 1, "lesion": 2})
    assert "and 185 more, as an image does and no label map" in sentence
    assert len(sentence) < 500


def test_contours_of_every_second_slice_are_told(tmp_path):
    liver, _ = boxes()
    contours = [ring(liver[k], k) for k in range(2, 10, 2)]
    _, record = made(rtstruct(tmp_path / "rs", {1: ("Liver", contours)}), {"liver": "liver"})
    assert record["reference_voxels_liver"] == LIVER // 2
    assert (
        "Its contours leave out 3 slices between its first and last; these hold no mask."
        in (record["reference_warnings"])
    )


def test_a_contour_around_no_voxels_centre_is_told(tmp_path):
    small = [-9.3, -19, 20, -9.2, -19, 20, -9.2, -18.9, 20]
    regions = {**rings(), 2: ("Tumour 1", [small])}
    _, record = made(rtstruct(tmp_path / "m", regions))
    told = " ".join(record["reference_warnings"])
    assert "so that nothing is left of them: 1." in told
    assert "no segment of lesion that holds a voxel" in told


def test_slicers_segments_may_have_lost_a_number(tmp_path):
    path = as_slicer(tmp_path / "m.seg.nrrd")
    path.write_bytes(path.read_bytes().replace(b"Segment1_", b"Segment4_"))
    image, _ = made(path)
    assert (seen(image) == expected()).all()


def test_points_are_left_out_and_counted(tmp_path):
    regions = rings()
    regions[1][1].append([0.0, 0.0, 10.0])
    _, record = made(rtstruct(tmp_path / "rs", regions))
    assert record["reference_warnings"] == ["Points and open lines left out: 1."]


def lift(contours, mm):
    return [[v + (mm if i % 3 == 2 else 0) for i, v in enumerate(c)] for c in contours]


def between(folder):
    return rtstruct(folder / "m", {1: ("Liver", lift(rings()[1][1], 2.5))})


def beyond(folder):
    return rtstruct(folder / "m", {1: ("Liver", [[-30, 0, 10, 10, 0, 10, 10, 10, 10]])})


def across(folder):
    return rtstruct(folder / "m", {1: ("Liver", [[0, 0, 0, 10, 0, 5, 10, 10, 15]])})


def no_numbers(folder):
    regions = {1: ("Liver", [[0.0, 0, 0, 1]])}
    return rtstruct(folder / "m", regions)


def without(field, group="Shared"):
    def change(one):
        del one[field]

    return lambda folder: seg(folder / "m", seg_frames(), change=change)


def lacks_a_position(folder):
    def change(one):
        del one.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence

    return seg(folder / "m", seg_frames(), change=change)


def unlisted(folder):
    return seg(folder / "m", seg_frames(), {1: "Liver"})


def cut_seg(folder):
    path = seg(folder / "m", seg_frames())
    path.write_bytes(path.read_bytes()[:-40])
    return path


def fewer_places(folder):
    def change(one):
        one.PerFrameFunctionalGroupsSequence = one.PerFrameFunctionalGroupsSequence[:-1]

    return seg(folder / "m", seg_frames(), change=change)


def other_spacing(folder):
    def change(one):
        group = one.SharedFunctionalGroupsSequence[0]
        group.PixelMeasuresSequence[0].PixelSpacing = [2.1, 1.5]

    return seg(folder / "m", seg_frames(), change=change)


def zero_spacing(folder):
    def change(one):
        group = one.SharedFunctionalGroupsSequence[0]
        group.PixelMeasuresSequence[0].PixelSpacing = [0, 0]

    return seg(folder / "m", seg_frames(), change=change)


def an_image(folder):
    values = np.arange(SLICES * 24 * 20).reshape(SLICES, 24, 20)
    return mask_slices(folder / "m", values)


def a_cut_slice(folder):
    made_folder = mask_slices(folder / "m", boxes()[0])
    one = sorted(made_folder.iterdir())[3]
    one.write_bytes(one.read_bytes()[:-100])
    return made_folder


def an_empty_file(folder):
    made_folder = mask_slices(folder / "m", boxes()[0])
    (made_folder / "image_99").write_bytes(b"")
    return made_folder


def two_at_one_place(folder):
    places = [0.0, *5.0 * np.arange(SLICES - 1)]
    return mask_slices(folder / "m", boxes()[0], places=places)


def no_place(folder):
    def change(k, one):
        if k == 2:
            del one.ImagePositionPatient

    return mask_slices(folder / "m", boxes()[0], change=change)


def mixed(folder):
    mask_slices(folder / "m", boxes()[0])
    rtstruct(folder / "m" / "rs", rings())
    return folder / "m"


def nothing(folder):
    (folder / "m").mkdir()
    (folder / "m" / "notes.txt").write_text(NAME)
    return folder / "m"


def text(folder):
    (folder / "m.zip").write_text("no mask")
    return folder / "m.zip"


def a_report(folder):
    path = rtstruct(folder / "m", {})
    content = path.read_bytes().replace(b"481.3", b"88.11")
    path.write_bytes(content)
    return path


def a_shifted_mask(folder):
    moved = AFFINE.copy()
    moved[2, 3] = 5
    return write_box(folder / "m.nii", expected(), moved)


def a_box_beyond(folder):
    moved = AFFINE.copy()
    moved[2, 3] = 50
    return write_box(folder / "m.nii", expected()[2:10], moved)


def half_a_voxel_off(folder):
    moved = AFFINE.copy()
    moved[0, 3] += 0.75
    return write_box(folder / "m.nii", expected()[2:10], moved)


def beyond_each_side(x, y):
    def write(folder):
        moved = [v + (x, y, 0)[n % 3] for n, v in enumerate(ring(boxes()[0][4], 4))]
        return rtstruct(folder / "m", {1: ("Liver", [moved])})

    return write


def wide_labels(dtype, more):
    """Make a function that writes labels that come out right once they turned over at 32 bits."""

    def write(folder):
        labels = expected().astype(dtype).transpose(2, 1, 0)
        labels[labels == 2] += more
        nib.save(nib.Nifti1Image(labels, AFFINE, dtype=dtype), folder / "m.nii")
        return folder / "m.nii"

    return write


def half_labels(folder):
    path = write_box(folder / "m.nii", expected())
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([1, 0.5], "<f4").tobytes()
    path.write_bytes(content)
    return path


def numbered_twice(folder):
    def change(made):
        made.SegmentSequence[1].SegmentNumber = 1

    return seg(folder / "m.dcm", seg_frames(lesion=False), change=change)


def regions_numbered_twice(folder):
    path = rtstruct(folder / "m", rings())
    made = pydicom.dcmread(path)
    made.StructureSetROISequence[1].ROINumber = 1
    made.ROIContourSequence[1].ReferencedROINumber = 1
    made.save_as(path)
    return path


def changed_contours(change):
    def write(folder):
        path = rtstruct(folder / "m", rings())
        made = pydicom.dcmread(path)
        change(made)
        made.save_as(path)
        return path

    return write


def without_a_point(made):
    contour = made.ROIContourSequence[0].ContourSequence[2]
    contour.ContourData = contour.ContourData[3:]


def without_contours(made):
    del made.ROIContourSequence


def a_contours_length(folder):
    """Damage one bit of the length of the liver's seventh contour, of 8."""
    path = rtstruct(folder / "m", rings())
    content = bytearray(path.read_bytes())
    at = 0
    for _ in range(7):
        # (3006,0042), ContourGeometricType, begins a contour.
        at = content.index(b"\x06\x30\x42\x00", at + 1)
    assert content[at - 8 : at - 4] == b"\xfe\xff\x00\xe0"
    content[at - 1] ^= 1
    path.write_bytes(content)
    return path


def slicer_with(old, new):
    def write(folder):
        path = as_slicer(folder / "m.seg.nrrd")
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new, 1))
        return path

    return write


WRONG = {
    "contours right of the CT": (beyond_each_side(-60, 0), "208 voxels of it lie outside"),
    "contours left of the CT": (beyond_each_side(60, 0), "208 voxels of it lie outside"),
    "contours before the CT": (beyond_each_side(0, -80), "208 voxels of it lie outside"),
    "contours behind the CT": (beyond_each_side(0, 80), "208 voxels of it lie outside"),
    "labels of 64 bits": (wide_labels(np.int64, 2**32), "values from 0 to 4294967298"),
    "labels of floats": (wide_labels(np.float64, 2**32), "values from 0 to 4294967298"),
    "labels and a half": (half_labels, "values that are not whole numbers"),
    "segments of one number": (numbered_twice, "several segments the number 1"),
    "regions of one number": (regions_numbered_twice, "several segments the number 1"),
    "Slicer's segments of one value": (
        slicer_with(b"Segment1_LabelValue:=2", b"Segment1_LabelValue:=1"),
        "two segments the value 1",
    ),
    "Slicer's value that is no number": (
        slicer_with(b"Segment1_LabelValue:=2", b"Segment1_LabelValue:=x"),
        "a value that is no number",
    ),
    "Slicer's value without a segment": (
        slicer_with(b"Segment1_LabelValue:=2", b"Segment1_LabelValue:=3"),
        "holds 1 segments that reference_labels does not name: a segment;",
    ),
    "contours between slices": (between, "planes that lie on no slice of its CT (one is 2.50 mm"),
    "contours beyond the CT": (beyond, "reaches beyond its CT"),
    "contours across slices": (across, "not parallel to the slices of its CT"),
    "a point of one number": (no_numbers, "does not hold three numbers a point"),
    "a contour that lost a point": (
        changed_contours(without_a_point),
        "contour 3 of its region 1 tells of 4 points and holds 3",
    ),
    "regions without contours": (
        changed_contours(without_contours),
        "lists regions and holds no contours",
    ),
    "a contour's length": (a_contours_length, "holds 11 contours, of which 1 lie outside"),
    "a frame without a position": (lacks_a_position, "frame 4 of 11 lacks position, orientation"),
    "frames of an unlisted segment": (unlisted, "frames of a segment 2 that its header does not"),
    "a SEG cut short": (cut_seg, "cut short, damaged, or lacks a field"),
    "a SEG without values": (without("PixelData"), "cut short, damaged, or lacks a field"),
    "a SEG without groups": (without("SharedFunctionalGroupsSequence"), "frame 1 of 11 lacks"),
    "a SEG with fewer places": (fewer_places, "says where 10 of its 11 frames lie"),
    "a SEG of another spacing": (other_spacing, "does not lie on the voxels of its CT"),
    "a SEG without a size of voxels": (zero_spacing, "cut short, damaged, or lacks a field"),
    "an image as a mask": (an_image, "it is an image and no mask"),
    "a slice cut short": (a_cut_slice, "of 16 is cut short or damaged"),
    "an empty file": (an_empty_file, "file 17 of 17 cannot be read as DICOM"),
    "two slices at one place": (two_at_one_place, "several slices at one place"),
    "a slice without a place": (no_place, "lacks position"),
    "two kinds in a folder": (mixed, "mixes DICOM images and RTSTRUCT"),
    "a folder without DICOM": (nothing, "holds no DICOM file"),
    "a packed file": (text, "is no volume that is read; give NIfTI"),
    "a report": (a_report, "is DICOM without an image, SEG or RTSTRUCT"),
    "a whole mask elsewhere": (a_shifted_mask, "does not lie on the grid of its CT"),
    "a box beyond the CT": (a_box_beyond, "reaches beyond its CT"),
    "a box half a voxel off": (half_a_voxel_off, "does not lie on the grid of its CT"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told(tmp_path, case):
    make, sentence = WRONG[case]
    assert sentence in refused(make(tmp_path), {"liver": 1, "lesion": 2})


def test_a_mask_cropped_to_its_box_lies_at_its_own_place(tmp_path):
    own = AFFINE.copy()
    own[:3, 3] += AFFINE[:3, :3] @ [3, 4, 2]
    box = expected()[2:10, 4:20, 3:16]
    image, record = made(write_box(tmp_path / "m.nii.gz", box, own), {"liver": 1, "lesion": 2})
    assert (seen(image) == expected()).all()
    assert record["reference_warnings"] == [
        "It covers 13 x 16 x 8 voxels and its CT 20 x 24 x 16; it was placed by its own header."
    ]


def test_a_box_that_is_padded_beyond_the_ct_loses_nothing(tmp_path):
    own = AFFINE.copy()
    own[2, 3] = -10
    wide = np.concatenate([np.zeros((2, 24, 20)), expected(), np.zeros((3, 24, 20))])
    image, _ = made(write_box(tmp_path / "m.nii.gz", wide, own), {"liver": 1, "lesion": 2})
    assert (seen(image) == expected()).all()


def tilted_ct(slices=12):
    """A CT as ingest makes it of slices tilted by 15 degrees, by its own straightening."""
    from livermet.ingest.straightening import straightened
    from livermet.ingest.volume import canonical

    angle = np.deg2rad(15)
    affine = np.diag([-1.5, -2.0, 1.0, 1.0])
    affine[:3, 1] = [0, -2 * np.cos(angle), -2 * np.sin(angle)]
    affine[:3, 2], affine[:3, 3] = [0, 0, 5], [10, 20, 0]
    values = np.full((20, 24, slices), 40, np.int16)
    values[4:16, 4:20, 3:9] = 1040
    ct = straightened(canonical(Volume(values, affine)))
    return image_of(ct.values, ct.affine), affine, (values > 500).astype(np.uint8)


def agrees(image, ct) -> float:
    """Share of voxels where the mask and the half of the linear CT's contrast are the same."""
    bright = sitk.GetArrayFromImage(ct) > 540
    held = sitk.GetArrayFromImage(image) == 1
    return 2 * (bright & held).sum() / (bright.sum() + held.sum())


def as_sheared_nifti(folder, affine, inside):
    nib.save(nib.Nifti1Image(inside, affine), folder / "m.nii.gz")
    return folder / "m.nii.gz"


TILTED = {
    "NIfTI": as_sheared_nifti,
    "SEG": lambda f, _, inside: seg(
        f / "m", [(1, k, inside[:, :, k].T) for k in range(3, 9)], {1: "Liver"}, tilt=15
    ),
    "slices": lambda f, _, inside: mask_slices(f / "m", inside.transpose(2, 1, 0), tilt=15),
}


@pytest.mark.parametrize("kind", TILTED)
def test_masks_of_tilted_slices_go_with_the_ct(tmp_path, kind):
    ct, affine, inside = tilted_ct()
    path = TILTED[kind](tmp_path, affine, inside)
    image, record = made(None, {"lesion": 2}, mask=path, ct=ct)
    assert agrees(image, ct) > 0.97
    assert any("it went with them" in sentence for sentence in record["reference_warnings"])
    # The record of the slices gives the same.
    source = Planes.from_record(planes_of(inside.shape, affine).record())
    again, _ = made(None, {"lesion": 2}, mask=path, ct=ct, source=source)
    assert (sitk.GetArrayFromImage(again) == sitk.GetArrayFromImage(image)).all()


def test_a_straight_mask_of_a_tilted_series_is_told_where_to_draw(tmp_path):
    ct, _, inside = tilted_ct()
    path = write_box(tmp_path / "m.nii", inside.transpose(2, 1, 0), np.diag([-1.5, -2, 4.83, 1]))
    assert "ct.nii.gz" in refused(None, {"lesion": 2}, mask=path, ct=ct)


def test_labels_of_uneven_slices_go_to_the_nearest():
    # Slices at 0, 5, 10 and 16 mm; the CT has even ones at 0, 5.33, 10.67 and 16 mm.
    depths = np.array([0, 5, 10, 16.0])
    source = Planes(np.eye(3)[:, :2], np.outer(depths, [0, 0, 1]), 2, 2)
    labels = np.broadcast_to(np.arange(4, dtype=np.uint8), (2, 2, 4))
    even = np.diag([1, 1, 16 / 3, 1])
    assert carried(labels, source, (2, 2, 4), even)[0, 0].tolist() == [0, 1, 2, 3]
    seven = np.diag([1, 1, 16 / 6, 1])
    # At 0, 2.67, 5.33, 8, 10.67, 13.33 and 16 mm.
    assert carried(labels, source, (2, 2, 7), seven)[0, 0].tolist() == [0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"liver": [1, 1]}, "an entry stands twice"),
        ({"liver": 0}, "a whole number from 1, a name, or a list of such"),
        ({"liver": []}, "a whole number from 1, a name, or a list of such"),
        ({"liver": True}, "a whole number from 1, a name, or a list of such"),
        ({"lesion": " "}, "a whole number from 1, a name, or a list of such"),
        ({"lesion": 1}, "names a label twice"),
        ({"liver": "Liver", "other": ["liver"]}, "names a label twice"),
        ({"liver": "*"}, "takes '*' for other alone"),
        ({"lesion": None}, "valid"),
    ],
)
def test_labels_of_the_config_are_checked(given, sentence):
    with pytest.raises(ValueError, match=sentence.replace("*", r"\*")):
        ReferenceLabels.model_validate(given)


def test_lists_and_names_are_labels():
    labels = ReferenceLabels.model_validate(
        {"liver": [1, "liver*"], "lesion": "tumour", "other": "*"}
    )
    assert labels.liver == [1, "liver*"]


def test_a_label_map_takes_several_numbers(tmp_path):
    values = expected()
    values[12, 0, 0], values[4, 8, 5] = 7, 9
    path = write_box(tmp_path / "m.nii.gz", values)
    image, _ = made(path, {"liver": 1, "lesion": [2, 9], "other": [7]})
    assert (seen(image) == expected()).all()
    assert "9 (1)" in refused(path, {"liver": 1, "lesion": 2, "other": 7})
    assert made(path, {"liver": None, "lesion": [2, 9], "other": "*"})[1]["liver_from"] == "none"


def body(z=60):
    """A body of 300 x 200 mm in air, 3 mm voxels (x, y, z), with lungs above slice 40."""
    ct = np.full((120, 90, z), -1000, np.int16)
    ct[10:110, 10:80] = 40
    ct[20:50, 20:60, 40:] = ct[70:100, 20:60, 40:] = -800
    mask = np.zeros(ct.shape, np.uint8)
    # The patient's right is where x is large.
    mask[65:100, 20:60, 10:35] = 1
    # A liver is smaller at its ends.
    mask[75:90, 30:50, 8:10] = mask[75:90, 30:50, 35:37] = 1
    mask[70:75, 30:35, 20:25] = 2
    return ct, mask


def told(ct, mask, read="", liver=True):
    return doubts(ct, mask, (3, 3, 3), liver, True, read)


def test_a_plausible_pair_raises_no_doubt():
    assert told(*body()) == []


def mirrored(ct, mask):
    return ct, mask[::-1]


def upside_down(ct, mask):
    return ct, mask[:, :, ::-1]


def both_upside_down(ct, mask):
    return ct[:, :, ::-1], mask[:, :, ::-1]


def in_air(ct, mask):
    return ct, np.roll(mask, -50, 1)[:, :, :] * 0 + np.roll(mask, 40, 0)


def in_bone(ct, mask):
    return np.where(mask > 0, 900, ct).astype(np.int16), mask


def in_the_lungs(ct, mask):
    moved = np.zeros_like(mask)
    moved[72:98, 22:58, 42:58] = 1
    return ct, moved


def lesion_elsewhere(ct, mask):
    other = np.where(mask == 2, 1, mask)
    other[20:23, 60:63, 5:8] = 2
    return ct, other


def without_liver(ct, mask):
    return ct, mask * 0


def everywhere(ct, mask):
    return ct, mask * 0 + 1


def without_a_slice(ct, mask):
    cut = mask.copy()
    used = np.flatnonzero(mask.any(axis=(0, 1)))
    cut[:, :, used[3:5]] = 0
    return ct, cut


def without_a_liver_slice(ct, mask):
    other = mask.copy()
    other[:, :, 22] *= mask[:, :, 22] == 2
    return ct, other


def without_the_lowest_slices(ct, mask):
    other = mask.copy()
    other[:, :, :12] = 0
    return ct, other


def cut_above(ct, mask):
    return ct[:, :, :30], mask[:, :, :30]


def cut_at_both_ends(ct, mask):
    return ct[:, :, 15:30], mask[:, :, 15:30]


DOUBTS = {
    "a slice of the liver lost, of its lesion kept": (
        without_a_liver_slice,
        "1 slices hold much less of the liver than those on both sides",
        False,
    ),
    "the lowest slices of the mask lost": (
        without_the_lowest_slices,
        "The lowest slice of the liver's mask holds 100% of what its largest does",
        False,
    ),
    "cut above": (cut_above, "The liver reaches the highest slice: it may go on", False),
    "cut at both ends": (cut_at_both_ends, "reaches the lowest and the highest slice", False),
    "no liver": (without_liver, "its mask holds no voxel", False),
    "all liver": (everywhere, "100% of the CT lie in the mask of the liver", True),
    "a liver in parts": (without_a_slice, "2 slices between the first and the last one", False),
    "mirrored": (mirrored, "left of the body's centre", True),
    "mask upside down": (upside_down, "below -200 HU (air)", False),
    "both upside down": (both_upside_down, "above the lungs'", True),
    "half in air": (in_air, "outside the body", True),
    "in bone": (in_bone, "above 300 HU (bone)", True),
    "in the lungs": (in_the_lungs, "below -200 HU (air)", True),
    "a lesion elsewhere": (lesion_elsewhere, "1 of 1 lesions touch no liver", True),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_what_is_implausible_is_told(case):
    change, sentence, certain = DOUBTS[case]
    found = [one for one in told(*change(*body())) if sentence in one.sentence]
    assert [one.certain for one in found] == [certain]


def test_the_sheets_word_is_held_against_the_mask():
    ct, mask = body()
    assert any("lesions are absent" in one.sentence for one in told(ct, mask, "absent"))
    without = np.where(mask == 2, 1, mask)
    (one,) = told(ct, without, "present")
    assert one.certain
    assert told(ct, without, "absent") == []


def test_certain_faults_stop_unless_the_study_accepts_the_series():
    ct, mask = mirrored(*body())
    record = {
        "liver_from": "reference",
        "reference_voxels_lesion": 125,
        "reference_warnings": ["Before."],
    }
    with pytest.raises(
        InputError, match=r"series a1: its reference.*add a1 to ingest.accept_masks"
    ):
        refuse_implausible("a1", ct, mask, (3, 3, 3), record)
    kept = refuse_implausible("a1", ct, mask, (3, 3, 3), record, accepted=True)
    assert kept["reference_warnings"][0] == "Before."
    assert "mirrored" in " ".join(kept["reference_warnings"])
