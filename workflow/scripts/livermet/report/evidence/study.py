"""Evidence of the study's design and data: who was included, split, described and left out."""

from collections.abc import Iterable

import pandas as pd

from livermet.cohort.facts import kinds_of_classified, lacking_by_protocol
from livermet.provenance.leakage import leaks
from livermet.radiomics.aggregation import features_file
from livermet.report import words
from livermet.report.cohort.tables import NOT_RECORDED
from livermet.report.evidence.artifacts import (
    DONE,
    FACTS,
    MANIFEST,
    METHODS,
    NOT_DONE,
    PARTLY,
    Artifacts,
    Evidence,
    classified,
    csv,
    from_images,
    lacking,
    of_place,
    sentences,
    without_unit,
)
from livermet.report.phrases import harmonised_by
from livermet.vocabulary import Protocol

ACQUISITION = ("scanner", "tube voltage, kVp", "kernel", "phase", "slice thickness, mm")


def checklists(run: Artifacts) -> Evidence:
    """Point to this very page; a checklist is followed only once its authors have completed it."""
    return Evidence(
        PARTLY,
        "This page holds the run's part of CLEAR, METRICS and TRIPOD+AI; the authors complete and "
        "submit it.",
        ("checklists.html",),
    )


def data_source(run: Artifacts) -> Evidence:
    """Name the cohorts and count their patients."""
    facts = run.table("facts")
    if facts is None:
        return lacking(run, "the series")
    cohorts = facts.groupby("cohort", sort=False)["patient"].nunique()
    of_cohorts = [f"{name} ({words.counted(count, 'patient')})" for name, count in cohorts.items()]
    began = "A finished feature table" if run.entry == "table" else "Cohorts"
    made = "All of it was made from phantoms." if run.settings["phantoms"] else ""
    return Evidence(
        PARTLY,
        sentences(
            f"{began}: {words.listed(of_cohorts)}.",
            made,
            "Where they come from and who may use them is for the authors.",
        ),
        ("report.html#cohort", csv("table1_cohort")),
    )


def eligibility(run: Artifacts) -> Evidence:
    """List the exclusions that the run applied."""
    if run.entry == "table":
        return Evidence(
            NOT_DONE,
            "The run began with a finished feature table and excluded nobody; by which criteria "
            "its patients were chosen is for the authors.",
        )
    steps = run.table("exclusions")
    if steps is None:
        return lacking(run, "exclusions")
    reasons = words.listed(steps["reason"].iloc[1:])
    return Evidence(
        DONE,
        f"Series of {run.settings['target']} leave for these reasons, one after the other: "
        f"{reasons}. How patients came into the cohort is for the authors.",
        ("report.html#flow", "cohort/exclusions.tsv"),
    )


def participant_flow(run: Artifacts) -> Evidence:
    """Count who came in, who left at which step and who remained, with and without the outcome."""
    rows = classified(run)
    if rows is None:
        return lacking(run, "the series that were classified")
    left = f"Classified: {_of_classes(rows)}."
    where = ("report.html#flow", "figures/figure1_flow.svg")
    steps = run.table("exclusions")
    if run.entry == "table" or steps is None:
        return Evidence(
            PARTLY,
            f"The flow begins with the rows of the finished feature table. {left} Who was left "
            "out before is not known to the run.",
            where,
        )
    begin = steps.iloc[0]
    removed = [
        f"{words.counted(step['removed_series'], 'series', 'series')} and "
        f"{words.counted(step['removed_patients'], 'patient')} ({step['reason']})"
        for _, step in steps.iloc[1:].iterrows()
    ]
    return Evidence(
        DONE,
        f"From {words.counted(begin['left_series'], 'series', 'series')} of "
        f"{words.counted(begin['left_patients'], 'patient')} leave: {'; '.join(removed)}. {left}",
        (*where, "cohort/exclusions.tsv"),
    )


def _of_classes(rows: pd.DataFrame) -> str:
    """Count patients, studies and series, and the positive among studies."""
    studies = rows.drop_duplicates("study")
    positive = int(studies["label"].eq("positive").sum())
    return (
        f"{words.counted(rows['patient'].nunique(), 'patient')}, "
        f"{words.counted(len(studies), 'study', 'studies')} ({positive} positive, "
        f"{len(studies) - positive} negative), {words.counted(len(rows), 'series', 'series')}"
    )


def analysis_counts(run: Artifacts) -> Evidence:
    """Count patients, studies and outcomes in training and test."""
    rows = classified(run)
    if rows is None:
        return lacking(run, "the series that were classified")
    parts = [
        f"{name}: {_of_classes(rows[rows['place'].eq(place)])}"
        for place, name in (("train", "Training"), ("test", "Test"))
    ]
    tuned = (
        "Tuning uses inner folds of the training patients." if run.ran(Protocol.CORRECTED) else ""
    )
    return Evidence(
        DONE, sentences(f"{'. '.join(parts)}.", tuned), (csv("table2_splits"), csv("table1_cohort"))
    )


def split(run: Artifacts) -> Evidence:
    """Say how the data were divided, and whether any patient stands on both sides."""
    rows = classified(run)
    audit = run.table("leakage_audit")
    if rows is None or audit is None:
        return lacking(run, "the split and its audit")
    by_place = rows.groupby("patient")["place"].nunique()
    leaking = int((by_place > 1).sum()) + len(leaks(audit))
    found = (
        f"{words.counted(leaking, 'leak')} found"
        if leaking
        else "no patient stands on both sides of any split"
    )
    named = "by the feature table" if run.entry == "table" else "by the ledger, drawn by patient"
    published = (
        "The published protocol's own cross-validation splits series and not patients, after "
        "features were selected on all of them."
        if run.ran(Protocol.PUBLISHED)
        else ""
    )
    return Evidence(
        DONE if run.ran(Protocol.CORRECTED) and not leaking else PARTLY,
        sentences(
            f"Training {of_place(rows, 'train')}; test {of_place(rows, 'test')}, {named}.",
            f"{run.settings['folds']} folds of whole training patients, within which all scaling, "
            "selection and tuning happen."
            if run.ran(Protocol.CORRECTED)
            else "",
            f"Leakage audit: {found}.",
            published,
        ),
        ("report.html#rules", csv("table2_splits"), "provenance/leakage_audit.tsv"),
    )


@from_images
def acquisition(run: Artifacts) -> Evidence:
    """Say which facts of acquisition are recorded, and which are missing in some series."""
    table = run.table("tableS1_acquisition")
    if table is None:
        return lacking(run, "acquisition")
    known = table[table["statistic"].ne(NOT_RECORDED)]
    gaps = set(table.loc[table["statistic"].eq(NOT_RECORDED), "characteristic"])
    recorded = [name for name in ACQUISITION if known["characteristic"].eq(name).any()]
    missing = [name for name in ACQUISITION if name in gaps or name not in recorded]
    return Evidence(
        PARTLY if missing else DONE,
        sentences(
            f"Read from the headers: {_names(recorded) if recorded else 'spacing alone'}.",
            f"Not recorded in some or all series: {_names(missing)}." if missing else "",
            "Contrast medium and the patients' preparation are for the authors.",
        ),
        ("report.html#cohort", csv("tableS1_acquisition")),
    )


def _names(characteristics: Iterable[str]) -> str:
    return words.listed(map(without_unit, characteristics))


def outcome(run: Artifacts) -> Evidence:
    """Say how the class was made from the molecular score."""
    name, rows = run.settings["name"], classified(run)
    if rows is None:
        return lacking(run, "the series that were classified")
    types = rows.drop_duplicates("study")["sample_type"].replace("", pd.NA).dropna().value_counts()
    samples = [f"{words.VALUES['statistic'].get(kind, kind)} {n}" for kind, n in types.items()]
    made = (
        f"The class is the feature table's column {name}_Class."
        if run.entry == "table"
        else f"A study is positive where its {name} score is above "
        f"{run.settings['positive_above']:g}."
    )
    return Evidence(
        PARTLY,
        sentences(
            made,
            f"Sample types of the studies: {words.listed(samples)}." if samples else "",
            "How the score is measured, why it was chosen and what limits it is for the authors.",
        ),
        (METHODS, csv("table1_cohort")),
    )


@from_images
def interval(run: Artifacts) -> Evidence:
    """Say how far apart CT and sample may lie."""
    return Evidence(
        PARTLY,
        f"A study takes the sample nearest in time, at most {run.settings['window_days']} days "
        "before or after the CT. Whether that is close enough is for the authors.",
        ("cohort/matching.tsv", METHODS),
    )


def missing_data(run: Artifacts) -> Evidence:
    """Count the series without all features, and say what each protocol does with them."""
    if classified(run) is None:
        return lacking(run, "the series that were classified")
    treated = {
        "published": "the published protocol drops such series",
        "corrected": "the corrected protocol keeps them, fills features of extent with 0 and "
        "others with the training median, and marks them",
    }
    measurable = "" if run.entry == "table" else " with a mask"
    told = [
        f"{counts.unmeasured} of "
        f"{words.counted(counts.series, 'classified series', 'classified series')}{measurable} "
        f"lack features, {counts.lesion_free} because the mask holds no lesion; "
        f"{'; '.join(treated[name] for name in protocols)}."
        for counts, protocols in lacking_by_protocol(run.tables["facts"], run.settings).items()
    ]
    return Evidence(
        DONE,
        sentences(*told),
        ("report.html#classification", FACTS, METHODS),
    )


def imbalance(run: Artifacts) -> Evidence:
    """Count the classes and say which weights were tried."""
    rows = classified(run)
    if rows is None:
        return lacking(run, "the series that were classified")
    training = rows[rows["place"].eq("train")]
    positive = training["label"].eq("positive").mean()
    weights = [words.WEIGHTINGS[name] for name in run.settings["weightings"]]
    return Evidence(
        DONE,
        sentences(
            f"{words.share(positive)} of the training series are positive.",
            f"Class weights: {words.listed(weights)}; nothing is resampled.",
            "Under 'corrected' the searched weights and the threshold are chosen inside the folds."
            if run.ran(Protocol.CORRECTED)
            else "",
            "Probabilities are not recalibrated afterwards.",
        ),
        (csv("table2_splits"), csv("tableS3_weighted"), METHODS),
    )


def characteristics(run: Artifacts) -> Evidence:
    """Say which characteristics table 1 describes, by set and class."""
    table = run.table("table1_cohort")
    if table is None:
        return lacking(run, "characteristics")
    described = list(table["characteristic"].unique())
    absent = [name for name in ("age, years", "sex") if name not in described]
    return Evidence(
        PARTLY,
        sentences(
            f"By cohort, set and class: {_names(described)}.",
            f"Not known to the run: {_names(absent)}." if absent else "",
            "The groups are not compared by tests.",
        ),
        ("report.html#cohort", csv("table1_cohort")),
    )


def differences(run: Artifacts) -> Evidence:
    """Set training and test side by side, the way that their masks were made included."""
    rows = classified(run)
    if rows is None:
        return lacking(run, "the series that were classified")
    places = (("train", "training"), ("test", "test"))
    burden = [
        f"{name} "
        f"{words.number(pd.to_numeric(rows.loc[rows['place'].eq(place), 'burden_ml']).median())} ml"
        for place, name in places
    ]
    kinds = kinds_of_classified(rows)
    made = [f"{name} {_of_kinds(kinds[place])}" for place, name in places if kinds[place]]
    return Evidence(
        PARTLY,
        sentences(
            f"Median tumour burden: {words.listed(burden)}.",
            f"Masks (series) by: {'; '.join(made)}." if made else "",
            "" if run.entry == "table" else "Both are of one cohort, by the same criteria.",
            "Table 1 sets the two beside each other, without tests.",
        ),
        (csv("table1_cohort"), "report.html#rules"),
    )


def _of_kinds(counts: dict[str, int]) -> str:
    named = words.VALUES["kind"]
    return ", ".join(f"{named.get(kind, kind)} {number}" for kind, number in counts.items())


def confounders(run: Artifacts) -> Evidence:
    """Say that no confounder is analysed, and what features are harmonised by."""
    shown = "" if run.entry == "table" else " Table S1 shows scanners and slices by cohort only."
    if run.settings["harmonisation"]["by"]:
        return Evidence(
            PARTLY,
            f"Features are harmonised by {harmonised_by(run.settings['harmonisation'])} in the "
            "protocol 'corrected'. No analysis looks for other confounders (sample type, "
            "treatment) and no model adjusts for any.",
            (csv("harmonisation_batches"), csv("harmonisation"), METHODS),
        )
    return Evidence(
        NOT_DONE,
        "No analysis looks for confounders (scanner, slice thickness, sample type, treatment) and "
        f"no model adjusts for any.{shown}",
    )


def clusters(run: Artifacts) -> Evidence:
    """Say that centres are not known; patients are the only clusters that the run heeds."""
    heeded = (
        " Patients are kept whole in splits and intervals of the protocol 'corrected'."
        if run.ran(Protocol.CORRECTED)
        else ""
    )
    return Evidence(
        NOT_DONE,
        f"No input names a centre, so that nothing is compared between centres.{heeded}",
    )


def fairness(run: Artifacts) -> Evidence:
    """Say that fairness is not analysed."""
    return Evidence(NOT_DONE, "No score is computed by sex, age or any other group of people.")


def pipeline_flow(run: Artifacts) -> Evidence:
    """Say that no technical flowchart is drawn."""
    return Evidence(
        NOT_DONE,
        "The run draws the flow of patients only; 'snakemake --rulegraph' gives the technical "
        "steps as a graph.",
    )


@from_images
def data_preparation(run: Artifacts) -> Evidence:
    """Name the checks of ingest; nothing is compared between groups of people."""
    facts = run.table("facts")
    if facts is None:
        return lacking(run, "the series")
    return Evidence(
        PARTLY,
        f"All {words.counted(len(facts), 'series', 'series')} went through the checks of ingest "
        "(gaps, tilt, copies, uneven spacing, the reference's grid), which are the same for "
        "everybody. Groups of people are not compared.",
        ("cohort/acquisition.tsv", METHODS),
    )


def poor_input(run: Artifacts) -> Evidence:
    """Say what happens to unusable input."""
    refused = (
        "A feature table with empty, infinite or doubled values is refused"
        if run.entry == "table"
        else "Ingest refuses scans with missing slices; scans without measurable lesions have "
        "stated values"
    )
    return Evidence(
        PARTLY,
        f"{refused}, each with a sentence or a mark. How to act on them in care is for the "
        "authors.",
        (METHODS,),
    )


def feature_sharing(run: Artifacts) -> Evidence:
    """Point to the feature table; to publish it is the authors' decision."""
    mask = {"table": "table", "masks": "reference"}.get(run.entry, run.settings["final_model"])
    aggregation = run.settings["aggregation"]
    where = [f"radiomics/{mask}/features.csv"]
    if aggregation in words.BY_LESION:
        where.append(f"radiomics/{mask}/{features_file(aggregation)}")
    tables = "one table" if len(where) == 1 else "a table a protocol"
    return Evidence(
        PARTLY,
        f"The features with scores and classes lie in {tables}; to publish them is for the "
        "authors.",
        tuple(where),
    )


def settings_sharing(run: Artifacts) -> Evidence:
    """Point to the settings in the manifest."""
    return Evidence(
        PARTLY,
        "Every setting, the hash of the code and the checksums of the results lie in the run's "
        "manifest; to publish it is for the authors.",
        (MANIFEST,),
    )


def code_sharing(run: Artifacts) -> Evidence:
    """Count the pinned packages; to publish code is the authors' decision."""
    return Evidence(
        PARTLY,
        f"The run is one Snakemake workflow with {len(run.settings['versions'])} pinned packages; "
        "to publish it, and which version, is for the authors.",
        (MANIFEST, "report.html#versions"),
    )
