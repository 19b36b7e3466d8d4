"""The report has the sections, tables and figures of its run, and says what is missing."""

from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from livermet.contracts import check
from livermet.detection.table3 import table3_of_given_masks
from livermet.provenance.leakage import STALE
from livermet.report import brief
from livermet.report.checks import missing_results, rules
from livermet.report.classification import content as classification
from livermet.report.content import compose
from livermet.report.exhibits import EXHIBITS
from livermet.report.page import plain_table, render
from livermet.report.phrases import phrases_of
from livermet.report.run import Run
from livermet.report.segmentation import content as segmentation
from livermet.report.words import phantoms

from .. import report_phantoms as made

TWO_OF_EACH = "2 patients with a positive study, 2 with a negative one"
FIGURES = [one.stem for one in EXHIBITS.values() if one.is_figure]


class Reader(HTMLParser):
    """Gathers what the tests ask: elements with their attributes, ids, and the text shown."""

    def __init__(self):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture(scope="module")
def run() -> Run:
    figures = {name: b'<svg xmlns="http://www.w3.org/2000/svg"/>' for name in FIGURES}
    return replace(made.run(), figures=figures)


@pytest.fixture(scope="module")
def page(run) -> str:
    return render(compose(run))


def changed(run: Run, **settings) -> Run:
    """The same run under other settings."""
    return replace(run, settings=made.SETTINGS | settings)


def with_tables(run: Run, **tables) -> Run:
    """The run with other tables in place of its own."""
    return replace(run, tables=run.tables | tables)


@pytest.mark.parametrize(
    ("models", "named"),
    [
        (["unet", "segresnet"], "U-Net (MONAI) and SegResNet (MONAI): one network each"),
        (["unet"], "U-Net (MONAI): one network each"),
    ],
)
def test_rules_name_the_networks_that_the_run_has(run, models, named):
    (row,) = run.tables["table3_segmentation"].head(1).to_dict("records")
    table = pd.DataFrame([row | {"model": model} for model in models])
    said = rules(with_tables(run, table3_segmentation=table))
    assert next(rule for rule in said if "one network each" in rule).startswith(named)


def test_the_page_needs_nothing_else(page):
    reader = read(page)
    loaded = [tag.get("src") for tag in reader.named("img")]
    assert all(source.startswith("data:image/svg+xml;base64,") for source in loaded)
    links = {tag["href"] for tag in reader.named("a")}
    held = ("#", "data:text/csv;base64,", "data:application/x-bibtex;base64,")
    kept = {link for link in links if link.startswith(held)}
    audit = "provenance/audit.html"
    beside = {"checklists.html", "quality.html", audit, f"{audit}#environments"}
    assert links - kept == beside
    # Date and commit come from beside the page, which says where they are if that is missing.
    (when,) = reader.named("object")
    assert when["data"] == "provenance/run.html"
    assert "stand in its audit" in page
    # Its scripts stand in it, and the library of its tables once.
    assert not any("src" in tag for tag in reader.named("script"))
    assert [tag["id"] for tag in reader.named("script") if "id" in tag] == ["library"]
    assert not reader.named("link")
    assert "http" not in page
    assert "url(" not in page
    assert reader.open == []


def test_every_table_and_figure_stands_on_the_page_once(page):
    reader = read(page)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {one.key for one in EXHIBITS.values() if one.on_page} <= set(ids)
    for link in (tag["href"] for tag in reader.named("a")):
        assert not link.startswith("#") or link[1:] in ids


def test_the_page_can_be_read_aloud(page):
    reader = read(page)
    assert all(len(tag["alt"]) > 20 for tag in reader.named("img"))
    assert all(tag.get("scope") in ("col", "row") for tag in reader.named("th"))
    assert reader.named("html") == [{"lang": "en"}]


def test_nothing_undefined_is_shown(page):
    words = " ".join(read(page).text).lower().split()
    assert not {"nan", "none)", "<na>", "(nan", "null"} & set(words)


def test_the_flow_comes_first_and_then_the_results(page):
    assert page.index('id="flow"') < page.index('id="results"') < page.index('id="cohort"')


def test_the_page_is_the_same_bytes_twice(run, page):
    assert render(compose(run)) == page


def test_rules_and_checks_are_printed(page):
    text = " ".join(" ".join(read(page).text).split())
    for rule in (
        "26-connectivity",
        "predicted lesions under 3 voxels are ignored",
        "Dice 1 and no entry in sensitivity",
        "1,000 bootstrap draws",
        "intervals by study ignore that the studies of a patient are alike",
        "no patient is on both sides of any of the ledger's splits",
        "every model's cases are still those that it was trained on",
        "within 92 days",
        "Every image of this run is a phantom.",
    ):
        assert rule in text, rule


def sentences_of(content, section: str) -> list[str]:
    """What a section of the page says before its tables."""
    return next(one.sentences for one in content["sections"] if one.key == section)


def test_results_in_brief_are_five_sentences_that_name_what_they_rest_on(run):
    content = compose(run)
    assert content["sentences"] == [
        "13 patients of mSCLC with 13 CT studies were classified by NE phenotype; 4 of them, whom "
        "no model saw, are the test.",
        "On 4 test scans of 4 patients the final model (nnU-Net, fine-tuned) found 56% of the "
        "liver lesions, with 1.00 false findings a scan; its outlines overlap the reader's with a "
        "median Dice of 0.53.",
        f"On the test studies ({TWO_OF_EACH}) the model that cross-validation chose (random "
        "forest) ranks NE with AUC 0.75, of too few patients for an interval, so chance is not "
        "excluded; fewer than 10 patients of a class settle nothing.",
        # The best classifier of 20 in 200 exchanges reaches the forest's AUC.
        "In cross-validation of the training patients random forest is above chance and above "
        "volume alone (AUC 0.66, tumour volume alone 0.61; against chance, by permutation and "
        "corrected for the choice, p = 0.104).",
        "Phantoms stand behind these numbers, which show that each stage runs and say nothing of "
        "patients.",
    ]
    page = render(content)
    assert page.count("is a phantom.") == 2  # at its head, and among the limitations
    assert f"too few to test: {TWO_OF_EACH}" in page


def test_a_patient_with_studies_of_both_classes_counts_in_either(run):
    facts = run.tables["facts"].copy()
    tested = facts["included"] & facts["place"].eq("test")
    assert facts.loc[tested, "patient"].nunique() == 4
    first = facts.loc[tested & facts["label"].eq("positive"), "patient"].iloc[0]
    later = facts[facts["patient"].eq(first)].assign(
        series="later", study=f"{first}_20300101", label="negative"
    )
    content = compose(with_tables(run, facts=pd.concat([facts, later[:1]])))
    # Four patients: two have a positive study, one of these and two others a negative one.
    assert "4 of them, whom no model saw" in content["sentences"][0]
    assert "2 patients with a positive study, 3 with a negative one" in content["sentences"][2]


def test_without_test_studies_none_is_told(run):
    facts = run.tables["facts"].assign(place="train")
    told = compose(with_tables(run, facts=facts))["sentences"]
    assert told[0].endswith("none of them is left to test on.")
    assert told[2] == "No study is there to test on."


def test_the_permutation_test_of_the_chosen_model_knows_that_it_was_chosen(run):
    tested = run.tables["permutation"].assign(p=0.02, p_of_choice=0.04)
    told = compose(with_tables(run, permutation=tested))["sentences"]
    assert "; against chance, by permutation and corrected for the choice, p = 0.040)" in told[3]
    alone = tested[tested["model"].ne("RF")]
    told = compose(with_tables(run, permutation=alone))["sentences"]
    assert "permutation" not in told[3]


def test_a_volume_without_an_auc_is_not_said_to_be_unbeaten(run):
    choice = run.tables["choice"].copy()
    choice.loc[choice["model"].eq("volume"), "auc"] = float("nan")
    choice["beats_volume"] = False
    content = compose(with_tables(run, choice=choice))
    told = "above chance, and volume alone has no AUC to compare with"
    assert told in content["sentences"][3]
    assert any(told in one for one in sentences_of(content, "classification"))
    assert not any("not beat" in one.label for one in content["headlines"])
    assert not any("no model beats" in one for one in content["limitations"])


def test_the_published_protocols_interval_is_called_too_narrow(run):
    alone = {
        name: table[table["protocol"].eq("published")] if "protocol" in table else table
        for name, table in run.tables.items()
        if name != "choice"
    }
    told = brief.sentences(replace(changed(run, protocols=["published"]), tables=alone))
    narrow = "an interval far too narrow, since it ignores how patients differ"
    assert narrow in told[2]
    (published,) = [
        one for one in classification.sentences(run) if one.startswith("Published protocol")
    ]
    assert published.endswith(f"AUC 0.75 (0.75 to 0.75), {narrow}.")


def test_where_no_test_scan_has_a_lesion_none_is_said_to_be_found(run):
    table = run.tables["table3_segmentation"].assign(lesion_sensitivity=float("nan"))
    content = compose(with_tables(run, table3_segmentation=table))
    assert "had no lesion to find, and has 1.00 false findings a scan" in content["sentences"][1]
    first = content["headlines"][0]
    assert (first.number, first.label) == (
        "1.00",
        "false positives per scan; no lesion was there to find",
    )
    assert "had no reference lesion to find" in sentences_of(content, "segmentation")[0]


def test_phantoms_are_told_only_where_they_are():
    assert phantoms(0, 64) == phantoms(0, 0) == ""
    assert phantoms(64, 64).startswith("Every image of this run is a phantom. Numbers of phantoms")
    some = phantoms(61, 64)
    assert some.startswith("61 of the 64 series of this run are phantoms, the others are scans.")


@pytest.mark.parametrize("entry", ["scans", "masks", "table"])
def test_no_tile_stands_alone_in_a_row(run, entry):
    final = "nnunet_finetuned" if entry == "scans" else None
    tiles = compose(changed(run, entry=entry, final_model=final))["headlines"]
    assert len(tiles) == 4


def test_the_page_says_which_series_are_dicom_or_why_none_is():
    told = {}
    for name, settings in {
        "none": {},
        "some": {"dicom": True},
        "lacking": {"dicom": True, "no_dicom": ["No DICOM is written: <why>."]},
    }.items():
        run = made.run()
        told[name] = render(compose(replace(run, settings={**run.settings, **settings})))
    assert "DICOM SEG" not in told["none"] + told["lacking"]
    assert '<a href="dicom/exported.tsv">DICOM SEG and reports</a>' in told["some"]
    assert "<li>No DICOM is written: &lt;why&gt;.</li>" in told["lacking"]


def test_scans_to_look_at_come_first_and_lead_to_the_viewer(run):
    content = compose(changed(run, viewed=["m13_a", "m00_a"]))
    assert sections_of(content)[0] == "scans"
    told, limits = sentences_of(content, "scans")
    # The last patient was read as free of lesions, and has 18 ml of them in either series.
    flag = "lesions of 18.0 ml, though none were read"
    assert told == f"To look at first: 2 of 32 series: m13_a ({flag}) and m13_b ({flag})."
    assert "under 0.5 or over 4 litres" in limits
    assert "Feng et al., World J Gastroenterol 2017" in limits
    (table,) = content["sections"][0].items
    assert table.links["m13_a"] == "viewer/series/m13_a.html"
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert shown["Series"] == "m13_a"
    assert shown["To look at"] == flag
    # 18 of 1,510 ml.
    volumes = [shown[name] for name in ("Liver, ml", "Lesions, ml", "Share of the liver")]
    assert volumes == ["1510", "18.0", "1.2%"]
    assert shown["Measured in"] == "nnU-Net, fine-tuned"


def test_headlines_are_the_tables_numbers(run):
    content = compose(run)
    # Test scans of the final model: m00_a to m03_a have a reference, Dice 0.50 to 0.56.
    # 3, 2, 1 and 3 of 4 lesions each are found.
    told = [(one.number, one.warning) for one in content["headlines"]]
    few = "few: 4 test patients"
    assert told[:2] == [("56%", few), ("0.53", few)]
    assert told[2] == ("0.75", f"too few to test: {TWO_OF_EACH}")
    assert "4 mSCLC test scans of 4 patients" in sentences_of(content, "segmentation")[0]
    trivial = "'always positive' would have accuracy 0.50"
    assert any(trivial in told for told in sentences_of(content, "classification"))


def test_an_interval_around_one_half_is_called_chance(run):
    scores = run.tables["table4_classification"].copy()
    scores.loc[scores["metric"].eq("auc"), "low"] = 0.4
    content = compose(with_tables(run, table4_classification=scores))
    told = sentences_of(content, "classification")
    assert any("includes 0.5, so chance is not excluded" in sentence for sentence in told)


def test_names_from_sheets_are_escaped(run):
    hostile = made.SETTINGS | {"name": "<script>alert(1)</script>", "run": "a&b"}
    page = render(compose(replace(run, settings=hostile)))
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "a&amp;b" in page


def test_changed_training_cases_are_named(run):
    stale = pd.DataFrame(
        [
            ("nnunet", "0", "l1", "ct", "changed"),
            ("nnunet", "1", "l1", "ct", "changed"),
            ("nnunet", "0", "l2", "ct", "withdrawn"),
        ],
        columns=STALE.names,
    )
    check(stale, STALE, "provenance/stale_models.tsv")
    page = render(compose(with_tables(run, stale_models=stale)))
    assert "nnU-Net (2 cases)" in page
    assert 'id="stale_cases"' in page


def test_the_names_of_series_lead_to_the_viewer(run):
    series = "msclc_001 <a>"
    stale = pd.DataFrame({"model": ["unet"], "series": [series], "file": ["ct"], "state": ["gone"]})
    run = with_tables(changed(run, viewed=[series, "lits_001"]), stale_models=stale)
    reader = read(render(compose(run)))
    links = [tag["href"] for tag in reader.named("a") if tag["href"].startswith("viewer/")]
    # The first leads to all series; the table has a row of one of the two.
    assert links == ["viewer/index.html", f"viewer/series/{series}.html"]


def without_detection(run: Run) -> Run:
    """What a run without a model makes: it has nothing to detect with."""
    tables, figures = (
        {name: one for name, one in made_by_run.items() if not name.startswith("detection_")}
        for made_by_run in (run.tables, run.figures)
    )
    return replace(run, tables=tables, figures=figures)


def test_given_masks_leave_a_sentence_and_no_segmentation_numbers(run):
    without = changed(without_detection(run), entry="masks", final_model=None, phantoms="")
    unscored = table3_of_given_masks(made.facts())
    content = compose(with_tables(without, table3_segmentation=unscored))
    assert not any("Dice" in headline.label for headline in content["headlines"])
    assert "masks were given" in content["sentences"][1]
    page = render(content)
    assert "is a phantom" not in page
    text = " ".join(" ".join(read(page).text).split())
    assert "final model" not in text
    assert "network" not in text.replace("trained model", "")
    assert "highest and the lowest burden" in page
    assert "LiTS challenge" not in page


def test_a_run_from_a_feature_table_has_no_images(run):
    without = changed(without_detection(run), entry="table", final_model=None)
    emptied = ("table3_segmentation", "tableS1_acquisition", "tableS3_weighted")
    without = with_tables(without, **{name: run.tables[name][:0] for name in emptied})
    figures = {k: v for k, v in without.figures.items() if k != "figure2_segmentation"}
    page = render(compose(replace(without, figures=figures)))
    assert 'id="figure2_segmentation"' not in page
    assert "began with a finished feature table" in page
    assert "This run has no rows for this table." in page
    assert "final model" not in page
    assert "LiTS challenge" not in page
    assert "The class of a series is that of the feature table" in page


def test_what_is_not_of_the_article_is_folded_but_for_a_sections_first(run):
    sections = {section.key: section.items for section in compose(run)["sections"]}
    of_cohort = {item.key: item.folded for item in sections["cohort"]}
    assert not of_cohort["table1_cohort"]
    # The supplement's tables are no part of the article, and the page's own are folded too.
    assert of_cohort["tableS1_acquisition"]
    assert of_cohort["quality_warnings"]
    assert not any(item.folded for items in sections.values() for item in items[:1])
    # Without scripts nothing is: the page itself folds what is marked.
    page = render(compose(run))
    folded = sum(item.folded for items in sections.values() for item in items)
    # Beside them the methods, their references and the list of packages.
    assert page.count("<details open data-folded>") == folded + 3
    assert "<details>" not in page


def test_columns_that_rows_are_chosen_by_are_named():
    table = pd.DataFrame({"model": ["unet"], "test_set": ["test patients"], "any overlap": [0.5]})
    table = table.assign(**{"IoU 0.5": 0.4, "scans": 3})
    laid = plain_table("detection_scores", "", "", table)
    assert laid.choices == ["model", "set", "rule", "rule", ""]


def test_the_challenge_stands_beside_table_3_as_other_data_and_no_phantom(run):
    (section,) = [one for one in compose(run)["sections"] if one.key == "segmentation"]
    keys = [item.key for item in section.items]
    assert keys.index("lits_challenge") == keys.index("table3_segmentation") + 1
    context = section.items[keys.index("lits_challenge")]
    assert context.title == "Context: the LiTS challenge, other data"
    assert context.caption.startswith("Not a result of this run")
    assert "Other patients, other test scans and other models" in context.caption
    # It is no result of the run to download.
    assert context.download == ""


def test_phantoms_are_told_once(page):
    text = " ".join(" ".join(read(page).text).split())
    assert text.count("Phantoms.") == text.count("made from phantoms") + 1 == 1


def test_detection_is_told_by_the_runs_rule_and_tolerance(run):
    page = render(compose(changed(run, matching="iou_0.5", surface_tolerance_mm=3.0)))
    text = " ".join(" ".join(read(page).text).split())
    assert "Lesions match by the rule of table 3 (IoU 0.5)" in text
    assert "within 3 mm of the other" in text
    assert "0.638 +- 1.73 ml for such scans: their own patients" in text
    assert "loosest (any overlap" in text


def test_a_run_without_probabilities_has_no_froc_figure(run):
    figures = {name: svg for name, svg in run.figures.items() if name != "detection_froc"}
    without = with_tables(run, detection_froc=run.tables["detection_froc"][:0])
    page = render(compose(replace(without, figures=figures)))
    assert 'id="figure_detection_froc"' not in page
    assert 'id="figure_detection_sizes"' in page


@pytest.mark.parametrize(
    ("protocols", "weights", "told", "untold"),
    [
        (["published"], "printed", "constants that this run", "12 inside"),
        (["published"], "searched", "repeating the article&#39;s search", "constants that"),
        (["corrected"], "printed", "best of 12 inside", "the article prints"),
    ],
)
def test_weights_and_missing_features_are_told_by_protocol(run, protocols, weights, told, untold):
    own = {"protocols": protocols, "published_weights": weights}
    page = render(compose(changed(run, weightings=["none", "auc", "f1"], **own)))
    assert told in page
    assert untold not in page
    assert told not in render(compose(changed(run, weightings=["none", "balanced"], **own)))
    assert ("published protocol drops such series" in page) == ("published" in protocols)
    assert ("corrected protocol keeps them" in page.lower()) == ("corrected" in protocols)
    # One patient's two series cannot be measured, by lesion those of another one neither.
    unmeasured = {"published": 2, "corrected": 4}[protocols[0]]
    assert f"{unmeasured} of 26 classified series lack some or all features" in page


@pytest.mark.parametrize("aggregation", ["union", "largest", "volume_weighted_mean", "sum"])
def test_what_the_features_are_of_is_told_by_protocol(run, aggregation):
    page = render(compose(changed(run, aggregation=aggregation)))
    told = {
        "union": "features of the union of a scan&#39;s lesions.",
        "largest": "features of a scan&#39;s largest lesion.",
        "volume_weighted_mean": "each feature is the mean over a scan&#39;s lesions, weighted by",
        "sum": "volume, surface area and energies are sums over a scan&#39;s lesions",
    }
    for name, words in told.items():
        assert (f"Corrected protocol: {words}" in page) == (name == aggregation)
    assert "Published protocol: features of the union of a scan&#39;s lesions, whose" in page
    # Where both protocols lack the same, it is told once.
    assert ("Corrected protocol: 4 of 26 classified" in page) == (aggregation != "union")


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (None, "Features are not harmonised between scanners or slice thicknesses."),
        ("scanner", "ComBat takes out of the features what differs by scanner (manufacturer"),
        ("thickness", "what differs by slice thickness (up to 2.5 mm, or over it)"),
    ],
)
def test_the_page_says_whether_features_are_harmonised_and_by_what(run, by, told):
    harmonisation = made.SETTINGS["harmonisation"] | {"by": by}
    page = render(compose(changed(run, harmonisation=harmonisation)))
    assert told in page
    # Among the rules, and in the methods.
    assert page.count("ComBat takes out") == 2 * (by is not None)


def test_masks_of_one_network_and_of_several_are_told_only_where_both_are(run, page):
    assert "Of 18 classified training series 18 have their features from the mask of one" in page
    ensemble = run.tables["facts"].assign(kind="ensemble")
    page = render(compose(with_tables(run, facts=ensemble)))
    assert "have their features from the mask of one network" not in page


@pytest.mark.parametrize(
    ("dice", "sentence"),
    [
        ([0.0, 0.0, 0.001], "All 3 models have the same median lesion Dice on these scans (0.00)."),
        ([0.5, 0.5, 0.2], "U-Net (MONAI) and nnU-Net share the highest"),
        ([0.1, 0.5, 0.2], "nnU-Net has the highest"),
    ],
)
def test_no_model_is_called_best_where_others_are_as_good(dice, sentence):
    table = pd.DataFrame(
        {"model": ["unet", "nnunet", "nnunet_finetuned"], "median_dice": dice, "cohort": "T"}
        | {"test_set": "test patients", "patients": 1, "scans": 2, "median_liver_dice": 0.9}
        | {"lesion_sensitivity": 0.5, "lesion_ppv": 0.5, "false_positives_per_scan": 1.0}
    )
    run = made.run_of({"table3_segmentation": table}, target="T")
    assert sentence in segmentation.sentences(run)[1]


def sections_of(content) -> list[str]:
    return [section.key for section in content["sections"]]


def test_a_finished_table_puts_the_ladder_and_the_printed_numbers_first(run):
    content = compose(changed(run, entry="table", final_model=None))
    assert sections_of(content)[:3] == ["ladder", "printed", "classification"]
    (ladder,) = sentences_of(content, "ladder")
    assert ladder.startswith("From the published procedure to the corrected one")
    assert content["sentences"][1].startswith("Of 4 printed numbers")
    assert content["headlines"][0].number == "3 of 4"


def test_a_run_without_the_corrected_protocol_has_none_of_its_parts(run):
    behind = ("facts", "burden", "leakage_audit", "stale_models")
    kept = {
        name: table
        for name, table in run.tables.items()
        if name.startswith("table") or name in behind
    }
    scores = kept["tableS2_cross_validation"]
    kept["tableS2_cross_validation"] = scores[scores["protocol"].eq("published")]
    figures = {name: svg for name, svg in run.figures.items() if name.startswith("figure")}
    without = replace(run, tables=kept, figures=figures)
    content = compose(changed(without, protocols=["published"]))
    assert sections_of(content) == [
        "cohort",
        "segmentation",
        "burden",
        "classification",
        "features",
    ]
    assert "orrected protocol" not in render(content)


def test_tables_without_rows_leave_a_page_without_numbers(run):
    emptied = {
        name: made.tables()[name][:0] for name in made.tables() if not name.startswith("table")
    }
    page = render(compose(with_tables(run, **emptied)))
    assert "This run has no rows for this table." in page
    assert "Optimism" in page
    assert "Permutation test of the whole procedure" not in page


def test_the_chosen_model_is_told_with_both_its_aucs(run):
    told = sentences_of(compose(run), "classification")
    (sentence,) = [one for one in told if one.startswith("Corrected protocol: cross-validation")]
    # Deals of AUC 0.68 and 0.64.
    assert "chose random forest (mean AUC over 2 deals of the folds 0.66)" in sentence
    # Of two positive and two negative test patients it ranks three of four pairs right.
    assert "AUC 0.75, of too few patients for an interval" in sentence


def test_captions_say_who_scored_the_test_set_and_how_calls_are_made(page):
    text = " ".join(" ".join(read(page).text).split())
    assert "the test patients were scored once, by the model that cross-validation chose" in text
    assert "above a threshold tuned inside each fold (corrected protocol)" in text
    assert "above 0.5 (published protocol)" in text


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("any_overlap", "A reference lesion is found if any voxel of it is predicted as lesion"),
        ("iou_0.5", "by decreasing IoU while it is at least 0.5; any other"),
        ("lits", "as in the LiTS challenge"),
    ],
)
def test_table_3_tells_the_rule_of_matching(rule, told):
    assert told in phrases_of(made.SETTINGS | {"matching": rule})["matching_rule"]


def test_no_report_is_written_without_a_series_of_the_sheet():
    facts = pd.DataFrame({"series": ["a", "b", "c"], "burden_ml": [0.0, float("nan"), 2.5]})
    assert missing_results(facts, ["a", "c"]) == []
    # One has no burden, the other no row at all.
    told = missing_results(facts, ["a", "b", "d"])
    assert [sentence.split("'")[1] for sentence in told] == ["b", "d"]
    assert "has no measured mask" in told[0]
