"""Results in brief: what the run found, in five sentences, and the numbers that stand out.

What stands behind each sentence is told in its section.
"""

import pandas as pd

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
    patients = rows["patient"].nunique()
    tested = rows.loc[rows["place"].eq("test"), "patient"].nunique()
    test = "none of them is left to test on"
    if tested:
        test = f"{tested} of them, whom no model saw, {'is' if tested == 1 else 'are'} the test"
    return (
        f"{words.counted(patients, 'patient')} of {run.target} with "
        f"{words.counted(rows['study'].nunique(), 'CT study', 'CT studies')} "
        f"{'was' if patients == 1 else 'were'} classified by {name} phenotype; {test}."
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
    false = f"{words.number(row['false_positives_per_scan'])} false findings a scan"
    found = f"found {words.share(row['lesion_sensitivity'])} of the liver lesions, with {false}"
    if pd.isna(row["lesion_sensitivity"]):
        found = f"had no lesion to find, and has {false}"
    return [
        f"On {scans} of {words.counted(row['patients'], 'patient')} the final model "
        f"({words.model(run.final)}) {found}; its outlines overlap the reader's with a median Dice "
        f"of {words.number(row['median_dice'])}."
    ]


def ranked(run: Run) -> list[str]:
    """Say how well the chosen model ranks the test studies, and whether that can be told."""
    if not run.chosen:
        return []
    protocol, chosen = list(run.chosen.items())[-1]
    row, name = classification.chosen_auc(run, protocol), run.settings["name"]
    counts = classification.patients_by_class(run, "test")
    if not any(counts):
        return ["No study is there to test on."]
    classes = f"({classification.told_by_class(*counts)})"
    model = f"the model that cross-validation chose ({words.model(chosen.model)})"
    if row is None:
        return [f"The test studies {classes} give {model} no AUC."]
    told = f"On the test studies {classes} {model} ranks {name} with AUC "
    told += words.estimate(row["mean"], row["low"], row["high"])
    told += classification.chance_not_excluded(row)
    told += classification.too_narrow(protocol, row)
    few = ""
    if min(counts) < FEWEST_PATIENTS:
        few = f"; fewer than {FEWEST_PATIENTS} patients of a class settle nothing"
    return [f"{told}{few}."]


def beside_volume(run: Run) -> list[str]:
    """Say whether any model beats chance and the tumour's volume in cross-validation."""
    chosen = run.chosen.get(Protocol.CORRECTED)
    if chosen is None or not chosen.deals or pd.isna(chosen.auc):
        return []
    aucs = f"AUC {words.number(chosen.auc)}"
    if pd.notna(chosen.volume):
        aucs += f", tumour volume alone {words.number(chosen.volume)}"
    lacking = classification.unbeaten(chosen)
    if lacking:
        return [
            f"In cross-validation of the training patients no model beats {' or '.join(lacking)} "
            f"({aucs}), so that none is to be used."
        ]
    return [
        f"In cross-validation of the training patients {words.model(chosen.model)} is above "
        f"{classification.beaten_rivals(chosen)} ({aucs}{permuted(run)})."
    ]


def permuted(run: Run) -> str:
    """Give the permutation test's p of the chosen model."""
    tested = classification.permuted(run)
    if tested is None:
        return ""
    p = words.p_text(tested["p_of_choice"])
    return f"; against chance, by permutation and corrected for the choice, {p}"


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
