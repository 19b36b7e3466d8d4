"""Results in brief: what the run found, in five sentences, and the numbers that stand out.

What stands behind each sentence is told in its section.
"""

import pandas as pd

from livermet.phenotype.chosen import CHANCE
from livermet.phenotype.columns import VOLUME
from livermet.report import words
from livermet.report.burden import content as burden
from livermet.report.classification import content as classification
from livermet.report.reproduction import content as reproduction
from livermet.report.run import Headline, Run
from livermet.report.segmentation import content as segmentation
from livermet.vocabulary import FEWEST_PATIENTS, Protocol

# Tiles stand in one row, or on a narrow screen in rows of two.
MOST_TILES = 4


def headlines(run: Run) -> list[Headline]:
    """Return the numbers that stand out: four or two of them, so that none stands alone in a row.

    Of a finished table the printed numbers come first, of which its readers ask.
    """
    rooms = [segmentation, classification, burden, reproduction]
    if run.entry == "table":
        rooms = [reproduction, classification, burden]
    found = [headline for room in rooms for headline in room.headlines(run)][:MOST_TILES]
    return found[: len(found) - len(found) % 2]


def sentences(run: Run) -> list[str]:
    """Say who was studied, what was found, how well classes are told, and what that is worth."""
    return [
        studied(run),
        *images(run),
        *ranked(run),
        *beside_volume(run),
        *verdict(run),
    ]


def studied(run: Run) -> str:
    """Count the classified patients, and those of them that no model has seen."""
    facts, name = run.tables["facts"], run.settings["name"]
    rows = facts[facts["included"]]
    if rows.empty:
        return f"No series of {run.target} could be classified: none has a class and a mask."
    tested = rows.loc[rows["place"].eq("test"), "patient"].nunique()
    return (
        f"{words.counted(rows['patient'].nunique(), 'patient')} of {run.target} with "
        f"{words.counted(rows['study'].nunique(), 'CT study', 'CT studies')} were classified by "
        f"their {name} phenotype; {tested} of them, whom no model saw, "
        f"{'is' if tested == 1 else 'are'} the test."
    )


def images(run: Run) -> list[str]:
    """Say what was found in the test patients' scans, or where the masks or features came from."""
    if run.entry == "table":
        return reproduction.sentences(run) or [
            "Features came from a finished table: no scan was segmented."
        ]
    row = segmentation.final_scores(run)
    if row is None:
        return segmentation.sentences(run)[:1]
    scans = words.counted(row["scans"], "test scan")
    return [
        f"On {scans} of {words.counted(row['patients'], 'patient')} the final model "
        f"({words.model(run.final)}) found {words.share(row['lesion_sensitivity'])} of the liver "
        f"lesions, with {words.number(row['false_positives_per_scan'])} false findings a scan; its "
        f"outlines overlap the reader's with a median Dice of {words.number(row['median_dice'])}."
    ]


def ranked(run: Run) -> list[str]:
    """Say how well the chosen model ranks the test studies, and whether that can be told."""
    if not run.chosen:
        return []
    protocol, chosen = list(run.chosen.items())[-1]
    row, name = classification.chosen_auc(run, protocol), run.settings["name"]
    positive, negative = classification.patients_by_class(run, "test")
    classes = f"{positive} positive and {negative} negative patients"
    model = f"the model that cross-validation chose ({words.model(chosen.model)})"
    if row is None:
        return [f"The test studies of {classes} give {model} no AUC."]
    told = f"On test studies of {classes} {model} ranks {name} with AUC "
    told += words.estimate(row["mean"], row["low"], row["high"])
    chance = classification.chance_not_excluded(row)
    few = ""
    if min(positive, negative) < FEWEST_PATIENTS:
        few = f"; fewer than {FEWEST_PATIENTS} patients of a class settle nothing"
    return [f"{told}{chance}{few}."]


def beside_volume(run: Run) -> list[str]:
    """Say whether any model beats chance and the tumour's volume in cross-validation."""
    chosen = run.chosen.get(Protocol.CORRECTED)
    if chosen is None or not chosen.deals or pd.isna(chosen.auc):
        return []
    lacking = [name for name in (CHANCE, VOLUME) if name not in chosen.beaten]
    aucs = f"AUC {words.number(chosen.auc)}"
    if pd.notna(chosen.volume):
        aucs += f", tumour volume alone {words.number(chosen.volume)}"
    if lacking:
        rivals = " or ".join(classification.OF_RIVAL[name] for name in lacking)
        return [
            f"In cross-validation of the training patients no model beats {rivals} ({aucs}), so "
            "that none is to be used."
        ]
    p = [words.p_text(row.p) for row in run.rows("permutation", "p")[:1].itertuples()]
    tested = f"; permutation test {p[0]}" if p else ""
    return [
        f"In cross-validation of the training patients it is above chance and above tumour volume "
        f"alone ({aucs}{tested})."
    ]


def verdict(run: Run) -> list[str]:
    """Say what the numbers are not good for."""
    if run.settings["phantoms"]:
        return [
            "Phantoms stand behind these numbers, which show that each stage runs and say nothing "
            "of patients."
        ]
    return [
        "No other cohort has tested the classifier; 'Limitations' says what these numbers cannot "
        "show."
    ]
