"""Figures show the tables' numbers, and are the same bytes twice."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg

from livermet.errors import InputError
from livermet.phenotype.chosen import chosen_models
from livermet.report.classification.figures import calibration
from livermet.report.classification.tables import of_corrected
from livermet.report.detection.figures import ppv_by_size
from livermet.report.drawing import STYLE, save
from livermet.report.features.figures import reproducibility, side_by_side
from livermet.report.features.lists import (
    by_class,
    family,
    feature_label,
    most_selected,
    ranked_features,
)
from livermet.report.ladder.figures import always_positive, corrections
from livermet.report.segmentation.examples import (
    extremes,
    fullest_slice,
    letters_of,
    read_example,
    scans_by_burden,
)
from livermet.report.segmentation.figures import (
    field_mm,
    scale_bar_mm,
    segmentation_examples,
)
from livermet.report.specifications.figures import specification_curve
from livermet.report.variation.figures import variation as changes
from livermet.report.words import p_text
from livermet.validation.failures import (
    Drawn,
    by_sample_type,
    predictions_on_test,
    roc_points,
    series_agreement,
)

from .. import detection_table_phantoms as detection
from .. import report_phantoms as made
from .. import statistics_phantoms as statistics
from .. import variation_phantoms as variation


@pytest.mark.parametrize("name", made.figures())
def test_a_figure_is_the_same_bytes_twice(name, tmp_path):
    draw = made.figures()[name]
    for turn in ("one", "two"):
        save(draw, tmp_path / f"{turn}.png", tmp_path / f"{turn}.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "one.svg").read_bytes()


@pytest.mark.parametrize("name", ["detection_predicted_sizes", "figure5_failures"])
def test_the_labels_of_neighbouring_places_do_not_meet(name):
    draw = {
        # As many lesions as make long labels.
        "detection_predicted_sizes": lambda: ppv_by_size(
            detection.predicted_sizes().assign(
                predicted_lesions=lambda table: 10 + 3 * table.groupby("model").cumcount()
            ),
            "any_overlap",
        ),
        "figure5_failures": made.figures()["figure5_failures"],
    }[name]
    with rc_context():
        # A library that an earlier test imported may have set others.
        rcdefaults()
        rcParams.update(STYLE)
        figure = draw()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        for ax in figure.axes:
            boxes = [label.get_window_extent(renderer) for label in ax.get_xticklabels()]
            for left, right in pairwise(box for box in boxes if box.width):
                assert left.x1 < right.x0


@pytest.mark.parametrize("measured", [True, False])
def test_changes_of_a_patient_are_drawn_with_their_counts(measured):
    features = variation.differing() if measured else None
    axes = changes(variation.pairs(), features, "NE").axes
    titles = [ax.get_title() for ax in axes]
    assert titles == ["Lesions of one scan"] * measured + ["Over time, held out", "Over time, test"]
    held_out, tested = axes[-2:]
    assert [text.get_text() for text in held_out.texts] == ["no patient has two studies"]
    # Patients a and b: three pairs, of which one changes its class and two their call.
    assert [text.get_text() for text in tested.texts] == ["3 pairs of studies of 2 patients"]
    legend = [text.get_text() for text in tested.get_legend().get_texts()]
    assert legend == ["class stays: 2, call changes in 1", "class changes: 1, call changes in 1"]
    if measured:
        told = [text.get_text() for text in axes[0].texts]
        assert told == ["50 lesions of 25 scans of 25 patients"]


@pytest.mark.parametrize("score", [0.0, np.nan])
def test_pairs_whose_score_stays_or_is_unknown_are_drawn(score, tmp_path):
    pairs = variation.pairs().assign(score_change=score)
    save(lambda: changes(pairs, None, "NE"), tmp_path / "figure.png", tmp_path / "figure.svg")
    empty = pairs[:0]
    save(lambda: changes(empty, None, "NE"), tmp_path / "empty.png", tmp_path / "empty.svg")
    assert (tmp_path / "empty.svg").stat().st_size > 0


def test_the_flow_is_drawn_without_segmentation_and_without_exclusions(tmp_path):
    from livermet.report.cohort.figures import flow
    from livermet.report.cohort.tables import flow_of_facts, splits_of_facts

    facts = made.facts()
    facts = facts[facts["cohort"].eq("mSCLC")]
    only = flow(flow_of_facts(facts), splits_of_facts(facts), "mSCLC")
    written = [text.get_text() for text in only.axes[0].texts]
    assert "28 series, 14 studies, 14 patients" in written
    assert not any("Segmentation" in text for text in written)


def test_the_scans_of_highest_and_lowest_concordance_are_chosen():
    scans = pd.DataFrame({"series": list("ebcda"), "dice": [0.4, 0.9, np.nan, 0.5, 0.1]})

    def chosen(rows):
        return [(place, row["series"]) for place, row in extremes(rows, "dice")]

    assert chosen(scans) == [("highest", "b"), ("lowest", "a")]
    assert chosen(scans[:1]) == [("highest", "e")]
    assert extremes(scans[:0], "dice") == []
    # Of equals the first by name, and then the next.
    assert chosen(scans.assign(dice=0.5)) == [("highest", "a"), ("lowest", "b")]
    # Two empty masks agree in full, and show nothing.
    lesions = pd.Series([1, 0, 3, 2, 4])
    assert chosen(scans.assign(reference_lesions=lesions)) == [("highest", "d"), ("lowest", "a")]
    assert chosen(scans.assign(reference_lesions=0)) == [("highest", "b"), ("lowest", "a")]


def test_the_slice_is_that_of_the_largest_lesion_area_of_the_reference():
    reference, prediction = np.zeros((2, 4, 3, 3), dtype=int)
    reference[1, 0, :2] = 2
    reference[2, 0, 0] = 2
    prediction[3] = 2
    assert fullest_slice([reference, prediction]) == 1
    assert fullest_slice([np.zeros_like(reference), prediction]) == 3


def test_an_example_is_turned_as_radiologists_look_at_it(tmp_path):
    # RAS+ grid: index x grows to the patient's right, y to the front; 20 x 30 x 2 voxels of 1 mm
    labels = np.zeros((2, 30, 20), dtype=np.uint8)
    labels[1, 25, 2] = 2
    image = sitk.GetImageFromArray(labels)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    path = str(tmp_path / "labels.nii.gz")
    sitk.WriteImage(image, path)
    example = read_example(("a", "highest", "Dice 1.00"), path, path, None)
    # In LPS order the lesion lies at row 29 - 25 = 4 and column 19 - 2 = 17.
    assert example.reference[4, 17] == 2
    assert example.reference.shape == (30, 20)
    assert example.prediction is None
    assert example.letters == ("R", "L", "A", "P")
    # The second of two slices from the feet.
    assert (example.number, example.slices) == (2, 2)
    assert example.box_mm == (17, 18, 4, 5)


def test_letters_of_orientation_follow_the_direction_cosines():
    assert letters_of((1, 0, 0, 0, 1, 0, 0, 0, 1)) == ("R", "L", "A", "P")
    # Columns run to the right and rows to the front: left is L, and below is the front.
    assert letters_of((-1, 0, 0, 0, -1, 0, 0, 0, 1)) == ("L", "R", "P", "A")
    # Turned by 30 degrees about the body's axis both are named, the nearer one first.
    c, s = np.cos(np.pi / 6), 0.5
    turned = ("RA", "LP", "AL", "PR")
    assert letters_of((c, -s, 0, s, c, 0, 0, 0, 1)) == turned
    # By 10 degrees one is enough; a coronal slice runs to the feet.
    c, s = np.cos(np.pi / 18), np.sin(np.pi / 18)
    assert letters_of((c, -s, 0, s, c, 0, 0, 0, 1)) == ("R", "L", "A", "P")
    assert letters_of((1, 0, 0, 0, 0, 1, 0, -1, 0)) == ("R", "L", "H", "F")


def test_panels_of_figure_2_have_one_size_a_scale_bar_and_the_slice():
    examples = made.examples()
    # The liver reaches (columns - 22)^2 < 300 and (rows - 18)^2 < 200: columns 5 to 39 and rows 4
    # to 32 of 5 mm, so 175 mm across and 145 down, and 25 mm around.
    assert examples[0].box_mm == (25, 200, 20, 165)
    assert field_mm(examples) == 225
    # A third of 225 mm is 75 mm.
    assert scale_bar_mm(225) == 50
    assert scale_bar_mm(20) == 10
    figure = segmentation_examples(examples, "nnU-Net")
    assert len(figure.axes) == 4
    for ax in figure.axes:
        assert (np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())) == (225, 225)
        (bar,), (image,) = ax.lines, ax.images
        left, right, low, high = image.get_extent()
        rows, columns = image.get_array().shape
        # 50 mm are 10 pixels of 5 mm.
        assert np.ptp(bar.get_xdata()) / ((right - left) / columns) == pytest.approx(10)
        assert (low - high) / rows == pytest.approx(5)
    written = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert written[0] == ["R", "L", "A", "P", "slice 21 of 60", "50 mm"]
    assert written[3][4] == "slice 22 of 60"
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [
        "(a) highest concordance: m00_a\nreference",
        "(b) Dice 0.90\nprediction, nnU-Net",
        "(c) lowest concordance: m01_a\nreference",
        "(d) Dice 0.40\nprediction, nnU-Net",
    ]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["liver, lesions included", "lesion"]


def test_each_panel_shows_its_own_mask_and_given_masks_stand_beside_the_ct():
    example = made.examples()[1]
    # The reference's lesion is centred in row 16, the predicted one in row 20, of 5 mm.
    figure = segmentation_examples([example], "nnU-Net")
    middles = [lesion_outline(ax)[:, 1].mean() for ax in figure.axes]
    assert middles == [pytest.approx(16.5 * 5, abs=1), pytest.approx(20.5 * 5, abs=1)]
    bare, drawn = segmentation_examples([replace(example, prediction=None)], None).axes
    assert not bare.collections
    assert lesion_outline(drawn)[:, 1].mean() == pytest.approx(16.5 * 5, abs=1)


def lesion_outline(ax) -> np.ndarray:
    """The points of the outline that was drawn last."""
    return ax.collections[-1].get_paths()[0].vertices


def test_no_example_is_told_in_a_sentence():
    with pytest.raises(InputError, match="at least one test scan with a reference"):
        segmentation_examples([], None)


def test_given_masks_are_ranked_by_burden_the_classified_ones_first(tmp_path):
    labels = np.zeros((2, 3, 3), dtype=np.uint8)
    labels[0, 0, :2] = 2
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((10, 10, 5))
    masks = {name: str(tmp_path / f"{name}.nii.gz") for name in ("a", "b")}
    for path in masks.values():
        sitk.WriteImage(image, path)
    facts = pd.DataFrame(
        {"series": ["a", "b", "c"], "included": [True, False, True], "burden_ml": [7.0, None, 9.0]}
    )
    assert scans_by_burden(facts, masks).to_dict("list") == {"series": ["a"], "burden_ml": [7.0]}
    # Two voxels of 0.5 ml; nobody is classified.
    unclassified = scans_by_burden(facts.assign(included=False), masks)
    assert dict(zip(unclassified["series"], unclassified["burden_ml"], strict=True)) == {
        "a": pytest.approx(1.0),
        "b": pytest.approx(1.0),
    }


def test_a_panel_without_a_test_says_its_own_reason():
    drawn = made.figures()["figure3_burden"]()
    told = [" ".join(text.get_text().split()) for ax in drawn.axes for text in ax.texts]
    assert "no correlation: 4 studies, 5 needed" in told
    reason = "no rank-sum test: 3 positive and 1 negative studies, 3 of each needed"
    assert reason in told


def test_the_model_is_chosen_by_cross_validation():
    table = made.cross_validation()
    best = table["model"].eq("LR") & table["metric"].eq("auc") & table["protocol"].eq("corrected")
    table.loc[best & table["weighting"].eq("none"), "mean"] = 0.99
    models = {protocol: choice.model for protocol, choice in chosen_models(table).items()}
    assert models == {"published": "XGB", "corrected": "LR"}
    # The corrected protocol's own record decides where there is one.
    chosen = chosen_models(table, made.choice())
    assert chosen["published"].model == "XGB"
    assert chosen["corrected"].model == "RF"
    assert chosen["corrected"].auc == pytest.approx(0.66)
    assert chosen["corrected"].volume == pytest.approx(0.61)


def test_agreement_of_series_is_counted_by_study():
    predictions = pd.DataFrame(
        {
            "study": ["s1", "s1", "s2", "s2", "s3", "s3", "s4", "s5"],
            "right": [True, True, False, False, True, False, True, False],
        }
    )
    assert series_agreement(predictions).to_dict() == {
        "all right": 1,
        "all wrong": 1,
        "series disagree": 1,
        "one series, right": 1,
        "one series, wrong": 1,
    }


def test_only_ensembles_on_the_test_set_are_shown():
    tested = predictions_on_test(made.predictions())
    assert set(tested["set"]) == {"test"}
    # 8 test series by 3 published classifiers with 2 weightings, the chosen one and 3 rules.
    scored = tested.groupby(["protocol", "model", "weighting"]).size()
    assert (len(scored), set(scored)) == (3 * 2 + 1 + 3, {8})
    right_a = tested[tested["model"].eq("LR") & tested["series"].str.endswith("a")]["right"]
    assert right_a.all()


def test_right_series_by_sample_type():
    predictions = pd.DataFrame({"series": list("abcd"), "right": [True, False, True, True]})
    predictions = predictions.assign(label=[1, 0, 0, 1], probability=[0.7, 0.7, 0.2, 0.9])
    predictions = predictions.assign(predicted=[1, 1, 0, 1], patient=list("abcd"))
    types = pd.Series({"a": "biopsy", "b": "biopsy", "c": np.nan, "d": "cfdna"})
    table = by_sample_type(predictions, types, Drawn(50, 1)).set_index("sample_type")
    # One pair, tied; cfDNA has one class.
    assert list(table.loc["biopsy", ["series", "right", "accuracy", "auc"]]) == [2, 1, 0.5, 0.5]
    assert list(table.loc["cfdna", ["series", "right", "accuracy"]]) == [1, 1, 1.0]
    assert np.isnan(table.loc["cfdna", "auc"])


def test_roc_of_a_perfect_ranking_and_of_one_class():
    perfect = pd.DataFrame({"label": [0, 1], "probability": [0.1, 0.9]})
    points = roc_points(perfect)
    assert ((points["false_positive_rate"] == 0) & (points["sensitivity"] == 1)).any()
    assert roc_points(perfect[:1]).empty


def test_features_are_ranked_by_size_times_frequency_over_folds():
    rows, fits = ranked_features(made.selection(), "corrected")
    # Five folds, of which three selected nothing; mean of 0.2 and 0.4.
    assert fits == 5
    assert list(rows["feature"]) == ["original_shape_MeshVolume", "Num_Lesions"]
    assert rows.loc[0, "coefficient"] == pytest.approx(0.3)
    assert list(rows["fits"]) == [2, 1]
    assert ranked_features(made.selection(), "published")[1] == 1


def test_words_in_figures():
    assert feature_label("original_glszm_ZoneVariance") == "ZoneVariance (glszm)"
    assert feature_label("Num_Lesions") == "Num Lesions"
    assert (p_text(0.0321), p_text(0.0001)) == ("p = 0.032", "p < 0.001")


def texts(figure) -> list[str]:
    """Every text of a figure, subfigures included."""
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_the_ladder_shows_widths_reasons_and_where_the_model_changes():
    written = texts(corrections(statistics.corrections(), statistics.baselines()))
    # Steps 0 and 1 have an accuracy and a balanced accuracy of 0.75 or 1, and an F1 of 0.8 or 1.
    assert written.count("0.25") == 2 * written.count("0.20") == 4
    assert any("(logistic regression)" in text for text in written)
    assert sum("(random forest)" in text for text in written) == 1
    assert "not made: a finished table is taken as it is" in written
    assert any(text.startswith("does not apply: concerns segmentation") for text in written)
    assert "rule 'always positive', test studies" in written


def test_the_trivial_rule_is_that_of_the_test_studies():
    # Two of four test studies are positive.
    expected = {"auc": 0.5, "f1": 2 / 3, "accuracy": 0.5, "balanced_accuracy": 0.5}
    assert always_positive(statistics.baselines()) == pytest.approx(expected)


@pytest.mark.parametrize("rows", [0, 1])
def test_the_ladder_is_drawn_of_no_step_and_of_one(rows):
    drawn = corrections(statistics.corrections()[:rows], statistics.baselines()[:0])
    drawn.draw_without_rendering()
    written = texts(drawn)
    assert ("no correction was computed" in written) == (rows == 0)
    assert "rule 'always positive', test studies" not in written


def test_the_ladder_is_drawn_where_the_test_set_gives_no_score():
    steps = statistics.corrections()
    steps[
        [name for name in steps if name.startswith(("auc", "balanced", "f1", "accuracy", "cv_"))]
    ] = np.nan
    drawn = corrections(steps, statistics.baselines())
    drawn.draw_without_rendering()
    assert any("published procedure" in text for text in texts(drawn))


def test_the_curve_marks_choices_that_differ_and_what_it_is_compared_with():
    drawn = specification_curve(statistics.specification_curve())
    validated, _, grid = drawn.axes
    choices = [label.get_text() for label in grid.get_yticklabels()]
    # Three ways to take series, three transforms, two of volume and of the target, three learners.
    assert len(choices) == 3 + 3 + 2 + 2 + 3
    assert not any(choice.startswith("features of") for choice in choices)
    named = {text.get_text() for legend in drawn.legends for text in legend.get_texts()}
    assert {"tumour volume alone", "this run's corrected protocol", "chance"} <= named
    # A point a specification: all but the 36 of thin series.
    assert max(len(points.get_offsets()) for points in validated.collections) == 108


def test_the_curve_is_drawn_of_no_specification():
    table = statistics.specification_curve()
    drawn = specification_curve(table[table["kind"].ne("specification")])
    drawn.draw_without_rendering()
    assert "no specification has an AUC" in [text.get_text() for text in drawn.axes[0].texts]


def test_calibration_is_that_of_the_chosen_model_alone():
    curve = statistics.calibration_curve()
    others = [curve.assign(model="LR"), curve.assign(protocol="published")]
    chosen = of_corrected(pd.concat([*others, curve]), "RF")
    assert len(chosen) == len(curve)
    assert set(chosen["model"]) == {"RF"}
    assert set(chosen["protocol"]) == {"corrected"}
    written = texts(calibration(chosen, statistics.decision_curve(), "random forest"))
    # Four bins of 36 and of 10 series.
    assert "144 held-out series" in written
    assert "40 test series" in written


@pytest.mark.parametrize("part", ["validation", None])
def test_calibration_is_drawn_without_test_series_and_without_any(part):
    curve, decisions = statistics.calibration_curve(), statistics.decision_curve()
    curve, decisions = (table[table["set"].eq(part)] for table in (curve, decisions))
    drawn = calibration(curve, decisions, "random forest")
    drawn.draw_without_rendering()
    written = texts(drawn)
    assert ("no predictions to draw" in written) == (part is None)
    assert written.count("no net benefit to draw") == (1 if part else 2)


def test_net_benefit_stays_in_sight_where_calling_all_falls_without_end():
    drawn = calibration(statistics.calibration_curve(), statistics.decision_curve(), "any")
    low, high = drawn.axes[1].get_ylim()
    # The share of positives, which is the most that calling all can be worth: 98 of 144.
    assert -0.3 < low < 0 < 0.68 < high < 0.9


def test_features_are_sorted_by_class_and_icc():
    table = pd.DataFrame(
        {
            "feature": ["original_shape_A", "original_glcm_B", "original_shape_C", "Num_Lesions"],
            "icc": [0.2, 0.5, 0.9, np.nan],
        }
    )
    ordered = by_class(table)
    assert list(ordered["feature"]) == [
        "original_shape_C",
        "original_shape_A",
        "original_glcm_B",
        "Num_Lesions",
    ]
    assert list(ordered["family"]) == ["shape", "shape", "glcm", "lesions"]
    assert family("No_Measured_Lesion") == "lesions"
    assert feature_label("No_Measured_Lesion") == "No Measured Lesion"


def test_the_most_selected_features_were_selected_at_least_once():
    counts = pd.DataFrame({"feature": list("abc"), "selected": [0, 2, 5], "resamples": 10})
    assert list(most_selected(counts)["feature"]) == ["c", "b"]


def test_reproducibility_counts_good_features_below_each_class():
    written = texts(reproducibility(statistics.reproducibility(), statistics.stability()))
    # What the corrected protocol learns from stands first, and is drawn alone.
    learnt = statistics.reproducibility()[: 2 * 108]
    table = by_class(learnt)
    for _, shape in table[table["family"].eq("shape")].groupby("comparison"):
        assert f"shape\n{(shape['icc'] >= 0.75).sum()}/14" in written
    assert {"ICC(A,1)", "ICC(1,1)"} <= set(written)
    reliability = learnt.set_index("feature")["icc"]
    told = " / ".join(f"{icc:.2f}" for icc in reliability[reliability.index[0]])
    assert any(f"82 of 100, ICC {told}" in text for text in written)


def test_a_feature_stands_at_one_place_in_both_comparisons():
    compared = side_by_side(statistics.reproducibility()[: 2 * 108])
    reconstructions, masks = compared.values()
    assert list(reconstructions["feature"]) == list(masks["feature"])
    shape = reconstructions.loc[reconstructions["family"].eq("shape"), "icc"]
    assert shape.is_monotonic_decreasing
    # Where reconstructions have no ICC, perturbed masks stand alone.
    table = statistics.reproducibility()[: 2 * 108]
    table.loc[table["comparison"].eq("reconstructions"), "icc"] = np.nan
    (masks,) = side_by_side(table).values()
    assert masks.loc[masks["family"].eq("glcm"), "icc"].is_monotonic_decreasing


def test_reproducibility_is_drawn_without_pairs_and_without_selections():
    reliability = statistics.reproducibility().assign(icc=np.nan, low=np.nan, high=np.nan)
    drawn = reproducibility(reliability, statistics.stability().assign(selected=0))
    drawn.draw_without_rendering()
    written = texts(drawn)
    # No panel is drawn of what was not measured; the page says why.
    assert not any("ICC(" in text or text.startswith("Agreement") for text in written)
    assert "No half of the training patients gave any feature." in written
    nothing = reproducibility(reliability[:0], statistics.stability()[:0])
    nothing.draw_without_rendering()
