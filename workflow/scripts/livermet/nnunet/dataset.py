"""Description and splits of an nnU-Net dataset; needs no nnU-Net."""

import os
from pathlib import Path

from livermet.errors import InputError, stop_on

READER = "SimpleITKIO"
LABELS = {"background": 0, "liver": 1, "lesion": 2}


def describe_dataset(
    images: dict[str, str], references: dict[str, str], folder: str | Path
) -> dict:
    """Make the content of dataset.json for one CT channel and the labels liver and lesion.

    `images` and `references` map series to files. Their paths are written relative to `folder`,
    where dataset.json will lie: nnU-Net resolves them from there and copies nothing.
    """
    return {
        "channel_names": {"0": "CT"},
        "labels": LABELS,
        "numTraining": len(images),
        "file_ending": ".nii.gz",
        "overwrite_image_reader_writer": READER,
        "dataset": {
            series: {
                "images": [os.path.relpath(images[series], folder)],
                "label": os.path.relpath(references[series], folder),
            }
            for series in sorted(images)
        },
    }


def files_of_case(description: dict, series: str, folder: str | Path) -> tuple[str, str]:
    """Return the image and the reference of a series, as dataset.json in `folder` names them."""
    files = description["dataset"][series]
    image, reference = files["images"][0], files["label"]
    return os.path.normpath(f"{folder}/{image}"), os.path.normpath(f"{folder}/{reference}")


def split_by_place(places: dict[str, str], folds: list[int]) -> list[dict[str, list[str]]]:
    """Make the content of splits_final.json: fold k validates on the series whose place is k.

    `places` maps the training set's series to the place of their patient in the ledger, so the
    two sides of a fold never share a patient. Raises InputError for a series of a test patient,
    for a place that is no fold, and for a fold with an empty side, which nnU-Net would replace by
    a random split of its own.
    """
    known = {str(fold) for fold in folds}
    stop_on(
        [
            f"Series {series} is in a training set, but the place of its patient is '{place}': "
            "name a training set without it."
            for series, place in sorted(places.items())
            if place not in known
        ]
    )
    splits = []
    for fold in sorted(folds):
        held_out = sorted(series for series, place in places.items() if place == str(fold))
        trained_on = sorted(set(places) - set(held_out))
        if not held_out or not trained_on:
            raise InputError(
                f"Fold {fold} of the training set has {len(trained_on)} series to train on and "
                f"{len(held_out)} held out, and needs some of each: add series or use fewer folds."
            )
        splits.append({"train": trained_on, "val": held_out})
    return splits
