"""Methods and limitations are written from a run's own settings and numbers."""

import base64

import pandas as pd
import pytest

from livermet.config.keys import NOT_SET, NnunetPlanChanges, RadiomicsSettings
from livermet.report.limitations import limitations
from livermet.report.methods import (
    NAMED_OF_RADIOMICS,
    PARAGRAPHS,
    PLAN_CHANGES,
    UNSAID_OF_RADIOMICS,
    authors_told,
    methods,
    read_references,
)
from livermet.report.phrases import PHRASES

from .. import report_phantoms as made
from .test_page import changed, with_tables


@pytest.fixture(scope="module")
def run():
    return made.run()


def text_of(run) -> str:
    return " ".join(text for _, text in methods(run).paragraphs)


def test_methods_tell_the_configs_numbers(run):
    text = text_of(run)
    for told in (
        "14 patients of mSCLC (28 CT series)",
        "4 patients of LiTS (4 CT series)",
        "within 92 days",
        "1,000 epochs of 250 iterations each",
        "fine-tuned for 250 epochs",
        "voxels of 0.5 x 0.5 x 1.0 mm in patches of 512 x 512 x 16 voxels, 12 an iteration",
        "Values between -57 and 164 HU were scaled to 0-1, in training those between two ends that "
        "each patch drew from -150 to -45 and from 105 to 250 HU.",
        "(optimizer sgd, initial learning rate 0.001)",
        "Adam, learning rate 0.0001",
        "Single lesions were resampled on the grid of the IBSI; those of one slice were resampled "
        "like all others, and texture was taken from 64 resampled voxels on.",
        "alpha 0.35",
        "by the mean AUC over 20 deals",
        "labels of whole patients 200 times and repeated the whole procedure with every "
        "classifier, with the mean AUC over 3 deals",
        "with class weights: none, balanced.",
        "after resampling to 1 x 1 x 1 mm",
        "bins of 25 HU",
        "107 features",
        "PyRadiomics (3.1.4)",
        "scikit-learn 1.9.1",
        "seeded (7)",
    ):
        assert told in text, told
    assert "{" not in text
    changed_text = text_of(changed(run, lasso_alpha=0.5, deals=7))
    assert "alpha 0.5)" in changed_text
    assert "over 7 deals" in changed_text


def test_networks_of_settings_of_their_own_have_a_sentence_each(run):
    unet = made.SETTINGS["monai"]["unet"]
    alike = {"unet": unet, "segresnet": unet}
    both = text_of(changed(run, models=["unet", "segresnet"], monai=alike))
    assert "U-Net (MONAI) and SegResNet (MONAI) (Cardoso et al. 2022)" in both
    assert "The weights of each were chosen on the validation fold." in both
    segresnet = unet | {"learning_rate": 0.004, "iterations_per_epoch": 100}
    own = {"unet": unet, "segresnet": segresnet | {"window_ranges_hu": None}}
    apart = text_of(changed(run, models=["unet", "segresnet"], monai=own))
    first, second = apart.split("SegResNet (MONAI) (Cardoso", 1)
    assert "Adam, learning rate 0.0001," in first
    assert "1,500 epochs of 100 iterations (Adam, learning rate 0.004," in second
    assert "between two ends" in first
    assert "between two ends" not in second


def test_what_was_changed_of_a_plan_is_told(run):
    assert "plans 'published') was trained" in text_of(run)
    changes = {"spacing_mm": [6, 7, 7], "n_stages": 4}
    nnunet = made.SETTINGS["nnunet"] | {"plan_changes": changes}
    told = "plans 'published' with voxels of 6 x 7 x 7 mm (z, y, x) and 4 stages) was trained"
    assert told in text_of(changed(run, nnunet=nnunet))
    assert set(NnunetPlanChanges.model_fields) == set(PLAN_CHANGES)


def test_settings_of_radiomics_that_are_not_the_usual_are_told(run):
    radiomics = made.SETTINGS["radiomics"]
    usual = RadiomicsSettings().model_dump()
    assert {key: usual[key] for key in UNSAID_OF_RADIOMICS} == UNSAID_OF_RADIOMICS
    told = {key for key, value in usual.items() if value is not NOT_SET}
    assert told == {*UNSAID_OF_RADIOMICS, *NAMED_OF_RADIOMICS}
    assert "bins of 25 HU; the number" in text_of(changed(run, radiomics=radiomics))
    other = {"normalize": True, "distances": [1, 2]}
    text = text_of(changed(run, radiomics=radiomics | other))
    assert "bins of 25 (PyRadiomics' normalize True, distances 1 x 2); the number" in text
    plain = text_of(changed(run, radiomics=radiomics | {"resampledPixelSpacing": None}))
    assert "resampl" not in plain
    assert "Single lesions" not in text_of(changed(run, lesions=None))


def test_packages_of_networks_that_the_run_has_not_are_left_out(run):
    versions = made.SETTINGS["versions"] | {"monai": "1.6.1"}
    alone = changed(run, models=["nnunet"], monai={}, versions=versions)
    assert "nnU-Net 2.8.1" in text_of(alone)
    assert "MONAI" not in text_of(alone)
    unet = changed(run, models=["unet"], final_model="unet", versions=versions)
    assert "MONAI 1.6.1" in text_of(unet)
    assert "nnU-Net" not in text_of(unet)


def test_methods_leave_out_what_the_run_did_not_do(run):
    given = methods(changed(run, entry="masks", models=[], final_model=None))
    titles = [title for title, _ in given.paragraphs]
    text = " ".join(text for _, text in given.paragraphs)
    assert titles.count("Segmentation") == 1
    assert "given and not changed" in text
    assert "nnU-Net" not in text
    assert "isensee2021" not in given.bibtex
    alone = methods(changed(run, protocols=["published"]))
    assert "Classification, corrected protocol" not in [title for title, _ in alone.paragraphs]
    assert "riley2020" not in alone.bibtex
    table = text_of(changed(run, entry="table", models=[], final_model=None))
    assert "came from a finished table" in table
    assert "window" not in table


def test_references_are_those_that_the_text_cites(run):
    written = methods(run)
    text = " ".join(text for _, text in written.paragraphs)
    entries = read_references()
    assert "(Isensee et al. 2021)" in text
    assert "(Chen and Guestrin 2016)" in text
    assert "(Breiman 2001)" in text
    assert "The analysis follows Ty et al. (2025)." in text
    cited = {key for key in entries if entries[key] in written.bibtex}
    assert {"ty2025", "isensee2021", "kerfoot2019", "vickers2006"} <= cited
    # SegResNet and ComBat are no part of this run.
    assert not {"myronenko2019", "johnson2007"} & cited
    assert written.bibtex.count("@") == len(cited)
    kind, _, encoded = written.download.partition(";base64,")
    assert kind == "data:application/x-bibtex"
    assert base64.b64decode(encoded).decode() == written.bibtex


def test_every_reference_is_cited_somewhere_and_is_whole():
    source = " ".join(one["text"] for one in PARAGRAPHS)
    for key, entry in read_references().items():
        assert f"cite('{key}'" in source, key
        for field in ("author", "title", "year"):
            assert f"\n  {field} = {{" in entry, (key, field)
        assert f"year = {{{key[-4:]}}}" in entry


def test_authors_are_told_as_readers_know_them():
    assert authors_told("Breiman, Leo") == "Breiman"
    assert authors_told("Chen, Tianqi and Guestrin, Carlos") == "Chen and Guestrin"
    assert authors_told("A, B and C, D and others") == "A et al."


def test_phrases_that_methods_share_are_the_pages():
    assert "weights_of_published" in PHRASES
    assert text_of(made.run()).count(made.run().phrases["matching_rule"]) == 1


def test_limitations_come_from_the_runs_numbers(run):
    told = limitations(run)
    text = " ".join(told)
    assert told[0] == made.SETTINGS["phantoms"]
    few = "2 patients with a positive study, 2 with a negative one: fewer than 10 of a class"
    assert f"{few} settle nothing" in text
    # Riley's first criterion for all 108 candidates.
    assert "ask for 15,146 patients with all candidate features; there are 36" in text
    assert "up to 92 days from the CT" in text
    # Of the phantoms' acquisition the target's three series: 1.25, 5 and 5 mm.
    assert "Series differ in slice thickness (1.25 to 5.00 mm) and were not harmonised" in text
    assert "no model beats" not in text
    assert limitations(changed(run, phantoms=""))[0].startswith("The test has 2 patients")


def test_no_model_worth_having_is_a_limitation(run):
    choice = run.tables["choice"].copy()
    choice.loc[choice["chosen"], ["beats_chance", "beats_volume"]] = [True, False]
    text = " ".join(limitations(with_tables(run, choice=choice)))
    assert "In cross-validation no model beats volume alone, so that none is to be used" in text


def test_unknown_ages_are_counted_by_patient(run):
    facts = run.tables["facts"].copy()
    facts.loc[facts["patient"].isin(["m01", "m02"]), "age"] = float("nan")
    text = " ".join(limitations(with_tables(run, facts=facts)))
    assert "Not known of 13 classified patients: the age of 2." in text
    assert "Not known" not in " ".join(limitations(run))


def test_a_run_without_tables_of_images_has_its_limitations(run):
    without = changed(run, entry="table", models=[], final_model=None)
    emptied = with_tables(without, tableS1_acquisition=pd.DataFrame())
    text = " ".join(limitations(emptied))
    assert "How the scans of the finished table were segmented is not part of this run" in text
    assert "thickness" not in text
