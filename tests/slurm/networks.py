"""The smallest study with networks: a fine-tuned nnU-Net and a U-Net, to the table of their scores.

What they learn is nothing; each rule of a network is there, and so is a job on a GPU for each.
"""

from dataclasses import replace
from pathlib import Path

import yaml
from small_study import CHEAP, RUN, SIZE, Study, make_study

from livermet.demo.cohort import Role

ROOT = Path(__file__).parents[2]
TABLE = f"results/{RUN}/tables/table3_segmentation.csv"
FOLDS = 2
NETWORKS = replace(
    SIZE, source_patients=2, roles=(Role(4, "-"), Role(4, "+")), paired_studies=0, matrix=48
)
# Laid over the smallest demo's: an epoch of some iterations each.
LESS = {
    "monai": {"epochs": 1, "iterations_per_epoch": 2},
    "nnunet": {
        "training": {"epochs": 1, "iterations_per_epoch": 2, "save_every": 1},
        "finetuning": {"epochs": 1, "iterations_per_epoch": 2, "save_every": 1},
    },
}


def study_with_networks(folder: Path) -> Study:
    """Write the study; its networks want a GPU where there is one, as most studies' do."""
    demo = yaml.safe_load((ROOT / "tests" / "demo" / "demo.yaml").read_text())["segmentation"]
    models = ["unet", "nnunet_finetuned"]
    segmentation = demo | {"device": "auto", "compile": False, "models": models}
    for family, less in LESS.items():
        for key, value in less.items():
            section = segmentation[family]
            section[key] = section.get(key, {}) | value if isinstance(value, dict) else value
    split = {"folds": FOLDS, "test": {"source": 0, "target": 1}, "batch_size": 20}
    return make_study(
        folder,
        NETWORKS,
        CHEAP
        | {
            "cohorts": {"source": "LiTS", "target": "mSCLC"},
            "segmentation": segmentation,
            "split": split,
        },
    )
