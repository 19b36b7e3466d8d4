"""Detection on the page: layouts, figures and sentences say what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import rcParams
from matplotlib.collections import LineCollection, PathCollection

from livermet.models import NETWORKS
from livermet.report import words
from livermet.report.content import lay_out
from livermet.report.detection.content import (
    SHOWN_THRESHOLDS,
    comparison_sentences,
    false_lesion_sentences,
    lesion_free_sentences,
    rule_sentences,
    sentences,
    size_sentences,
)
from livermet.report.detection.figures import (
    MARKED_THRESHOLDS,
    MODEL_STYLE,
    agreement_of_burden,
    froc,
    sensitivity_by_size,
)
from livermet.report.drawing import save
from livermet.report.exhibits import EXHIBITS
from livermet.report.page import download, plain_table
from livermet.report.segmentation.lits_challenge import LITS_CHALLENGE
from livermet.report.words import MISSING
from livermet.vocabulary import ScoredSet

from .. import detection_table_phantoms as made
from ..report_phantoms import run_of
from .test_figures import texts

FINAL, TARGET = "nnunet_finetuned", "mSCLC"


def shown(name: str, tables: dict | None = None) -> pd.DataFrame:
    """The page's table by cohort, set and model."""
    table, _ = lay_out(EXHIBITS[name], tables or made.tables())
    return table.set_index(["cohort", "test_set", "model"])


def of_final(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["model"].eq(FINAL)]


def test_rules_stand_side_by_side_for_test_patients():
    rows, whole = lay_out(EXHIBITS["detection_scores"], made.tables())
    assert list(rows.columns[-2:]) == ["any overlap", "IoU 0.5"]
    # Four sets of test patients, five scores each; the models of a cohort stand together.
    assert len(rows) == 4 * 5
    assert list(rows["model"].drop_duplicates()) == ["unet", FINAL]
    assert list(rows["cohort"].drop_duplicates()) == ["LiTS", "mSCLC"]
    found = rows[rows["cohort"].eq(TARGET) & rows["model"].eq(FINAL)].set_index("metric")
    # Of 3, 5 and 2 lesions of a patient the rules find 2, 5 and 2, and 1, 4 and none.
    assert found.loc["sensitivity", "any overlap"] == "0.90 (0.67 to 1.00)"
    assert found.loc["sensitivity", "IoU 0.5"] == "0.50 (0.00 to 0.80)"
    # Two false positives in two scans of the first patient, one in the second's only scan: 1.2 ml.
    assert found.loc["false_positive_ml_per_scan", "any overlap"] == "0.90 (0.00 to 1.20)"
    assert whole == download(made.scores())


def test_scores_of_whole_scans_count_those_with_a_distance():
    rows = shown("detection_distances")
    assert len(rows) == len(made.SETS)
    final = rows.loc[TARGET, ScoredSet.TEST_PATIENTS, FINAL]
    # Dice 0.6 and 1 of one patient, 0.8, 0.5; ASSD 1, 2 and 3 mm, and one scan without lesions.
    assert (final["Dice"], final["ASSD, mm"]) == ("0.70 (0.50 to 0.80)", "2.0 (1.0 to 3.0)")
    assert final["With distance"] == 3
    missed = rows.loc["LiTS", ScoredSet.TEST_PATIENTS, FINAL]
    assert (missed["ASSD, mm"], missed["With distance"]) == ("", 0)


def test_matched_lesions_are_those_of_the_first_rule():
    rows = shown("detection_matched").sort_index()
    # Nothing matched in LiTS.
    assert len(rows) == 4
    tested = rows.xs((TARGET, ScoredSet.TEST_PATIENTS))
    # Of the patients 2, 3 and 1 or 2 by any overlap, with scores of 0.6, 0.7 and 0.8.
    assert tested["Groups"].to_dict() == {"unet": 6, FINAL: 7}
    assert set(tested["Surface Dice"]) == {"0.70 (0.60 to 0.80)"}
    assert rows.loc[(TARGET, ScoredSet.OUT_OF_FOLD, FINAL), "Groups"] == 20


def test_nothing_matched_leaves_no_row():
    table = made.scores()
    tables = {"detection_scores": table[~table["metric"].str.startswith("median_matched")]}
    laid, _ = lay_out(EXHIBITS["detection_matched"], tables)
    assert plain_table("detection_matched", "", "", laid).rows == []


def test_sizes_have_their_number_of_lesions():
    row = shown("detection_sizes").loc[TARGET, ScoredSet.TEST_PATIENTS, FINAL]
    # One of two, all of one and all of two.
    assert row["5-10 mm"] == "0.80 of 5 (0.50 to 1.00)"
    assert row["> 20 mm"] == "1.00 of 1"
    assert row["< 5 mm"] == ""


def test_predicted_sizes_have_their_number_of_lesions():
    row = shown("detection_predicted_sizes").loc[TARGET, ScoredSet.TEST_PATIENTS, FINAL]
    # The first of 4, 4 and 2 predicted lesions of three scans have 12 mm, the fourth 4 mm; of these
    # the rule matches the first 2, 3 and 2.
    assert row["10-20 mm"] == "1.00 of 3"
    assert row["> 20 mm"] == "0.50 of 2 (0.00 to 1.00)"
    assert row["< 5 mm"] == "0.00 of 2"


def test_the_sizes_of_false_lesions_stand_beside_those_of_true_ones():
    table, _ = lay_out(EXHIBITS["detection_size_distribution"], made.tables())
    rows = table[table["cohort"].eq(TARGET) & table["test_set"].eq(ScoredSet.TEST_PATIENTS)]
    rows = rows[rows["model"].eq(FINAL)].set_index("Lesions of kind")
    assert list(rows.index) == [
        *("reference", "detected", "missed", "predicted", "true positive", "false positive")
    ]
    # 3, 5 and 2 reference lesions, of which 2, 5 and 2 are found; predicted as above.
    assert list(rows["Lesions"]) == [10, 9, 1, 10, 7, 3]
    # False: 25 and 4 mm of the first patient, 4 mm of the second.
    assert rows.loc["false positive", "Median diameter, mm (quartiles)"] == "4.0 (4.0 to 14.5)"
    assert (rows.loc["false positive", "scans"], rows.loc["missed", "patients"]) == (2, 1)
    # A sphere of 6 mm, the only one that is missed.
    assert rows.loc["missed", "Median volume, ml"] == "0.11"


def test_burden_and_lesion_free_scans_have_their_numbers_in_ml():
    row = shown("detection_burden").loc[TARGET, ScoredSet.TEST_PATIENTS, FINAL]
    # Differences of 2 and 0 ml of one patient, -10 and -0.25 ml.
    assert row["Bias, ml"] == "-2.06 (-10.00 to 1.00)"
    free = shown("detection_lesion_free").loc[TARGET, ScoredSet.TEST_PATIENTS, FINAL]
    # Two scans of a patient, and one each of two: 0, 0, 0 and 2.4 ml.
    assert free["Predicted volume, ml"] == "0.60 (0.00 to 2.40)"
    # The widest draw has 0, 0 and 2.4 ml: 2.4 / 3^0.5.
    assert free["SD, ml"] == "1.20 (0.00 to 1.39)"
    assert free["Scans with any"] == "0.25 (0.00 to 1.00)"


def test_pairs_of_models_have_difference_and_p():
    rows, _ = lay_out(EXHIBITS["detection_comparison"], made.tables())
    row = rows[rows["cohort"].eq(TARGET)].iloc[0]
    assert row["difference"] == "U-Net (MONAI) minus nnU-Net, fine-tuned"
    # No patient has a distance by both; nine have everything else.
    assert (row["patients"], row["ASSD, mm"]) == (9, MISSING)
    # All nine differences have one sign: 2 / 2^9.
    assert row["Lesion Dice"] == "-0.10 (p = 0.004)"
    assert row["Sensitivity"] == "0.00 (p = 1.000)"


def test_thresholds_show_sensitivity_and_false_positives():
    row = shown("detection_froc").loc[TARGET, ScoredSet.TEST_PATIENTS, "unet"]
    # Five lesions of ten, and two false positives of four.
    assert row["at 0.5"] == "0.50 / 2.00"
    assert len(row) == 2 + len(SHOWN_THRESHOLDS)
    assert (
        shown("detection_froc").loc["LiTS", ScoredSet.TEST_PATIENTS, "unet"]["at 0.5"]
        == f"{MISSING} / 2.00"
    )


def test_without_test_patients_the_other_sets_are_shown():
    table = made.scores()
    tables = {"detection_scores": table[table["test_set"].ne(ScoredSet.TEST_PATIENTS)]}
    assert set(lay_out(EXHIBITS["detection_scores"], tables)[0]["test_set"]) == {
        ScoredSet.ALL_OF_COHORT,
        ScoredSet.OUT_OF_FOLD,
    }


def test_the_page_means_the_stages_own_set():
    assert ScoredSet.TEST_PATIENTS == ScoredSet.TEST_PATIENTS


@pytest.mark.parametrize(
    ("name", "told"),
    [("any_overlap", "any overlap"), ("iou_0.1", "IoU 0.1"), ("lits", "LiTS"), ("new", "new")],
)
def test_rules_have_names_for_readers(name, told):
    assert words.rule(name) == told


def panel(figure, title: str):
    (found,) = [ax for ax in figure.axes if ax.get_title() == title]
    return found


def dots(ax) -> np.ndarray:
    """Every point drawn as a marker."""
    groups = [one.get_offsets() for one in ax.collections if isinstance(one, PathCollection)]
    return np.concatenate([np.asarray(group) for group in groups])


def upright(ax) -> set[tuple[float, float, float]]:
    """Every upright line as x, lower and upper end."""
    segments = [
        line
        for one in ax.collections
        if isinstance(one, LineCollection)
        for line in one.get_segments()
    ]
    return {
        (round(line[0, 0], 9), *np.round(sorted(line[:, 1]), 9))
        for line in segments
        # A line without an end is drawn without points.
        if len(line) and line[0, 0] == line[1, 0]
    }


def test_froc_draws_every_threshold_of_every_model():
    table = made.froc()
    ax = panel(froc(table, "iou_0.5"), "mSCLC, test patients")
    rows = table[table["rule"].eq("iou_0.5") & table["cohort"].eq(TARGET)]
    rows = rows[rows["test_set"].eq(ScoredSet.TEST_PATIENTS)]
    for model in ("unet", FINAL):
        own = rows[rows["model"].eq(model)]
        wide = own.pivot(index="threshold", columns="metric", values="value")
        (line,) = [one for one in ax.lines if one.get_color() == MODEL_STYLE[model][0]]
        np.testing.assert_allclose(line.get_xdata(), wide["false_positives_per_scan"])
        np.testing.assert_allclose(line.get_ydata(), wide["sensitivity"])
        sensitivity = own[own["metric"].eq("sensitivity")].set_index("threshold")
        at = wide["false_positives_per_scan"]
        expected = {
            (round(at[t], 9), round(row["low"], 9), round(row["high"], 9))
            for t, row in sensitivity.dropna(subset=["low", "high"]).iterrows()
        }
        assert expected <= upright(ax)
    # Three thresholds of two models are marked; at 0.5 three lesions of ten have an IoU of 0.5.
    assert len(dots(ax)) == 2 * len(MARKED_THRESHOLDS)
    assert np.isclose(dots(ax), [2.0, 0.3]).all(axis=1).any()


def test_froc_has_a_panel_a_set_with_its_size_and_says_where_nothing_could_be_found():
    drawn = froc(made.froc(), "any_overlap")
    titles = [ax.get_title() for ax in drawn.axes]
    assert [title for title in titles if title] == [
        "LiTS, test patients",
        "mSCLC, test patients",
        "mSCLC, whole cohort",
        "mSCLC, training, out of fold",
    ]
    empty = panel(drawn, "LiTS, test patients")
    told = [text.get_text() for text in empty.texts]
    assert told == ["no reference lesion in this set", "1 scan of 1 patient"]
    assert not empty.lines
    assert "4 scans of 3 patients" in texts(drawn)


def test_sizes_draw_the_share_its_interval_and_the_number_of_lesions():
    drawn = sensitivity_by_size(made.sizes(), "any_overlap")
    ax = panel(drawn, "mSCLC, test patients")
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == [
        "< 5 mm\n0\nlesions",
        "5-10 mm\n5\nlesions",
        "10-20 mm\n4\nlesions",
        "> 20 mm\n1\nlesion",
    ]
    points = dots(ax)
    # Two models, each beside the middle of its size; 3 or 4 of 5, 4 of 4, 1 of 1, nothing below 5.
    assert sorted(np.round(points[:, 0]).astype(int)) == [1, 1, 2, 2, 3, 3]
    by_size = {place: sorted(y for x, y in points if round(x) == place) for place in (1, 2, 3)}
    assert by_size == {1: pytest.approx([0.6, 0.8]), 2: [1.0, 1.0], 3: [1.0, 1.0]}
    ends = {line[1:] for line in upright(ax) if round(line[0]) == 1}
    assert ends == {(0.5, 1.0)}
    assert "no reference lesion in this set" in texts(panel(drawn, "LiTS, test patients"))


def test_sizes_are_those_of_the_rule_that_is_named():
    ax = panel(sensitivity_by_size(made.sizes(), "iou_0.5"), "mSCLC, test patients")
    points = dots(ax)
    assert points[np.round(points[:, 0]) == 1][:, 1] == pytest.approx([0.2, 0.2])


def test_burden_draws_each_scan_and_the_limits():
    drawn = agreement_of_burden(of_final(made.scans()), of_final(made.burden()))
    left = panel(drawn, "mSCLC, test patients")
    # (10, 12), (0, 0), (40, 30), (0.5, 0.25) ml, as mean and difference.
    means = [[11, 2], [0, 0], [35, -10], [0.375, -0.25]]
    np.testing.assert_allclose(dots(left), means)
    limits = made.burden()
    limits = limits[limits["model"].eq(FINAL) & limits["test_set"].eq(ScoredSet.TEST_PATIENTS)]
    limits = limits[limits["cohort"].eq(TARGET)].set_index("metric")["value"]
    *level, growth = left.lines
    lines = {round(float(line.get_ydata()[0]), 9) for line in level}
    expected = limits[["bias_ml", "lower_limit_ml", "upper_limit_ml"]].round(9)
    assert lines == {0.0, *expected}
    bands = {
        tuple(np.round([box.get_y(), box.get_y() + box.get_height()], 4)) for box in left.patches
    }
    assert (-10.0, 1.0) in bands
    assert len(bands) == 3
    right = drawn.axes[drawn.axes.index(left) + 1]
    np.testing.assert_allclose(dots(right), [[10, 12], [0, 0], [40, 30], [0.5, 0.25]])
    # A logarithmic axis would hide how errors grow.
    for scale in (left.xaxis, left.yaxis, right.xaxis, right.yaxis):
        assert scale.get_scale() == "linear"
    # Least squares through the four points by another implementation.
    slope, start = np.polyfit(*np.transpose(means), deg=1)
    assert list(growth.get_xdata()) == [0, 35]
    np.testing.assert_allclose(growth.get_ydata(), [start, start + 35 * slope])


def test_one_scan_has_a_point_and_no_limits():
    drawn = agreement_of_burden(of_final(made.scans()), of_final(made.burden()))
    alone = panel(drawn, "LiTS, test patients")
    assert "1 scan: too few for limits of agreement" in texts(alone)
    assert {float(line.get_ydata()[0]) for line in alone.lines} == {0.0, 20.0}
    np.testing.assert_allclose(dots(alone), [[10, 20]])


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda: froc(made.froc()[:0], "lits"), "No lesion probability of a scan with a reference"),
        (lambda: sensitivity_by_size(made.sizes()[:0], "lits"), "No scan with a reference"),
        (
            lambda: agreement_of_burden(made.scans()[:0], made.burden()[:0]),
            "No scan with a reference",
        ),
    ],
)
def test_a_figure_of_nothing_says_so(draw, told):
    drawn = draw()
    drawn.draw_without_rendering()
    written = [text for text in texts(drawn) if text]
    assert any(text.startswith(told) for text in written)


def test_the_loosest_and_the_strictest_rule_are_told():
    (told,) = rule_sentences(run_of(made.tables()))
    assert "finds 90% of the lesions by the loosest (any overlap; PPV 0.70)" in told
    assert "50% of the lesions by the strictest (IoU 0.5; PPV 0.40) of 2 rules" in told
    table = made.scores()
    table.loc[table["metric"].eq("sensitivity"), "value"] = 0.5
    (same,) = rule_sentences(run_of({"detection_scores": table}))
    assert "by each of 2 rules the final model finds 50%" in same


def test_sizes_and_lesion_free_scans_are_told():
    (sizes,) = size_sentences(run_of(made.tables()))
    (false,) = false_lesion_sentences(run_of(made.tables()))
    assert "false positives have a median diameter of 4.0 mm" in false
    counted = "4 of 5 at 5-10 mm, 4 of 4 at 10-20 mm, 1 of 1 at > 20 mm"
    assert sizes == f"Lesions by diameter: the final model finds {counted}."
    (free,) = lesion_free_sentences(run_of(made.tables()))
    assert "On 4 scans that the radiology report reads as free of lesions" in free
    assert (
        "predicts 0.60 ml on average (SD 1.20 ml; any lesion in 25% of them; 1.20 ml a lesion)"
        in free
    )
    alone = made.lesion_free()
    alone.loc[alone["metric"].eq("predicted_ml_sd"), "value"] = np.nan
    (free,) = lesion_free_sentences(run_of({"detection_lesion_free": alone}))
    assert "0.60 ml on average (any lesion in 25% of them; 1.20 ml a lesion)" in free


def test_models_that_differ_after_holm_are_named_with_the_score():
    (told,) = comparison_sentences(run_of(made.tables()))
    assert told.startswith("Models that differ on 9 patients after Holm's correction (of 1 pair)")
    assert told.endswith("U-Net (MONAI) and nnU-Net, fine-tuned in Lesion Dice.")
    alike = made.comparison().assign(p_holm=0.25)
    (none,) = comparison_sentences(run_of({"detection_comparison": alike}))
    assert "none of 1 pair differs in any of 8 scores" in none
    assert "smallest p 0.250" in none


def test_no_sentence_without_numbers_and_none_without_tables():
    assert sentences(run_of({})) == []
    assert sentences(run_of({name: table[:0] for name, table in made.tables().items()})) == []
    empty = {
        name: table.assign(**{column: np.nan for column in table.select_dtypes("float").columns})
        for name, table in made.tables().items()
    }
    assert sentences(run_of(empty)) == []
    unknown = run_of(made.tables(), final_model=None)
    assert sentences(unknown)[0].startswith("Models that differ")


def test_the_challenges_numbers_are_those_of_its_report():
    # Bilic et al. (arXiv:1901.04056), abstract.
    told = plain_table("lits_challenge", "", "", LITS_CHALLENGE).rows
    assert told == [
        ["ISBI 2017", "0.674", "0.458", MISSING],
        ["MICCAI 2017", "0.702", "0.515", MISSING],
        ["MICCAI 2018", "0.739", "0.554", MISSING],
        ["any of the three", MISSING, MISSING, "0.963"],
    ]


def test_every_listed_network_has_a_look_of_its_own_and_room_in_the_keys(tmp_path, monkeypatch):
    # nnU-Net's trainer does so for all that its process draws later.
    monkeypatch.setitem(rcParams, "legend.fontsize", 27.5)
    assert len({style[0] for style in MODEL_STYLE.values()}) == len(NETWORKS)
    assert len({style[2] for style in MODEL_STYLE.values()}) == len(NETWORKS)
    table = made.froc()
    final = table[table["model"].eq(FINAL)]
    every = pd.concat([final.assign(model=name) for name in NETWORKS])
    figures = []

    def draw():
        # Inside `save`, which sets the size of letters.
        figures.append(froc(every, "any_overlap"))
        return figures[0]

    save(draw, tmp_path / "froc.png", tmp_path / "froc.svg")
    (drawn,) = figures
    models, thresholds = (legend.get_window_extent() for legend in drawn.legends)
    assert not models.overlaps(thresholds)
    told = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert told == [network.label for network in NETWORKS.values()]
