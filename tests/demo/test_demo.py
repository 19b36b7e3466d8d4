"""The demo end to end at its smallest: what a user finds after one command, and after the next."""

import json
import re
from itertools import product
from pathlib import Path

import cc3d
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml

from livermet.cohort.matching import match_samples, patient_strata
from livermet.config.loading import load_config
from livermet.images import grid_difference, read_image
from livermet.ledger.assign import rules_of
from livermet.ledger.tables import assign, empty_ledger, read_ledger
from livermet.radiomics.features import FEATURES
from livermet.report.exhibits import EXHIBITS, files_of
from livermet.sheets import read_molecular, read_series
from livermet.tables import read_table
from livermet.vocabulary import AGGREGATIONS

# Of what exhibits are made under, the smallest demo has all but these.
ABSENT = ("harmonised", "null cohorts", "reproduced", "scored", "searched")
CONDITIONS = {one.when: one.when not in ABSENT for one in EXHIBITS.values()}
TABLES = {Path(path).stem for path in files_of("tables", CONDITIONS)} | {"checklists"}
FIGURES = {Path(path).stem for path in files_of("figures", CONDITIONS)}


def test_every_table_and_figure_is_there(demo_run):
    assert {path.stem for path in (demo_run.results / "tables").glob("*.csv")} == TABLES
    figures = demo_run.results / "figures"
    for suffix in ("png", "svg"):
        assert {path.stem for path in figures.glob(f"*.{suffix}")} == FIGURES
    assert all(path.stat().st_size > 1000 for path in figures.iterdir())
    page = (demo_run.results / "report.html").read_text()
    assert "phantom" in page
    for name in ("figure_detection_froc", "detection_comparison", "lits_challenge"):
        assert f'id="{name}"' in page
    for number in ("1", "2", "3", "4", "S1", "S2", "S3"):
        assert f"Table {number}" in page


def test_a_second_run_has_nothing_to_do(demo_run):
    result = demo_run.snakemake()
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_table_3_shows_the_four_models_on_the_shared_test_patients(demo_run):
    table = demo_run.table("tables/table3_segmentation.csv")
    assert set(table["model"]) == {"unet", "segresnet", "nnunet", "nnunet_finetuned"}
    # Two LiTS phantoms and two mSCLC ones with a reference are of test patients; the models that
    # were trained on LiTS alone have all 15 mSCLC phantoms with a reference as their test set too.
    shared = table[table["test_set"] == "test patients"]
    assert list(shared["scans"]) == [2, 2] * 4
    whole = table[table["test_set"] == "whole cohort"].set_index("model")["scans"]
    assert whole.to_dict() == {"unet": 15, "segresnet": 15, "nnunet": 15}


def test_every_prediction_lies_on_the_grid_of_its_ct(demo_run):
    paths = sorted((demo_run.results / "predictions").rglob("*.nii.gz"))
    scans = pd.concat(
        [demo_run.table(f"detection/{model}/scans.tsv") for model in ("nnunet", "unet")]
    )
    assert len(paths) > len(scans)
    for path in paths:
        ct = read_image(demo_run.results / "series" / path.name.split(".")[0] / "ct.nii.gz")
        prediction = read_image(path)
        assert grid_difference(ct, prediction) == ""
        assert set(np.unique(sitk.GetArrayViewFromImage(prediction))) <= {0, 1, 2}


def test_no_model_scores_a_patient_that_it_has_seen(demo_run):
    """From the records beside the networks and the kind of every prediction, not from the plan."""
    places = read_ledger(demo_run.config["ledger"]).places
    patient = read_series(demo_run.config["sheets"]["series"], ["LiTS", "mSCLC"])["patient"]
    records = [json.loads(path.read_text()) for path in demo_run.results.rglob("model.json")]
    assert len(records) == 2 + 5 + 5
    for record in records:
        trained = set(record["trained_patients"])
        assert trained
        assert not [name for name in trained if places[name] in ("test", str(record["fold"]))]
    seen = {record["model"]: set() for record in records}
    for record in records:
        seen[record["model"]] |= set(record["trained_patients"])
    kinds = {"nnunet": "ensemble", "nnunet_finetuned": "ensemble"}
    kinds |= {"unet": "single", "segresnet": "single"}
    for model, kind in kinds.items():
        paths = (demo_run.results / "predictions" / model / kind).glob("*.nii.gz")
        # tests/real predicts a series of its own into this folder.
        predicted = {path.name.split(".")[0] for path in paths} & set(patient.index)
        assert predicted
        assert not {patient[name] for name in predicted} & seen[model]


def test_no_patient_is_in_two_folds_or_in_training_and_test_of_the_classifiers(demo_run):
    features = demo_run.table("radiomics/nnunet_finetuned/features.csv")
    features["place"] = features["Fold"].where(features["Group"] == "train", -1)
    assert (features.groupby("unique_pt")["place"].nunique() == 1).all()
    assert set(features["Group"]) == {"train", "test"}
    audit = demo_run.table("provenance/leakage_audit.tsv")
    assert {"segmentation", "classification"} == set(audit["task"])
    assert not (audit["role"].eq("train") & audit["place"].eq("test")).any()


def test_features_of_training_series_are_compared_between_perturbed_masks(demo_run):
    features = demo_run.table("radiomics/nnunet_finetuned/features.csv")
    folder = demo_run.results / "radiomics" / "nnunet_finetuned" / "batches"
    perturbed = {
        series: table
        for path in folder.glob("*.perturbed.tsv")
        for series, table in read_table(path).groupby("series")
    }
    assert set(perturbed) == set(features.loc[features["Group"].eq("train"), "File"])
    rows = [(number, name) for number in (1, 2) for name in AGGREGATIONS]
    made = ["perturbation", "aggregation"]
    assert all(
        list(table[made].itertuples(index=False, name=None)) == rows for table in perturbed.values()
    )
    icc = demo_run.table("tables/reproducibility.csv")
    masks = icc[icc["comparison"].eq("perturbed masks")]
    # Of what the corrected protocol learns from, and of the union.
    assert len(icc) == 2 * len(masks) == 2 * 2 * 108
    assert set(masks["ratings"]) == {2}
    assert masks["median_dice"].between(0.3, 0.99).all()
    page = (demo_run.results / "report.html").read_text()
    assert "standard deviation of 3 mm" in page
    assert "matched lesions from the reference" in page


def test_the_masks_of_each_fold_alone_are_measured(demo_run):
    """Burden and number of lesions of every test series, counted in the mask of each network."""
    tables = of_each_fold(demo_run, "features")
    union = demo_run.table("radiomics/nnunet_finetuned/features.csv")
    tested = set(union.loc[union["Group"].eq("test"), "File"])
    assert tested
    masks = demo_run.results / "predictions" / "nnunet_finetuned"
    for fold, table in tables.items():
        assert set(table.index) == tested
        for series, row in table.iterrows():
            mask = read_image(masks / f"fold_{fold}" / f"{series}.nii.gz")
            lesions = sitk.GetArrayFromImage(mask) == 2
            found = cc3d.connected_components(lesions, connectivity=26)
            # Of the config: a lesion has ten voxels at least.
            sizes = [size for size in np.bincount(found.ravel())[1:] if size >= 10]
            assert row["Num_Lesions"] == len(sizes), (fold, series)
            volume = sum(sizes) * np.prod(mask.GetSpacing()) / 1000
            assert row["Burden_ml"] == pytest.approx(volume, rel=1e-6)
    burdens = pd.DataFrame({fold: table["Burden_ml"] for fold, table in tables.items()})
    assert burdens.nunique(axis=1).max() > 1  # five networks, and not one of them five times


def test_one_networks_masks_against_fives_are_scored_and_told(demo_run):
    own = demo_run.table("radiomics/nnunet_finetuned/features_volume_weighted_mean.csv")
    own = own.set_index("File")
    tested = own.index[own["Group"].eq("test")]
    corrected = "phenotype/nnunet_finetuned/corrected"
    scored = demo_run.table(f"{corrected}/segmentation_error.tsv")
    single = scored[scored["source"].eq("single fold")]
    # A row a test series and fold, and one a series for all folds together.
    assert sorted(zip(single["series"], single["mask"], strict=True)) == sorted(
        product(tested, range(5))
    )
    together = scored[scored["source"].eq("single folds together")].set_index("series")
    assert sorted(together.index) == sorted(tested)
    error = demo_run.table("tables/segmentation_error.csv").set_index("source")
    # On the ensemble's masks the folds together are the test score itself.
    test = demo_run.table(f"{corrected}/test_predictions.tsv").set_index("model")
    test = test.loc[error.loc["single fold", "model"]].set_index("series")["probability"]
    assert together["probability"].to_dict() == pytest.approx(test.to_dict())
    for source, masks in scored.groupby("source"):
        above = masks[["probability", "changed_probability"]].gt(masks["threshold"], axis=0)
        assert error.loc[source, "masks"] == len(masks)
        assert error.loc[source, "flips"] == (above.iloc[:, 0] != above.iloc[:, 1]).sum()
    shift = demo_run.table("tables/segmentation_shift.csv").set_index("feature")
    selection = demo_run.table(f"{corrected}/selection.tsv")
    kept = selection[selection["coefficient"].ne(0) & selection["feature"].isin(own.columns)]
    assert set(shift.index) == set(kept["feature"])
    folds = of_each_fold(demo_run, "features_volume_weighted_mean")
    for feature, row in shift.iterrows():
        apart = np.stack([table.loc[tested, feature] for table in folds.values()])
        apart = apart - own.loc[tested, feature].to_numpy()
        apart = apart[:, ~np.isnan(apart).all(axis=0)]
        assert (row["series"], row["masks"]) == (apart.shape[1], (~np.isnan(apart)).sum())
        spread = np.nanstd(own.loc[own["Group"].eq("train"), feature], ddof=1)
        by_series = [np.nanmean(one, axis=0).mean() / spread for one in (apart, np.abs(apart))]
        assert row[["shift", "absolute_shift"]].tolist() == pytest.approx(by_series)
    page = (demo_run.results / "report.html").read_text()
    assert f"of {5 * len(tested)} masks of test series by a single fold" in page
    assert 'id="segmentation_shift"' in page


def of_each_fold(demo_run, name):
    """Read a feature table of the test series in each single fold's masks, by fold."""
    folder = "radiomics/nnunet_finetuned_fold_"
    return {
        fold: demo_run.table(f"{folder}{fold}/{name}.csv").set_index("File") for fold in range(5)
    }


@pytest.mark.parametrize("mask", ["nnunet_finetuned", "reference"])
def test_every_lesion_has_its_row_place_and_match(demo_run, mask):
    folder = demo_run.results / "radiomics" / mask
    lesions = demo_run.table(f"radiomics/{mask}/lesions.tsv")
    first = (folder / "lesions.tsv").read_text().split("\n", 1)[0]
    assert first.startswith("# livermet radiomics; pyradiomics-bhklab ")
    assert '"resampledPixelSpacing": [3, 3, 3]' in first
    assert f"mask {mask}; one row a lesion; " in first
    assert '"grid": "centre"' in first
    assert "; matched with the mask" in first
    # Every lesion of the phantoms' livers has a place in them; a model may find some elsewhere.
    placed = lesions[lesions["position_reason"].isna()]
    assert placed["right_to_left"].between(0, 1).all()
    assert (placed["surface_mm"] >= 0).all()
    assert len(placed) == len(lesions) if mask == "reference" else len(placed) > 0
    # Detection's counts of the same masks, scan by scan.
    side = {"reference": "detected_lesions"}.get(mask, "true_positive_lesions")
    scans = demo_run.table("detection/nnunet_finetuned/scans.tsv").set_index("series")
    scans = scans[scans["has_reference"]]
    of_scan = lesions[lesions["series"].isin(scans.index)].groupby("series")["matched"]
    counted = of_scan.apply(lambda matched: (matched.astype(str) == "True").sum())
    assert counted.to_dict() == scans.loc[counted.index, side].astype(int).to_dict()
    assert lesions["matched_lesions"].notna().sum() == counted.sum()


def test_features_of_every_aggregation_have_the_same_scans(demo_run):
    names = ["features", *(f"features_{name}" for name in AGGREGATIONS if name != "union")]
    union, *others = (demo_run.table(f"radiomics/nnunet_finetuned/{name}.csv") for name in names)
    one = (union["Num_Lesions"] == 1).to_numpy()
    assert one.any()
    for table in others:
        assert list(table.columns) == list(union.columns)
        for column in ("File", "Num_Lesions", "Burden_ml", "NE_Score"):
            assert table[column].equals(union[column])
        # A single lesion is the largest, the mean and the sum; the union is of PyRadiomics' grid.
        alone = [made.loc[one, list(FEATURES)] for made in (table, others[0])]
        assert np.array_equal(*alone, equal_nan=True)


def test_nothing_that_names_a_patient_leaves_the_raw_data(demo_run):
    """No DICOM name, identifier or UID of the phantoms in any text below the results."""
    import pydicom

    raw = Path(demo_run.config["data_root"])
    folder = next(raw.glob("*/dicom"))
    header = pydicom.dcmread(next(folder.glob("*.dcm")), stop_before_pixels=True)
    secrets = [str(header.PatientName), str(header.StudyInstanceUID), str(header.PatientBirthDate)]
    secrets = [secret for secret in secrets if secret]
    assert str(header.StudyInstanceUID) in secrets
    for path in demo_run.results.rglob("*"):
        if path.suffix in (".json", ".tsv", ".csv", ".html", ".log") and raw not in path.parents:
            text = path.read_text(errors="replace")
            assert not [secret for secret in secrets if secret in text], path


def test_every_target_series_is_written_for_a_pacs(demo_run):
    """SEG and report of each, of which one is read: the rules wrote them for the right series."""
    import pydicom

    table = demo_run.table("dicom/exported.tsv").set_index("series")
    series = read_series(demo_run.config["sheets"]["series"], ["LiTS", "mSCLC"])
    is_dicom = series["image"].str.endswith("/dicom")
    assert set(table.index[table["exported"]]) == set(series.index[is_dicom])
    assert (table.loc[~table["exported"], "reason"].str.startswith("its source is no DICOM")).all()
    scans = demo_run.table("detection/nnunet_finetuned/scans.tsv").set_index("series")
    folder = demo_run.results / "dicom" / "nnunet_finetuned"
    raw = Path(demo_run.config["data_root"])
    for name in series.index[is_dicom]:
        seg, report = (
            pydicom.dcmread(folder / name / file) for file in ("segmentation.dcm", "report.dcm")
        )
        slices = {
            pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
            for path in (raw / name / "dicom").glob("*.dcm")
        }
        referred = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        assert {one.ReferencedSOPInstanceUID for one in referred} == slices
        assert len(seg.SegmentSequence) - 1 == scans.loc[name, "predicted_lesions"]
        assert report.StudyInstanceUID == seg.StudyInstanceUID


def test_the_protocols_learn_from_the_union_and_from_the_lesions(demo_run):
    folder = "radiomics/nnunet_finetuned"
    union = demo_run.table(f"{folder}/features.csv")
    by_lesion = demo_run.table(f"{folder}/features_volume_weighted_mean.csv")
    scan = ["File", "Num_Lesions", "Burden_ml", "NE_Score", "Group", "Fold"]
    pd.testing.assert_frame_equal(union[scan], by_lesion[scan])
    # A weighted mean never exceeds the largest lesion, the union's diameter spans all of them.
    diameter = "original_shape_Maximum3DDiameter"
    longer = union[diameter] > by_lesion[diameter] * (1 + 1e-9)
    known = union[diameter].notna() & by_lesion[diameter].notna()
    several = union["Num_Lesions"] > 1
    assert (known & several).any()
    assert longer[known & several].all()
    # A lesion that is alone is measured on two grids of 3 mm: each end moves by a voxel at most.
    apart = (union[diameter] - by_lesion[diameter])[known & ~several].abs()
    assert apart.max() < 2 * 3 * 3**0.5
    steps = demo_run.table("tables/corrections.csv").set_index("correction")
    step = steps.loc["lesions, not their union, as the unit of shape"]
    assert step["made"] == "yes"
    assert step["reason"].startswith("phenotype.aggregation is volume_weighted_mean")
    measured = demo_run.table("tables/reproducibility.csv")
    assert list(measured["aggregation"].unique()) == ["volume_weighted_mean", "union"]


def test_another_aggregation_reruns_the_corrected_protocol_and_no_other(demo_run, tmp_path):
    overlay = yaml.safe_load(demo_run.config_path.read_text())
    overlay["phenotype"]["aggregation"] = "largest"
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump(overlay))
    result = demo_run.snakemake("--dry-run", configfile=changed)
    assert result.returncode == 0, result.stdout[-3000:]
    made = re.findall(r"^\s+output: (.*)$", result.stdout + result.stderr, re.M)
    made = {path.removeprefix("results/test_demo/") for one in made for path in one.split(", ")}
    corrected = {
        f"phenotype/nnunet_finetuned/corrected/{name}"
        for name in ("selection.tsv", "LR/predictions.tsv", "test_predictions.tsv", "metrics.tsv")
    }
    tables = {"tables/corrections.csv", "tables/reproducibility.csv", "tables/permutation.csv"}
    assert corrected | tables | {"report.html"} <= made
    assert not [path for path in made if "/published/" in path or path.startswith("radiomics")]
    assert "phenotype/nnunet_finetuned/burden.tsv" not in made


def test_snakemakes_own_report_carries_the_marked_outputs(demo_run, tmp_path):
    page = tmp_path / "report.html"
    result = demo_run.snakemake("--report", str(page))
    assert result.returncode == 0, result.stderr[-2000:]
    text = page.read_text()
    assert "table3_segmentation.csv" in text
    assert "figure1_flow.svg" in text


@pytest.mark.parametrize("overlay", ["config/demo.yaml", "tests/demo/demo.yaml"])
def test_the_committed_ledger_is_complete(root, overlay, monkeypatch):
    """`make assign` finds nothing to add, so that the demo runs as it is committed."""
    monkeypatch.chdir(root)
    config = load_config([root / "config" / "config.yaml", root / overlay])
    series = read_series(config["sheets"]["series"], config["cohorts"].values())
    target = series[series["cohort"] == config["cohorts"]["target"]]
    matched = match_samples(target, read_molecular(config["sheets"]["molecular"]), 92, 0.0)
    before = read_ledger(config["ledger"])
    after = assign(before, series, patient_strata(matched), rules_of(config))
    pd.testing.assert_frame_equal(after.splits, before.splits)
    pd.testing.assert_frame_equal(after.batches, before.batches)
    assert after.training_sets == before.training_sets
    # From nothing the same ledger comes out: it is the config's seed and not a lucky hand.
    again = assign(empty_ledger(), series, patient_strata(matched), rules_of(config))
    pd.testing.assert_frame_equal(again.splits, before.splits)
