"""Items of the checklists are done where the run's tables show it, and only there."""

import inspect
import re
from dataclasses import replace

import pandas as pd
import pytest

from livermet.contracts import check
from livermet.report import checks
from livermet.report.checklists import (
    CHECKLISTS,
    LEFT_OUT,
    MODULES,
    NO,
    YES,
    answers,
    compose,
    judge_of,
    metrics_score,
    read_checklists,
    render,
    table_of,
)
from livermet.report.cohort.tables import table_s1_acquisition
from livermet.report.evidence.form import (
    AUTHORS,
    DONE,
    NOT_APPLICABLE,
    NOT_DONE,
    PARTLY,
    STATES,
    Evidence,
)
from livermet.report.exhibits import EXHIBITS, TITLES
from livermet.report.run import Run

from .. import report_phantoms as made
from .test_page import read

# Numbers of the checklists as published: 58 and 30 items; 27 items in 52 parts.
TRIPOD_ITEMS = (
    "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 "
    "16 17 18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"
)
# What only images can answer: segmentation, preparation, resampling, extraction.
OF_IMAGES = {
    "CLEAR": ("16", "19", "21", "22", "23", "25", "28", "31"),
    "METRICS": ("6", "7", "8", "9", "10", "11", "12", "13"),
    "TRIPOD+AI": ("7",),
}


@pytest.fixture(scope="module")
def checklists():
    return {checklist.name: checklist for checklist in read_checklists()}


@pytest.fixture(scope="module")
def run() -> Run:
    return made.run()


@pytest.fixture(scope="module")
def from_table(run) -> Run:
    """The same run, begun with a finished table: no images, no masks, no models of them."""
    settings = dict(run.settings) | {"entry": "table", "models": [], "final_model": None}
    images = ("table3_segmentation", "tableS1_acquisition", "exclusions", "masks")
    tables = {k: v for k, v in run.tables.items() if k not in images}
    icc = tables["reproducibility"]
    tables["reproducibility"] = icc[icc["comparison"].eq("reconstructions")]
    tables["facts"] = tables["facts"].assign(kind=None)
    return Run(settings, tables)


def found(checklist, run) -> dict[str, Evidence]:
    return {answer.item.item: answer.evidence for answer in answers(checklist, run)}


def with_table(run: Run, name: str, table: pd.DataFrame | None) -> Run:
    tables = {key: value for key, value in run.tables.items() if key != name}
    return replace(run, tables=tables if table is None else tables | {name: table})


def test_items_have_the_published_numbers_in_order(checklists):
    numbers = {name: [item.item for item in one.items] for name, one in checklists.items()}
    assert numbers["CLEAR"] == [str(number) for number in range(1, 59)]
    assert numbers["METRICS"] == [str(number) for number in range(1, 31)]
    assert numbers["TRIPOD+AI"] == TRIPOD_ITEMS.split()
    assert len({re.sub(r"\D", "", number) for number in numbers["TRIPOD+AI"]}) == 27


def test_weights_of_metrics_are_those_of_its_rank_sums(checklists):
    # METRICS gives its nine categories weights of 18, 13, ... 2 parts in 89 (rank sums); the
    # items' weights are printed to four decimals and sum to 1.
    parts = {
        "Study design": 18,
        "Imaging data": 13,
        "Segmentation": 6,
        "Image processing and feature extraction": 12,
        "Feature processing": 8,
        "Preparation for modelling": 8,
        "Metrics and comparison": 12,
        "Testing": 10,
        "Open science": 2,
    }
    items = checklists["METRICS"].items
    assert sum(item.weight for item in items) == pytest.approx(1, abs=1e-9)
    for section, part in parts.items():
        weights = [item.weight for item in items if item.section == section]
        assert sum(weights) == pytest.approx(part / 89, abs=2e-4), section


def test_patients_of_weights_of_others_are_not_known(checklists, run):
    """The audit sees the ledger's patients alone, so that the split is shown in part."""
    judge = judge_of("study.split")
    assert judge(run).done == DONE
    assert "not known" not in judge(run).what
    begun = replace(run, settings=dict(run.settings) | {"pretrained": True})
    assert judge(begun).done == PARTLY
    for told in (judge(begun).what, judge_of("images.segmentation_method")(begun).what):
        assert "patients of those weights are not known" in told
    assert any("patients of those weights are not known" in one for one in checks.checks(begun))
    assert not any("those weights" in one for one in checks.checks(run))


def test_every_evidence_has_its_function_and_every_function_its_item(checklists, run):
    named = {item.evidence for one in checklists.values() for item in one.items} - {"authors"}
    for key in named:
        assert isinstance(judge_of(key)(run), Evidence)
    written = {
        f"{name}.{function}"
        for name, module in MODULES.items()
        for function, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__ == module.__name__ and not function.startswith("_")
    }
    assert named == written


@pytest.mark.parametrize("entry", ["scans", "masks", "table"])
@pytest.mark.parametrize("protocols", [["published"], ["corrected"], ["published", "corrected"]])
def test_a_run_without_tables_claims_no_result(checklists, run, entry, protocols):
    empty = Run(dict(run.settings) | {"entry": entry, "protocols": protocols}, {})
    for checklist in checklists.values():
        for answer in answers(checklist, empty):
            module, _, _ = answer.item.evidence.partition(".")
            assert answer.evidence.done in STATES
            assert answer.evidence.what.endswith(".")
            if module == "results":
                assert answer.evidence.done == NOT_DONE, answer.item


@pytest.mark.parametrize(
    ("table", "item"),
    [
        ("sample_size", "9"),
        ("selection_summary", "33"),
        ("table4_classification", "39"),
        ("baselines", "42"),
        ("table1_cohort", "44"),
        ("tableS2_cross_validation", "47"),
        ("tableS1_acquisition", "16"),
    ],
)
def test_an_item_of_a_missing_or_empty_table_is_not_done(checklists, run, table, item):
    clear = checklists["CLEAR"]
    assert found(clear, run)[item].done in (DONE, PARTLY)
    assert found(clear, with_table(run, table, None))[item].done == NOT_DONE
    emptied = with_table(run, table, run.tables[table].iloc[:0])
    assert found(clear, emptied)[item].done == NOT_DONE


def test_a_run_from_a_table_claims_nothing_of_images(checklists, from_table):
    for name, items in OF_IMAGES.items():
        evidence = found(checklists[name], from_table)
        for item in items:
            assert evidence[item].done == NOT_DONE
            assert evidence[item].what.startswith("The run began with a finished feature table")
            assert evidence[item].where == ()
    said = " ".join(
        answer.evidence.what
        for checklist in checklists.values()
        for answer in answers(checklist, from_table)
        if answer.item.evidence != "authors"
    )
    for word in ("nnU-Net", "U-Net", "Dice", "resampled to", "PyRadiomics (", "mm;", "network"):
        assert word not in said.replace("No network goes from the image", ""), word


def test_numbers_are_those_of_the_tables(checklists, run):
    clear = found(checklists["CLEAR"], run)
    # facts(): 13 patients are included, 4 of them test patients, 2 series each.
    trained, tested = "18 series, 9 studies, 9 patients", "8 series, 4 studies, 4 patients"
    assert f"Training: {trained} (6 positive and 3 negative studies). Test: {tested}" in (
        clear["15"].what
    )
    # Patient m05 lacks features in both series, patient m06 those of single lesions.
    assert clear["29"].what.startswith("Published protocol: 2 of 26 classified series")
    assert "Corrected protocol: 4 of 26 classified series" in clear["29"].what
    table = run.tables["reproducibility"]
    learnt = table[table["aggregation"].eq("volume_weighted_mean")]
    for comparison, rows in learnt.groupby("comparison"):
        good = f"{(rows['icc'] >= 0.75).sum()} of 108 features have an ICC"
        assert good in clear["46"].what, comparison
    required = run.tables["sample_size"]["required_patients"].max()
    assert f"{required:,.0f} patients" in clear["9"].what
    assert "To 1 x 1 x 1 mm" in clear["22"].what
    assert "bin width: 25 HU" in clear["23"].what
    assert "shape 14, firstorder 18, glcm 24, gldm 14" in clear["26"].what.lower()
    assert clear["27"].what.startswith("108 a series: 107 radiomic")
    for item in ("19", "27"):
        assert "Published protocol: features of the union of a scan's lesions" in clear[item].what
        assert "each feature is the mean over a scan's lesions, weighted by" in clear[item].what
    assert "pyradiomics-bhklab 3.1.4" in clear["25"].what
    metrics = found(checklists["METRICS"], run)
    # calibration(): the model has a slope on held-out patients and none on test patients.
    row = run.tables["calibration"].set_index("set").loc["validation"]
    slope, intercept, brier = (
        f"{row[name]:.2f} ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"
        for name in ("slope", "intercept", "brier")
    )
    told = f"held-out series: slope {slope}, intercept {intercept}, Brier score {brier}, prevalence"
    assert told in metrics["22"].what
    assert "test series" not in metrics["22"].what
    # Of four test patients two are positive, and one negative one is called positive: F1 4 / 5.
    # Their difference by hand; its interval is tested with the function that computes it.
    assert "'always positive' F1 0.13 (" in metrics["25"].what
    assert "p = 0.745: not shown" in metrics["25"].what
    assert "F1 0.80 / 0.67" in metrics["25"].what
    # scans(): the final model's test scans with a reference.
    assert "On 4 mSCLC test scans of 4 patients" in metrics["9"].what
    assert "Median Dice: lesions 0.53, liver 0.90" in metrics["9"].what


def test_a_slope_without_an_interval_says_so(checklists, run):
    table = run.tables["calibration"].assign(slope_high=float("nan"))
    told = found(checklists["METRICS"], replace(run, tables={**run.tables, "calibration": table}))
    slope = table.set_index("set").loc["validation", "slope"]
    assert f"held-out series: slope {slope:.2f} (no interval), intercept" in told["22"].what


def test_a_normalised_volume_is_told(checklists, run):
    clear = checklists["CLEAR"]
    assert "No filter, normalisation or harmonisation comes" in found(clear, run)["21"].what
    settings = {**run.settings, "radiomics": {**run.settings["radiomics"], "normalize": True}}
    told = found(clear, replace(run, settings=settings))["21"].what
    assert "PyRadiomics normalises each volume" in told


def test_detection_is_evidence_of_an_evaluated_segmentation(checklists, run):
    metrics, clear = checklists["METRICS"], checklists["CLEAR"]
    evaluated = found(metrics, run)["9"]
    assert "Scored also by rule of matching, with surface distances, by lesion size" in (
        evaluated.what
    )
    assert "tables/detection_froc.csv" in evaluated.where
    # scans() on 4 test scans: Dice 0.50, 0.52, 0.54, 0.56.
    table = run.tables["table3_segmentation"].assign(median_dice_low=0.5, median_dice_high=0.56)
    told = found(metrics, with_table(run, "table3_segmentation", table))["9"].what
    assert "Dice of lesions 0.50 to 0.56" in told
    # All four livers have a Dice of 0.90, so that there is no interval.
    assert "of the liver 0.90 to" not in told
    assert "Holm's correction" in found(clear, run)["41"].what
    without = with_table(run, "detection_comparison", None)
    assert "Holm's correction" not in found(clear, without)["41"].what


def test_contours_moved_at_random_are_told_where_the_run_moved_them(checklists, run):
    clear, metrics = checklists["CLEAR"], checklists["METRICS"]
    for told in (found(clear, run)["31"].what, found(metrics, run)["14"].what):
        assert "between 5 masks of one series" in told
        assert "standard deviation of 1 mm" in told
    without_masks = with_table(run, "masks", None)
    assert found(clear, without_masks)["31"].done == PARTLY
    assert found(clear, without_masks)["31"].where == ("tables/reproducibility.csv",)
    icc = run.tables["reproducibility"]
    between = icc[icc["comparison"].eq("reconstructions")]
    unmoved = with_table(without_masks, "reproducibility", between)
    assert found(clear, unmoved)["31"].done == NOT_DONE
    assert "contour" not in found(metrics, unmoved)["14"].what
    few = with_table(run, "reproducibility", icc.assign(icc=float("nan")))
    assert found(metrics, few)["14"].done == NOT_DONE


def test_too_small_a_sample_is_no_fit_of_dimensions(checklists, run):
    metrics = checklists["METRICS"]
    assert found(metrics, run)["16"].done == PARTLY
    size = run.tables["sample_size"].assign(available_patients=10**9)
    assert found(metrics, with_table(run, "sample_size", size))["16"].done == DONE


def test_thin_voxels_of_thick_slices_are_named(checklists, run):
    metrics = checklists["METRICS"]
    assert "slices are at most 5 mm thick" in found(metrics, run)["11"].what
    assert found(metrics, run)["11"].done == PARTLY
    acquisition = made.acquisition().assign(spacing_mm="0.8; 0.8; 2.5", slice_thickness_mm=2.5)
    thin = with_table(run, "tableS1_acquisition", table_s1_acquisition(acquisition))
    assert found(metrics, thin)["11"].done == DONE


def test_a_leak_is_told(checklists, run):
    audit = made.audit()
    audit.loc[audit["patient"].eq("m00"), "role"] = "train"
    split = found(checklists["CLEAR"], with_table(run, "leakage_audit", audit))["15"]
    assert split.done == PARTLY
    assert "Patient 'm00' (cohort mSCLC) has the place 'test' and trained" in split.what


def test_the_published_protocol_alone_is_no_proper_partition(checklists, run):
    alone = replace(run, settings=dict(run.settings) | {"protocols": ["published"]})
    metrics = found(checklists["METRICS"], with_table(alone, "intervals", None))
    assert metrics["18"].done == PARTLY
    assert metrics["21"].done == PARTLY
    assert "far too narrow" in metrics["21"].what


def test_the_score_is_the_share_of_the_weights_that_count(checklists, run):
    given = answers(checklists["METRICS"], run)
    # By hand: of a network's run only item 17 (end-to-end networks) is left out.
    assert [answer.item.item for answer in given if answer.counted == LEFT_OUT] == ["17"]
    met = sum(answer.item.weight for answer in given if answer.evidence.done == DONE)
    assert metrics_score(given) == pytest.approx(100 * met / (1 - 0.02))
    assert {answer.counted for answer in given} == {YES, NO, LEFT_OUT}
    everything = [replace(answer, counted=YES) for answer in given]
    assert metrics_score(everything) == pytest.approx(100)


def test_conditions_follow_from_where_the_run_began(checklists, run, from_table):
    masks = replace(run, settings=dict(run.settings) | {"entry": "masks", "models": []})
    left_out = {
        name: [
            answer.item.item
            for answer in answers(checklists["METRICS"], one)
            if answer.counted == LEFT_OUT
        ]
        for name, one in {"masks": masks, "table": from_table}.items()
    }
    # Given masks: nothing automatic to evaluate. A table: nothing is left out in favour of the run.
    assert left_out == {"masks": ["9", "17"], "table": ["17"]}


def test_what_no_program_can_judge_counts_as_no(checklists, run):
    for answer in answers(checklists["METRICS"], run):
        if answer.evidence.done == AUTHORS:
            assert answer.counted == NO
        if answer.evidence.done == NOT_APPLICABLE:
            assert answer.counted == LEFT_OUT


@pytest.fixture(scope="module")
def page(checklists, run) -> str:
    return render(compose([(one, answers(one, run)) for one in checklists.values()], run))


def test_the_page_shows_every_item_once_and_loads_nothing(page, checklists):
    reader = read(page)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"clear-58", "metrics-30", "tripod-ai-27c"} <= set(ids)
    assert sum(bool(re.fullmatch(r"(clear|metrics|tripod-ai)-\w+", one)) for one in ids) == (
        sum(len(one.items) for one in checklists.values()) + 3  # and three titles
    )
    assert not any("src" in tag for tag in reader.named("script"))
    assert not reader.named("link")
    assert not reader.named("img")
    assert "http" not in page
    assert reader.open == []
    for link in (tag["href"] for tag in reader.named("a")):
        assert not link.startswith("#") or link[1:] in ids


def test_the_page_can_be_read_aloud(page):
    reader = read(page)
    assert all(tag.get("scope") for tag in reader.named("th"))
    assert reader.named("html") == [{"lang": "en"}]
    words = " ".join(reader.text).lower().split()
    assert not {"nan", "none)", "<na>", "(nan", "null"} & set(words)


def test_the_score_stands_with_its_caution(page):
    text = " ".join(" ".join(read(page).text).split())
    assert "the pipeline's part only" in text
    assert "a lower bound" in text
    assert "3 (good reference standard)" in text


def test_places_exist_in_the_report(checklists, run, root):
    template = (root / "workflow/scripts/livermet/report/templates/report.html").read_text()
    shown = {one.key for one in EXHIBITS.values() if one.on_page}
    anchors = {*TITLES, *shown, *re.findall(r'(?:id=|part\()"(\w+)"', template)}
    for checklist in checklists.values():
        for answer in answers(checklist, run):
            for place in answer.evidence.where:
                path, _, anchor = place.partition("#")
                assert not path.startswith("/")
                assert not anchor or anchor in anchors, place
                if path.startswith("tables/"):
                    assert path.removeprefix("tables/").removesuffix(".csv") in run.tables


def test_names_are_escaped(checklists, run):
    hostile = dict(run.settings) | {"name": "<script>alert(1)</script>", "run": "a&b"}
    odd = replace(run, settings=hostile)
    page = render(compose([(one, answers(one, odd)) for one in checklists.values()], odd))
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "a&amp;b" in page


def test_the_table_holds_what_the_page_shows(checklists, run):
    metrics = checklists["METRICS"]
    filled = [table_of(one, answers(one, run)) for one in checklists.values()]
    check(pd.concat(filled), CHECKLISTS, "tables/checklists.csv")
    table = table_of(metrics, answers(metrics, run)).set_index("item")
    assert len(table) == 30
    assert table.loc["17", "counted"] == LEFT_OUT
    assert table["weight"].sum() == pytest.approx(1)
    assert table.loc["22", "where"] == "tables/calibration.csv"
    assert not table["what"].eq("").any()


def test_harmonisation_answers_for_confounders_in_part(checklists, run):
    bare = found(checklists["CLEAR"], run)["36"]
    assert bare.done == "not done"
    harmonisation = run.settings["harmonisation"] | {"by": "scanner"}
    settings = dict(run.settings) | {"harmonisation": harmonisation}
    answered = found(checklists["CLEAR"], replace(run, settings=settings))
    assert answered["36"].done == "partly"
    for item in ("32", "36"):
        assert "ComBat takes out of the features what differs by scanner (manufacturer and" in (
            answered[item].what
        )
