"""A study knows who is held out, how each series is predicted, and what its batches hold.

Four patients of the target cohort: p1 in fold 0, p2 in fold 1, p3 and p4 in test; s1 and s2 of the
source cohort in folds 0 and 1. Training sets: base holds s1 and s2, fine-tuning p1.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from livermet.config.loading import load_config
from livermet.errors import InputError
from livermet.ledger.tables import Ledger
from livermet.study import Study, read_study

ROOT = Path(__file__).parents[2]
SERIES = [
    # series, patient, date, cohort, image, reference, liver_mask, lesions_read
    ("s1_a", "s1", "2020-01-01", "LiTS", "s1.nii.gz", "s1_ref.nii.gz", "", ""),
    ("s2_a", "s2", "2020-01-01", "LiTS", "s2.nii.gz", "s2_ref.nii.gz", "", ""),
    ("p1_a", "p1", "2020-01-01", "mSCLC", "p1/dicom", "p1_ref.nii.gz", "", "present"),
    ("p2_a", "p2", "2020-01-01", "mSCLC", "p2/dicom", "", "p2_liver.nii.gz", "present"),
    ("p3_a", "p3", "2020-01-01", "mSCLC", "p3.nrrd", "p3_ref.nii.gz", "", "present"),
    ("p4_a", "p4", "2020-01-01", "mSCLC", "/archive/p4", "", "", "absent"),
]
COLUMNS = ["series", "patient", "study_date", "cohort"]
COLUMNS += ["image", "reference", "liver_mask", "lesions_read"]
SAMPLES = [("p1", "2020-01-05", 0.4), ("p2", "2020-09-01", -0.2), ("p3", "2020-01-02", -0.3)]


def study(**keys) -> Study:
    """Make the study of this module, with keys laid over the default config."""
    config = load_config([ROOT / "config" / "config.yaml"])
    config |= {"run": "mine", "data_root": "raw"}
    config["training_sets"] = {"base": "base", "finetuned": "both"}
    for key, value in keys.items():
        section = config
        *path, last = key.split("__")
        for name in path:
            section = section[name]
        section[last] = value
    series = pd.DataFrame(SERIES, columns=COLUMNS).assign(phase="venous")
    series["study_date"] = pd.to_datetime(series["study_date"])
    molecular = pd.DataFrame(SAMPLES, columns=["patient", "sample_date", "score"])
    molecular = molecular.assign(sample_type="biopsy")
    molecular["sample_date"] = pd.to_datetime(molecular["sample_date"])
    places = {"s1": "0", "s2": "1", "p1": "0", "p2": "1", "p3": "test", "p4": "test"}
    cohorts = {row[1]: row[3] for row in SERIES}
    splits = pd.DataFrame([(p, cohorts[p], place) for p, place in places.items()])
    batches = [("s1_a", "b1"), ("s2_a", "b1"), ("p1_a", "b1"), ("gone", "b1"), ("p2_a", "b2")]
    batches += [("p3_a", "b2"), ("p4_a", "b3")]
    ledger = Ledger(
        splits.set_axis(["patient", "cohort", "place"], axis=1),
        pd.DataFrame(batches, columns=["series", "batch"]),
        {
            "base": {"s1_a": "s1", "s2_a": "s2"},
            "both": {"s1_a": "s1", "s2_a": "s2", "p1_a": "p1", "p1_old": "p1"},
        },
    )
    return Study(config, series.set_index("series", drop=False), molecular, None, ledger)


def kinds(model: str, of: Study) -> dict[str, str | None]:
    return {series: of.prediction_kind(model, series) for series in of.rows}


def test_who_has_been_seen_is_scored_out_of_fold_or_not_at_all():
    mine = study()
    unseen = dict.fromkeys(("p2_a", "p3_a", "p4_a"), "ensemble")
    seen = {"s1_a": "out_of_fold", "s2_a": "out_of_fold"}
    assert kinds("nnunet", mine) == seen | {"p1_a": "ensemble"} | unseen
    assert kinds("nnunet_finetuned", mine) == seen | {"p1_a": "out_of_fold"} | unseen
    single = dict.fromkeys(("p1_a", "p2_a", "p3_a", "p4_a"), "single")
    assert kinds("unet", mine) == {"s1_a": None, "s2_a": None} | single
    assert mine.predicted_series("unet") == list(single)


def test_the_network_of_a_fold_has_not_seen_the_fold():
    mine = study()
    assert mine.trained_patients("nnunet_finetuned") == {"s1", "s2", "p1"}
    assert mine.trained_patients("nnunet_finetuned", 0) == {"s2"}
    assert mine.trained_patients("nnunet", 1) == {"s1"}
    assert mine.planned_leaks() == []


def test_a_training_patient_of_the_test_set_is_a_leak():
    mine = study()
    mine.ledger.training_sets["base"]["p3_a"] = "p3"
    assert any("p3" in sentence for sentence in mine.planned_leaks())


def test_the_final_model_was_fitted_on_its_set_and_those_with_one_split_not_on_fold_0():
    assert study().trained_by_final_model() == ["s1_a", "s2_a", "p1_a", "p1_old"]
    assert study(segmentation__final_model="nnunet").trained_by_final_model() == ["s1_a", "s2_a"]
    assert study(segmentation__final_model="unet").trained_by_final_model() == ["s2_a"]
    assert study(segmentation__source="reference").trained_by_final_model() == []


def test_a_batch_holds_what_the_sheet_still_has():
    mine = study()
    assert mine.batches == {"b1": ["s1_a", "s2_a", "p1_a"], "b2": ["p2_a", "p3_a"], "b3": ["p4_a"]}
    assert mine.batches_of(["p3_a", "p1_a"]) == {"b1": ["p1_a"], "b2": ["p3_a"]}
    assert mine.batches_of_models["unet"] == {
        "b1": ["p1_a"],
        "b2": ["p2_a", "p3_a"],
        "b3": ["p4_a"],
    }
    assert mine.batches_of_masks["reference"] == {"b1": ["p1_a"], "b2": ["p3_a"]}
    assert mine.scans_of_batch("nnunet", "b1") == {
        "s1_a": {"kind": "out_of_fold", "reference": True},
        "s2_a": {"kind": "out_of_fold", "reference": True},
        "p1_a": {"kind": "ensemble", "reference": True},
    }
    assert mine.references_of_batch("nnunet", "b2") == ["results/mine/series/p3_a/reference.nii.gz"]


def test_a_page_of_the_viewer_is_made_of_all_that_a_series_has():
    mine = study()
    assert mine.views.series == list(mine.rows)
    row = mine.views.of_batch("b1")["s1_a"]
    assert row["has_lesions"]
    # MONAI's networks never score what they were trained on.
    assert row["kinds"] == {"nnunet": "out_of_fold", "nnunet_finetuned": "out_of_fold"}
    files = mine.views.inputs("b1")
    assert (
        files["predictions_nnunet"][0] == "results/mine/predictions/nnunet/out_of_fold/s1_a.nii.gz"
    )
    # As many files of a kind as series say that they have one, which records rely on.
    rows = mine.views.of_batch("b1").values()
    for name in set(files) - {"scans", "lesions", "groups"}:
        assert len(files[name]) == sum(bool(row.get(name)) for row in rows), name
    assert "results/mine/detection/nnunet/batches/b1.lesions.tsv" in files["lesions"]


@pytest.mark.parametrize(
    ("wanted", "expected"), [("target", {"mSCLC"}), ("none", set()), ("all", {"mSCLC", "LiTS"})]
)
def test_the_config_says_which_series_have_a_page(wanted, expected):
    mine = study(viewer__series=wanted)
    assert {mine.rows[series]["cohort"] for series in mine.views.series} == expected
    assert mine.views.batches.keys() <= mine.batches.keys()


def test_only_what_came_from_dicom_is_written_as_dicom():
    assert study().exports.batches == {}
    mine = study(export__dicom="as_given")
    assert mine.exports.model == mine.final_model == "nnunet_finetuned"
    assert set(mine.exports.series) | set(mine.exports.without_dicom()) == set(
        mine.predicted_series(mine.final_model)
    )
    assert {"p1_a", "p4_a"} <= set(mine.exports.series)
    assert {"s1_a", "p3_a"} <= set(mine.exports.without_dicom())
    for batch, members in mine.exports.batches.items():
        rows = mine.exports.of_batch(batch)
        assert list(rows) == members
        # Records take each input of a batch for a series' own by these.
        assert all(
            row["sources"] is row["cts"] is row["qualities"] is True for row in rows.values()
        )
    row = mine.exports.of_batch(next(iter(mine.exports.batches)))["p1_a"]
    assert (row["patient"], row["kind"]) == ("p1", mine.prediction_kind("nnunet_finetuned", "p1_a"))


def test_a_run_that_can_write_no_dicom_says_why(monkeypatch):
    assert study().exports.no_dicom() == []
    assert study(export__dicom="as_given").exports.no_dicom() == []
    (given,) = study(export__dicom="as_given", segmentation__source="reference").exports.no_dicom()
    assert given == (
        "No DICOM SEG or report is written, although export.dicom asks for them: masks "
        "are given (segmentation.source: reference), so that no model predicts."
    )
    volumes = study(export__dicom="as_given")
    monkeypatch.setattr(type(volumes.sources), "kind", lambda self, series: "volume")
    (none,) = volumes.exports.no_dicom()
    assert none.endswith(": no series that nnunet_finetuned predicts came from DICOM.")
    (table,) = study(export__dicom="as_given", phenotype__table="features.csv").exports.no_dicom()
    assert "the run begins with a feature table (phenotype.table)" in table


def test_where_a_secret_lies_is_no_setting_of_a_run():
    mine = study(export__dicom="pseudonyms", export__secret="/home/me/secret")
    assert mine.settings()["export"] == {"dicom": "pseudonyms", "secret": True}


def test_sources_are_known_by_their_names():
    mine = study()
    assert [mine.sources.kind(series) for series in ("s1_a", "p1_a", "p3_a", "p4_a")] == [
        "volume",
        "dicom",
        "volume",
        "dicom",
    ]
    # Each enters by a link, so that no path of an archive is printed or taken for a pattern.
    links = ".snakemake/livermet/sources/mine"
    assert mine.sources.path("p1_a") == f"{links}/p1_a/image"
    assert mine.sources.path("p3_a") == f"{links}/p3_a/image.nrrd"
    assert mine.sources.path("p2_a", "reference") is None
    assert mine.sources.paths(["p1_a", "p2_a", "p3_a"], "reference") == [
        f"{links}/p1_a/reference.nii.gz",
        f"{links}/p3_a/reference.nii.gz",
    ]
    assert mine.series_to_segment == ["s1_a", "s2_a", "p1_a", "p2_a", "p3_a"]


def test_links_lead_to_sources_and_follow_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for root in ("raw", "moved"):
        mine = study(data_root=root)
        mine.link_sources()
        link = Path(mine.sources.path("s1_a"))
        assert link.readlink() == tmp_path / root / "s1.nii.gz"
    assert Path(mine.sources.path("p4_a")).readlink() == Path("/archive/p4")


def test_a_copy_of_a_source_in_the_place_of_its_link_gives_way(tmp_path, monkeypatch):
    # Some tools copy what links lead to.
    monkeypatch.chdir(tmp_path)
    mine = study()
    copied = Path(mine.sources.path("p4_a"))
    copied.mkdir(parents=True)
    (copied / "slice.dcm").write_text("a slice")
    Path(mine.sources.path("s1_a")).parent.mkdir(parents=True)
    Path(mine.sources.path("s1_a")).write_text("a volume")
    mine.link_sources()
    assert copied.readlink() == Path("/archive/p4")
    assert Path(mine.sources.path("s1_a")).readlink() == tmp_path / "raw" / "s1.nii.gz"


def test_a_header_enters_with_the_values_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = study()
    mine.series.loc["p3_a", "image"] = "p3.mhd"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "p3.mhd").write_text("NDims = 3\nElementDataFile = p3.raw\n")
    (tmp_path / "raw" / "p3.raw").write_text("values")
    mine.link_sources()
    assert mine.sources.kind("p3_a") == "volume"
    assert Path(mine.sources.path("p3_a")).name == "p3.mhd"
    (beside,) = mine.sources.values("p3_a")
    assert Path(beside).read_text() == "values"
    assert mine.sources.values("p1_a") == []


def test_what_the_matching_excludes_is_neither_perturbed_nor_reported():
    # p2's sample is 244 days away, p4 has none.
    mine = study(segmentation__source="reference")
    assert mine.included_series("reference") == ["p1_a", "p3_a"]
    assert mine.reported_series() == ["p1_a", "p3_a"]
    # Of these only p1 trains classifiers.
    assert mine.perturbed_series == ["p1_a"]
    assert study().reported_series() == ["p1_a", "p2_a", "p3_a", "p4_a"]


def test_paths_follow_the_kind_of_prediction():
    mine = study(segmentation__lesion_probability=True)
    folder = "results/mine/predictions/nnunet_finetuned"
    assert mine.prediction("nnunet_finetuned", "p1_a") == f"{folder}/out_of_fold/p1_a.nii.gz"
    assert mine.label_map("nnunet_finetuned", "p3_a") == f"{folder}/ensemble/p3_a.nii.gz"
    assert mine.label_map("reference", "p3_a") == "results/mine/series/p3_a/reference.nii.gz"
    probability = "results/mine/probabilities/unet/single/p1_a.nii.gz"
    assert mine.probabilities("unet", ["p1_a"]) == [probability]
    assert study(segmentation__lesion_probability=False).probabilities("unet", ["p1_a"]) == []


def test_each_fold_segments_the_classified_test_series_alone():
    # p3 is classified; p4 is a test patient without a sample.
    mine = study(phenotype__single_fold_masks=True)
    assert mine.fold_masked_series == ["p3_a"]
    assert mine.single_folds == {f"fold_{fold}": fold for fold in range(5)}
    assert mine.kinds_in_folds("nnunet") == ["ensemble", "out_of_fold"]
    assert mine.kinds_in_folds("nnunet_finetuned")[2:] == list(mine.single_folds)
    every = ["p1_a", "p2_a", "p3_a", "p4_a"]
    assert mine.folds_of_kind("nnunet_finetuned", "fold_2", every) == {"p3_a": [2]}
    assert mine.folds_of_kind("nnunet_finetuned", "out_of_fold", every) == {"p1_a": [0]}
    ensemble = mine.folds_of_kind("nnunet_finetuned", "ensemble", every)
    assert ensemble == {series: [0, 1, 2, 3, 4] for series in every[1:]}
    mask = "nnunet_finetuned_fold_2"
    assert mine.batches_of_masks[mask] == {"b2": ["p3_a"]}
    folder = "results/mine/predictions/nnunet_finetuned"
    assert mine.label_map(mask, "p3_a") == f"{folder}/fold_2/p3_a.nii.gz"
    # Detection knows nothing of them.
    assert mine.detection_of_mask(mask, "scans") == []


@pytest.mark.parametrize(
    "keys",
    [
        {"phenotype__single_fold_masks": False},
        {"phenotype__single_fold_masks": True, "segmentation__final_model": "unet"},
        {"phenotype__single_fold_masks": True, "segmentation__source": "reference"},
        {"phenotype__single_fold_masks": True, "phenotype__protocols": ["published"]},
    ],
)
def test_without_folds_or_switched_off_no_fold_segments_alone(keys):
    mine = study(**keys)
    assert (mine.single_folds, mine.fold_masks, mine.fold_masked_series) == ({}, {}, [])


@pytest.mark.parametrize(
    ("mask", "expected"),
    [("unet", "detection/unet"), ("reference", "detection/nnunet_finetuned"), ("table", None)],
)
def test_the_references_lesions_are_matched_with_the_final_models(mask, expected):
    found = study().detection_of_mask(mask, "scans")
    assert found == (f"results/mine/{expected}/scans.tsv" if expected else [])


def test_the_corrected_protocol_alone_learns_from_single_lesions():
    mine = study(phenotype__aggregation="largest")
    assert mine.feature_table("unet", "corrected").endswith("unet/features_largest.csv")
    assert mine.feature_table("unet", "published").endswith("unet/features.csv")
    only = study(phenotype__aggregation="largest", phenotype__protocols=["published"])
    assert not only.is_by_lesion


def test_where_a_reference_lies_decides_no_match():
    rows = study().rows_to_match()
    assert [row["reference"] for row in rows] == ["yes", "yes", "yes", "", "yes", ""]
    assert set(rows[0]) == set(COLUMNS) - {"image", "liver_mask"}


def test_a_series_is_placed_in_training_or_test():
    places = {row["series"]: row["place"] for row in study().rows_to_place()}
    assert places == dict.fromkeys(("s1_a", "s2_a", "p1_a", "p2_a"), "train") | {
        "p3_a": "test",
        "p4_a": "test",
    }


def test_settings_hold_no_place_and_no_resources():
    settings = study().settings()
    assert not {"data_root", "sheets", "ledger", "allow_training"} & set(settings)
    assert "jobs" not in settings["segmentation"]["nnunet"]
    assert "jobs" not in settings["segmentation"]["monai"]
    assert settings["phenotype"]["table"] is False
    assert settings["segmentation"]["nnunet"]["pretrained"] is False
    begun = study(segmentation__nnunet__pretrained="/archive/of/theirs").settings()
    assert begun["segmentation"]["nnunet"]["pretrained"] is True


def test_the_joint_model_learns_from_both_cohorts_and_from_no_other_model():
    joint = study(segmentation__models=["nnunet_joint"], segmentation__final_model="nnunet_joint")
    assert joint.needed_training_sets() == ["both"]
    both = study()
    assert joint.trained_patients("nnunet_joint") == both.trained_patients("nnunet_finetuned")
    assert joint.trained_patients("nnunet_joint", 0) == {"s2"}


def test_a_volume_without_a_header_cannot_be_harmonised():
    mine = study(phenotype__harmonisation={"by": "scanner", "minimum_patients": 2})
    found = [sentence for sentence in mine.problems() if "DICOM header" in sentence]
    # p4 is a folder, and excluded.
    assert [sentence.partition(":")[0] for sentence in found] == ["Series 'p3_a'"]
    assert mine.harmonised_by("corrected") == "results/mine/phenotype/harmonisation.tsv"
    assert mine.patients_a_batch("corrected") == 2
    assert mine.patients_a_batch("published") is None


def test_sheets_that_are_not_there_are_told_with_their_columns(tmp_path):
    config = load_config([ROOT / "config" / "config.yaml"])
    config["sheets"] |= {"series": str(tmp_path / "s.tsv"), "molecular": str(tmp_path / "m.tsv")}
    with pytest.raises(InputError, match=r"(?s)s\.tsv.*m\.tsv"):
        read_study(config)


def test_a_packed_model_has_seen_nobody_and_is_not_trained():
    mine = study(
        segmentation__packed="/models/mine",
        segmentation__models=["nnunet_finetuned"],
        sheets__molecular=None,
    )
    assert (mine.models, mine.trained_models) == (["nnunet_finetuned"], [])
    assert set(kinds("nnunet_finetuned", mine).values()) == {"ensemble"}
    assert mine.needed_training_sets() == []
    assert mine.planned_leaks() == []
    assert mine.trained_by_final_model() == []
    assert mine.packed.checkpoint(1) == (
        ".snakemake/livermet/packed/mine/segmentation/fold_1/checkpoint_final.pth"
    )
    # A place on this machine is no part of a result.
    assert mine.settings()["segmentation"]["packed"] is True


def test_a_study_is_made_of_its_patients_series_of_one_day():
    mine = study()
    mine.series.loc["p4_a", "patient"] = "p3"
    assert mine.new_patients.studies == {
        "p1_20200101": ["p1_a"],
        "p2_20200101": ["p2_a"],
        "p3_20200101": ["p3_a", "p4_a"],
    }
    masks = "results/mine/predictions/nnunet_finetuned/ensemble"
    assert mine.new_patients.predictions("p3_20200101") == [
        f"{masks}/p3_a.nii.gz",
        f"{masks}/p4_a.nii.gz",
    ]
    batches = "results/mine/radiomics/nnunet_finetuned/batches"
    assert mine.new_patients.features("p3_20200101", "union") == [
        f"{batches}/b2.union.tsv",
        f"{batches}/b3.union.tsv",
    ]


def test_scans_without_a_sample_of_their_time_are_judged():
    # p2's sample came 244 days later, p4 has none.
    assert study().new_patients.unsampled == {"p2_a": "p2_20200101", "p4_a": "p4_20200101"}
    scans = "results/mine/detection/nnunet_finetuned/batches/{}.scans.tsv".format
    assert study().new_patients.scans_of_unsampled() == [scans("b2"), scans("b3")]
    # Of given masks only series that have one, and nothing is detected.
    given = study(segmentation__source="reference").new_patients
    assert given.unsampled == {}
    assert given.scans_of_unsampled() == []
    assert study(segmentation__packed="/models/mine").new_patients.unsampled == {}


def test_phantoms_are_counted_by_series():
    real = study()
    assert real.phantom_series == []
    mixed = replace(real, phantoms=pd.DataFrame(index=["p2_a", "s1_a", "gone"]))
    assert mixed.phantom_series == ["s1_a", "p2_a"]


def test_the_radiology_reports_word_is_told_of_every_series():
    words = study().lesions_read()
    assert (words["p4_a"], words["p1_a"], words["s1_a"]) == ("absent", "present", "")
