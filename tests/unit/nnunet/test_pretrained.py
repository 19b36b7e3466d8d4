"""Weights of others: which are found, how two plans are compared, and that no code of them runs."""

import os
import random
from copy import deepcopy

import numpy as np
import pytest
import torch

from livermet.contracts import check
from livermet.errors import InputError
from livermet.nnunet.comparison import DIFFERENCES, as_lines, cautions, compare, refusals
from livermet.nnunet.layout import CONFIGURATION, PLANS
from livermet.nnunet.planning import adopt_plan
from livermet.nnunet.pretrained import Described, checkpoints_by_fold
from livermet.nnunet.weights import Pretrained, check_planned, fitting, read_pretrained

LABELS = {"background": 0, "liver": 1, "lesion": 2}


def planned(**changes) -> Described:
    """A plan of three stages; `changes` are keys of any of its parts."""
    network = {
        "n_stages": 3,
        "features_per_stage": [32, 64, 128],
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "n_conv_per_stage": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2],
        "nonlin": "torch.nn.LeakyReLU",
    }
    configuration = {
        "patch_size": [64, 80, 80],
        "batch_size": 2,
        "spacing": [2.0, 0.789, 0.789],
        "normalization_schemes": ["CTNormalization"],
        "preprocessor_name": "DefaultPreprocessor",
        "data_identifier": "nnUNetPlans_3d_fullres",
    }
    intensities = {"percentile_00_5": -20.0, "percentile_99_5": 200.0, "mean": 99.5, "std": 37.1}
    plan = {
        "dataset_name": "Dataset003_Liver",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "NibabelIO",
        "foreground_intensity_properties_per_channel": {"0": intensities},
        "transpose_forward": [0, 1, 2],
    }
    description = {"channel_names": {"0": "CT"}, "labels": LABELS}
    architecture = {"network_class_name": "a.b.PlainConvUNet"}
    parts = [network, configuration, plan, description, architecture]
    for key, value in changes.items():
        next(part for part in parts if key in part)[key] = value
    configuration["architecture"] = architecture | {"arch_kwargs": network}
    return Described("3d_fullres", plan, configuration, description)


def differing(theirs: Described) -> dict[str, str]:
    table = compare(theirs, planned())
    check(table, DIFFERENCES, "results/r/nnunet/preprocessed/d/pretrained.tsv")
    found = table[table["verdict"] != "same"]
    return dict(zip(found["property"], found["verdict"], strict=True))


def test_the_same_plan_differs_in_nothing():
    assert differing(planned()) == {}
    assert refusals(compare(planned(), planned())) == []
    assert cautions(compare(planned(), planned())) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"network_class_name": "a.b.ResidualEncoderUNet"}, "network"),
        ({"channel_names": {"0": "CT", "1": "PET"}}, "input channels"),
        ({"features_per_stage": [16, 32, 64]}, "features"),
        ({"strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]]}, "strides"),
        ({"kernel_sizes": [[3, 3, 3]] * 3}, "kernels"),
        ({"n_conv_per_stage": [2, 3, 4]}, "convolutions or blocks"),
        ({"n_conv_per_stage_decoder": [1, 1]}, "convolutions of the decoder"),
        ({"nonlin": "torch.nn.ReLU"}, "other parts of the network"),
    ],
)
def test_another_network_is_refused_in_one_sentence_with_the_remedy(change, what):
    theirs = planned(**change)
    assert differing(theirs) == {what: "refused"}
    (sentence,) = refusals(compare(theirs, planned()))
    assert f"({what}: " in sentence
    remedy = "one channel, a CT" if what == "input channels" else "segmentation.nnunet.plans"
    assert remedy in sentence


def test_other_images_are_allowed_and_told():
    theirs = planned(spacing=[2.5, 0.8, 0.8], normalization_schemes=["ZScoreNormalization"])
    assert differing(theirs) == {"spacing, mm (z, y, x)": "warning", "normalisation": "warning"}
    told = cautions(compare(theirs, planned()))
    assert any("2.5x0.8x0.8" in one and "here 2x0.789x0.789" in one for one in told)
    assert any("CTNormalization (-20 200 99.5 37.1)" in one for one in told)
    assert refusals(compare(theirs, planned())) == []


def test_the_same_normalisation_by_other_intensities_is_told():
    other = {"percentile_00_5": -40.0, "percentile_99_5": 210.0, "mean": 90.0, "std": 40.0}
    theirs = planned(foreground_intensity_properties_per_channel={"0": other})
    assert differing(theirs) == {"normalisation": "warning"}


def test_another_patch_does_not_matter():
    assert differing(planned(patch_size=[96, 96, 96])) == {"patch, voxels (z, y, x)": "no matter"}


@pytest.mark.parametrize(
    ("labels", "verdicts"),
    [
        ({"background": 0, "liver": 1, "tumor": 2}, {"labels": "warning"}),
        ({"background": 0, "liver": 1}, {"classes": "begun anew", "labels": "no matter"}),
        # nnU-Net gives each region a logit, and the background none.
        (
            {"background": 0, "liver": [1, 2], "lesion": 2},
            {"classes": "begun anew", "labels": "no matter"},
        ),
        (LABELS | {"ignore": 3}, {}),
    ],
)
def test_labels_decide_what_becomes_of_segmentation_layers(labels, verdicts):
    assert differing(planned(labels=labels)) == verdicts


def test_a_comparison_is_laid_out_for_readers():
    organs = {f"organ_{n}": n for n in range(100)}
    lines = as_lines(compare(planned(n_stages=4, labels=organs), planned()))
    assert lines[0].split() == ["property", "verdict", "pretrained", "here"]
    (stages,) = [line for line in lines if line.startswith("stages ")]
    assert stages.split() == ["stages", "refused", "4", "3"]
    assert {line.index(word) for line, word in ((lines[0], "verdict"), (stages, "refused"))} == {
        lines[0].index("verdict")
    }
    assert max(map(len, lines)) < 150


def test_the_plan_of_others_keeps_what_the_weights_have_learnt():
    theirs = planned(spacing=[1.5, 0.7, 0.7])
    before = deepcopy(theirs)
    plan = adopt_plan(theirs, "Dataset501_lits", {"batch_size": 4})
    assert (plan["dataset_name"], plan["plans_name"]) == ("Dataset501_lits", PLANS)
    assert plan["image_reader_writer"] == "SimpleITKIO"
    made = plan["configurations"][CONFIGURATION]
    assert made["data_identifier"] == f"{PLANS}_{CONFIGURATION}"
    assert (made["spacing"], made["patch_size"]) == ([1.5, 0.7, 0.7], [64, 80, 80])
    assert made["batch_size"] == 4
    key = "foreground_intensity_properties_per_channel"
    assert plan[key] == theirs.plan[key]
    here = Described(CONFIGURATION, plan, made, theirs.description)
    assert not (compare(theirs, here)["verdict"] != "same").any()
    assert theirs == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"normalization_schemes": ["CTNormalization"] * 2}, "2 input channels"),
        ({"patch_size": [512, 512]}, "has slices"),
        ({"preprocessor_name": "TheirPreprocessor"}, "TheirPreprocessor"),
    ],
)
def test_a_plan_that_cannot_be_ours_is_refused(change, why):
    with pytest.raises(InputError, match=why):
        adopt_plan(planned(**change), "Dataset501_lits", {})


def made_folds(folder, *names):
    for name in names:
        (folder / name).mkdir()
        (folder / name / "checkpoint_final.pth").touch()
    return str(folder)


def test_each_fold_begins_from_the_fold_of_its_number(tmp_path):
    found = checkpoints_by_fold(made_folds(tmp_path, "fold_0", "fold_1", "fold_2"), [0, 1])
    assert found == {k: str(tmp_path / f"fold_{k}" / "checkpoint_final.pth") for k in (0, 1)}


@pytest.mark.parametrize("name", ["fold_all", "fold_3"])
def test_all_folds_begin_from_the_only_one(tmp_path, name):
    found = checkpoints_by_fold(made_folds(tmp_path, name), [0, 1])
    assert set(found.values()) == {str(tmp_path / name / "checkpoint_final.pth")}
    assert checkpoints_by_fold(found[0], [0, 1]) == found


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(InputError, match="neither a checkpoint nor a folder"):
        checkpoints_by_fold(str(tmp_path), [0])
    with pytest.raises(InputError, match=r"has fold_0, fold_2, and no .* of fold 1; name one"):
        checkpoints_by_fold(made_folds(tmp_path, "fold_0", "fold_2"), [0, 1, 2])


def test_another_file_than_was_planned_with_stops_the_training(tmp_path):
    begun = Pretrained(tmp_path / "theirs.pth", "abc")
    check_planned(begun, {0: "xyz", 1: "abc"}, "1")
    with pytest.raises(InputError, match="fold 0 begins from, has changed"):
        check_planned(begun, {0: "xyz", 1: "abc"}, 0)


class Program:
    """What a pickle can do to who opens it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def saved(path, **content):
    kept = {
        "network_weights": {"_orig_mod.module.encoder.weight": torch.ones(2)},
        "init_args": {
            "plans": {"configurations": {}},
            "configuration": "3d_lowres",
            "dataset_json": {"labels": LABELS},
            "device": torch.device("cpu"),
        },
        "trainer_name": "nnUNetTrainerOfTheirs",
        "current_epoch": 12,
    }
    torch.save(kept | content, path)
    return path


def test_a_checkpoint_of_another_trainer_is_read_with_all_that_nnunet_keeps(tmp_path):
    """NumPy's numbers of the curve, and the generators' states that livermet's own have."""
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    path = saved(
        tmp_path / "theirs.pth",
        _best_ema=np.float64(0.5),
        logging={"train_losses": [np.float32(0.25)], "dice": [[np.float64(0.5)]]},
        generators=states,
    )
    opened = read_pretrained(path)
    assert list(opened.weights) == ["encoder.weight"]
    assert (opened.trainer, opened.epochs, opened.configuration) == (
        "nnUNetTrainerOfTheirs",
        12,
        "3d_lowres",
    )
    assert opened.description == {"labels": LABELS}


def test_no_code_of_a_checkpoint_is_run(tmp_path):
    path = saved(tmp_path / "theirs.pth", extra=Program(tmp_path / "was_here"))
    with pytest.raises(InputError, match=r"theirs.pth holds more than data \(posix.mkdir\)"):
        read_pretrained(path)
    assert not (tmp_path / "was_here").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "was_here").exists()


def test_what_is_no_checkpoint_is_told(tmp_path):
    path = saved(tmp_path / "cut.pth")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"cut.pth is no checkpoint that torch can open"):
        read_pretrained(path)
    with pytest.raises(InputError, match="has no 'network_weights'"):
        read_pretrained(saved(tmp_path / "other.pth", network_weights=None))


def test_a_checkpoint_without_a_plan_takes_that_of_its_folder(tmp_path):
    (tmp_path / "fold_0").mkdir()
    path = saved(tmp_path / "fold_0" / "theirs.pth", init_args={})
    with pytest.raises(InputError, match=r"plans\.json is neither beside it nor"):
        read_pretrained(path)
    (tmp_path / "plans.json").write_text('{"plans_name": "theirs"}')
    (tmp_path / "dataset.json").write_text('{"labels": {}}')
    opened = read_pretrained(path)
    assert (opened.plan, opened.description) == ({"plans_name": "theirs"}, {"labels": {}})


def test_weights_of_a_network_that_a_trainer_has_changed_are_refused():
    own = {"a.weight": torch.ones(2), "decoder.seg_layers.0.weight": torch.ones(3)}
    theirs = {"a.weight": torch.zeros(2), "decoder.seg_layers.0.weight": torch.zeros(4)}
    taken, anew = fitting(theirs, own)
    assert list(taken) == ["a.weight"]
    assert anew == ["decoder.seg_layers.0"]
    with pytest.raises(InputError, match=r"1 of 2 differ, such as a.weight \(there it is \(3,\)"):
        fitting(theirs | {"a.weight": torch.ones(3)}, own)
    with pytest.raises(InputError, match=r"a.weight \(it is missing, here \(2,\)\)"):
        fitting({}, own)
