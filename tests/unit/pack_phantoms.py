"""A phantom of a finished run that has what is packed: two networks, classifiers, cards."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from livermet.files import write_json
from livermet.nnunet.layout import PLANS, dataset_name, fold_folder, preprocessed_folder
from livermet.phenotype import corrected
from livermet.phenotype.choice import CHOICE
from livermet.phenotype.fits import write_fits
from livermet.phenotype.table import as_published_columns, read_feature_table
from livermet.tables import write_table

from . import phenotype_phantoms
from .nnunet.test_prediction import DESCRIPTION, FOLDS, made, plan

MODEL = "nnunet_finetuned"
CLASSIFIERS = ("LR", "RF", "XGB")
SETTINGS = corrected.Settings("score", 20, 0)
# What names people, scans or places in the run, and may not leave it.
IDENTIFIERS = (r"P\d\d_\d", r"\bP\d\d\b", "secret_case", "/home/someone")
RUN_SETTINGS = {
    "cohorts": {"source": "LiTS", "target": "mSCLC"},
    "detection": {"connectivity": 26, "minimum_lesion_voxels": 3, "bootstrap_draws": 10},
    "phenotype": {
        "aggregation": "union",
        "assumed_auc": 0.7,
        "feature_transform": "none",
        "name": "NE",
        "positive_above": 0.0,
        "table": False,
        "printed_values": "/home/someone/printed.yaml",
    },
    "radiomics": {"settings": {"binWidth": 25}, "lesions": {"grid": "centre"}, "per_lesion": True},
    "reference_labels": {"liver": 1, "lesion": 2, "other": None},
    "segmentation": {
        "models": ["unet", MODEL],
        "source": "models",
        "monai": {"overlap": 0.25},
        "nnunet": {"prediction": {"step_size": 0.5, "mirroring": False}, "training": {}},
    },
    "split": {"folds": len(FOLDS)},
    "training_sets": {"base": "lits", "finetuned": "lits_msclc"},
}


def make_run(folder: Path, **features) -> Path:
    """Write the run; `features` change the phantom table of features."""
    run = folder / "results" / "phantom"
    told = {"run": "phantom", "settings": RUN_SETTINGS, "series": ["P00_0_0"]}
    write_json(told, run / "provenance" / "settings.json")
    _write_networks(run)
    table = phenotype_phantoms.feature_table(**({"signal": 2.0} | features))
    table = table.assign(voxel_mm="(1.0, 1.0, 1.0)")
    write_phenotype(run, table)
    for name in (MODEL, "phenotype"):
        path = run / "cards" / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# Card of {name}\n")
    return run


def write_phenotype(run: Path, table: pd.DataFrame, mask: str = MODEL) -> None:
    """Write features, acquisition, fitted classifiers and the choice of LR."""
    features = run / "radiomics" / mask / "features.csv"
    features.parent.mkdir(parents=True, exist_ok=True)
    as_published_columns(table, "NE").to_csv(features, index=False)
    (run / "cohort").mkdir(exist_ok=True)
    acquisition(table).to_csv(run / "cohort" / "acquisition.tsv", sep="\t", index=False)
    rows = corrected.prepared(read_feature_table(features, "NE"))
    selection = corrected.select(rows, SETTINGS.target, SETTINGS.seed)
    folder = run / "phenotype" / mask / "corrected"
    for name in CLASSIFIERS:
        fit = corrected.fit(rows, selection, name, ["none"], SETTINGS)
        files = ("predictions.tsv", "cross_validation.tsv", "models.joblib")
        write_fits([fit], *(folder / name / file for file in files))
    write_choice(folder, beats_volume=True)


def write_choice(folder: Path, beats_volume: bool) -> None:
    """Write that LR was chosen, with an AUC of 0.8 beside volume's 0.6, or its 0.9."""
    models = (*CLASSIFIERS, "always_positive", "volume", "lesion_count")
    table = pd.DataFrame({"model": models, "weighting": "none", "auc": 0.8, "deals": 3})
    table["auc"] = table["auc"].where(table["model"].ne("volume"), 0.6 if beats_volume else 0.9)
    table = table.assign(auc_lowest=table["auc"] - 0.1, auc_highest=table["auc"] + 0.05)
    table = table.assign(beats_chance=True, beats_volume=beats_volume)
    table["chosen"] = table["model"].eq("LR")
    write_table(table[CHOICE.names], folder / "choice.tsv", CHOICE)


def acquisition(table: pd.DataFrame) -> pd.DataFrame:
    """Slices of 1 and of 5 mm in turn, pixels of 0.8 mm, portal venous."""
    thickness = np.where(np.arange(len(table)) % 2, 1.0, 5.0)
    return pd.DataFrame(
        {
            "series": table["series"],
            "phase": "portal venous",
            "slice_thickness_mm": thickness,
            "spacing_mm": [f"0.8; 0.8; {value}" for value in thickness],
        }
    )


def _write_networks(run: Path) -> None:
    """Write two folds of nnU-Net, as its trainer leaves them, and the plan and cases beside."""
    name = dataset_name(MODEL, "lits_msclc")
    prepared = Path(preprocessed_folder(f"{run}/nnunet", name))
    write_json(plan(), prepared / f"{PLANS}.json")
    cases = {"secret_case": {"images": ["/home/someone/ct.nii.gz"], "label": "P00_0_0"}}
    write_json(DESCRIPTION | {"numTraining": 1, "dataset": cases}, prepared / "dataset.json")
    made(prepared, plan(), mirror_axes=(0, 1, 2))
    for fold in FOLDS:
        content = torch.load(prepared / f"{fold}.pth", weights_only=True)
        content |= {
            "trainer_name": "nnUNetTrainerLivermet",
            "init_args": {"plans": plan(), "configuration": "3d_fullres", "dataset_json": cases},
            "optimizer_state": {"names": ["secret_case"]},
            "_best_ema": np.float32(0.5),
            "current_epoch": 3,
        }
        path = Path(fold_folder(f"{run}/nnunet", name, fold)) / "checkpoint_final.pth"
        path.parent.mkdir(parents=True)
        torch.save(content, path)
        (prepared / f"{fold}.pth").unlink()
