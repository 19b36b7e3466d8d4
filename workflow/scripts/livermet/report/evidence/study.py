"""Evidence of the study's design and data: who was included, split, described and left out."""

from collections.abc import Iterable

import pandas as pd

from livermet.provenance.leakage import leaks
from livermet.radiomics.aggregation import features_file
from livermet.report import checks, words
from livermet.report.classification.content import introduction
from livermet.report.cohort.tables import NOT_RECORDED, counts, flow_of_facts
from livermet.report.evidence.form import (
    DONE,
    FACTS,
    MANIFEST,
    METHODS,
    NOT_DONE,
    PARTLY,
    Evidence,
    csv,
    from_images,
    lacking,
    mask_of,
    of_classified,
    of_table,
    sentences,
)
from livermet.report.run import Run
from livermet.vocabulary import Protocol

ACQUISITION = ("scanner", "tube voltage, kVp", "kernel", "phase", "slice thickness, mm")


def checklists(run: Run) -> Evidence:
    """Point to this very page; a checklist is followed only once its authors have completed it."""
    return Evidence(
        PARTLY,
        "This page holds the run's part of CLEAR, METRICS and TRIPOD+AI; the authors complete and "
        "submit it.",
        ("checklists.html",),
    )


@of_table("facts", "the series")
def data_source(run: Run, facts: pd.DataFrame) -> Evidence:
    """Name the cohorts and count their patients."""
    cohorts = facts.groupby("cohort", sort=False)["patient"].nunique()
    of_cohorts = [f"{name} ({words.counted(count, 'patient')})" for name, count in cohorts.items()]
    began = "A finished feature table" if run.entry == "table" else "Cohorts"
    made = run.settings["phantoms"]
    return Evidence(
        PARTLY,
        sentences(
            f"{began}: {words.listed(of_cohorts)}.",
            made,
            "Where they come from and who may use them is for the authors.",
        ),
        ("report.html#cohort", csv("table1_cohort")),
    )


def eligibility(run: Run) -> Evidence:
    """List the exclusions that the run applied."""
    told = run.phrases["flow_rule"]
    if run.entry == "table":
        return Evidence(
            NOT_DONE,
            f"{told} By which criteria its patients were chosen is for the authors.",
        )
    steps = run.table("exclusions")
    if steps is None:
        return lacking(run, "exclusions")
    reasons = words.listed(steps["reason"].iloc[1:])
    return Evidence(
        DONE,
        f"Series of {run.target} leave for these reasons: {reasons}. {told} How patients came into "
        "the cohort is for the authors.",
        ("report.html#flow", "cohort/exclusions.tsv"),
    )


@of_classified
def participant_flow(run: Run, rows: pd.DataFrame) -> Evidence:
    """Count who came in, who left at which step and who remained, with and without the outcome."""
    left = f"Classified: {_of_classes(rows)}."
    where = ("report.html#flow", "figures/figure1_flow.svg")
    if run.entry == "table":
        return Evidence(PARTLY, f"{run.phrases['flow_rule']} {left}", where)
    begin, *others = run.tables["exclusions"].itertuples()
    removed = [f"{counts(step, 'removed_')} ({step.reason})" for step in others]
    return Evidence(
        DONE,
        f"From {counts(begin, 'left_')} leave: {'; '.join(removed)}. {left}",
        (*where, "cohort/exclusions.tsv"),
    )


def _of_classes(rows: pd.DataFrame) -> str:
    """Count series, studies and patients, and the positive among studies."""
    (every,) = flow_of_facts(rows).itertuples()
    labels = rows.drop_duplicates("study")["label"]
    positive, negative = labels.eq("positive").sum(), labels.ne("positive").sum()
    return f"{counts(every, 'left_')} ({positive} positive and {negative} negative studies)"


def _of_places(rows: pd.DataFrame) -> str:
    """Count the same in training and test."""
    parts = [
        f"{name}: {_of_classes(rows[rows['place'].eq(place)])}."
        for place, name in (("train", "Training"), ("test", "Test"))
    ]
    return sentences(*parts)


@of_classified
def analysis_counts(run: Run, rows: pd.DataFrame) -> Evidence:
    """Count patients, studies and outcomes in training and test."""
    tuned = (
        "Tuning uses inner folds of the training patients." if run.ran(Protocol.CORRECTED) else ""
    )
    return Evidence(
        DONE, sentences(_of_places(rows), tuned), (csv("table2_splits"), csv("table1_cohort"))
    )


@of_classified
def split(run: Run, rows: pd.DataFrame) -> Evidence:
    """Say how the data were divided, and whether any patient stands on both sides."""
    audit = run.table("leakage_audit")
    if audit is None:
        return lacking(run, "the leakage audit")
    unknown = run.phrases["pretrained_told"]
    clean = run.ran(Protocol.CORRECTED) and not leaks(audit) and not unknown
    return Evidence(
        DONE if clean else PARTLY,
        sentences(
            _of_places(rows),
            "The feature table divides them."
            if run.entry == "table"
            else "The ledger divides them, patient by patient.",
            f"The training patients lie in {run.settings['folds']} folds."
            if run.ran(Protocol.CORRECTED)
            else "",
            run.phrases["validation_told"],
            checks.leakage(audit),
            unknown,
        ),
        ("report.html#rules", csv("table2_splits"), "provenance/leakage_audit.tsv"),
    )


@from_images
@of_table("tableS1_acquisition", "acquisition")
def acquisition(run: Run, table: pd.DataFrame) -> Evidence:
    """Say which facts of acquisition are recorded, and which are missing in some series."""
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
    """List characteristics without their units: 'age' for 'age, years'."""
    return words.listed(name.split(",")[0] for name in characteristics)


@of_classified
def outcome(run: Run, rows: pd.DataFrame) -> Evidence:
    """Say how the class was made from the molecular score."""
    types = rows.drop_duplicates("study")["sample_type"].replace("", pd.NA).dropna().value_counts()
    samples = [f"{words.value('sample_type', kind)} {n}" for kind, n in types.items()]
    return Evidence(
        PARTLY,
        sentences(
            f"{run.phrases['class_rule']}.",
            run.phrases["scoring_rule"],
            f"Sample types of the studies: {words.listed(samples)}." if samples else "",
            "How the score is measured, why it was chosen and what limits it is for the authors.",
        ),
        (METHODS, csv("table1_cohort")),
    )


@from_images
def interval(run: Run) -> Evidence:
    """Say how far apart CT and sample may lie."""
    return Evidence(
        PARTLY,
        f"{run.phrases['window_rule']} Of several the nearest in time is taken, before or after "
        "the CT. Whether that is close enough is for the authors.",
        ("cohort/matching.tsv", METHODS),
    )


@of_classified
def missing_data(run: Run, rows: pd.DataFrame) -> Evidence:
    """Count the series without all features, and say what each protocol does with them."""
    where = ("report.html#classification", FACTS, METHODS)
    return Evidence(DONE, sentences(*introduction(run)), where)


@of_classified
def imbalance(run: Run, rows: pd.DataFrame) -> Evidence:
    """Count the classes and say which weights were tried."""
    training = rows[rows["place"].eq("train")]
    positive = training["label"].eq("positive").mean()
    weights = [words.WEIGHTINGS[name] for name in run.settings["weightings"]]
    return Evidence(
        DONE,
        sentences(
            f"{words.share(positive)} of the training series are positive.",
            f"Class weights: {words.listed(weights)}; nothing is resampled.",
            run.phrases["weight_rule"],
            "Probabilities are not recalibrated afterwards.",
        ),
        (csv("table2_splits"), csv("tableS3_weighted"), METHODS),
    )


@of_table("table1_cohort", "characteristics")
def characteristics(run: Run, table: pd.DataFrame) -> Evidence:
    """Say which characteristics table 1 describes, by set and class."""
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


@of_classified
def differences(run: Run, rows: pd.DataFrame) -> Evidence:
    """Set training and test side by side, the way that their masks were made included."""
    places = (("train", "training"), ("test", "test"))
    burden = [
        f"{name} "
        f"{words.number(pd.to_numeric(rows.loc[rows['place'].eq(place), 'burden_ml']).median())} ml"
        for place, name in places
    ]
    return Evidence(
        PARTLY,
        sentences(
            f"Median tumour burden: {words.listed(burden)}.",
            *checks.kinds_of_masks(run.tables["facts"]),
            "" if run.entry == "table" else "Both are of one cohort, by the same criteria.",
            "Table 1 sets the two beside each other, without tests.",
        ),
        (csv("table1_cohort"), "report.html#rules"),
    )


def confounders(run: Run) -> Evidence:
    """Say that no confounder is analysed, and what features are harmonised by."""
    harmonised = run.settings["harmonisation"]["by"]
    where = (csv("harmonisation_batches"), csv("harmonisation"), METHODS)
    return Evidence(
        PARTLY if harmonised else NOT_DONE,
        sentences(
            run.phrases["harmonisation_rule"],
            "No analysis looks for other confounders (sample type, treatment), and no model "
            "adjusts for any.",
            "" if run.entry == "table" else "Table S1 shows scanners and slices by cohort only.",
        ),
        where if harmonised else (),
    )


def clusters(run: Run) -> Evidence:
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


def fairness(run: Run) -> Evidence:
    """Say which groups of people are scored; groups are described and not compared."""
    table = run.table("subgroups")
    if table is None:
        return Evidence(NOT_DONE, "No score is computed by sex, age or any other group of people.")
    people = table[table["characteristic"].isin(["sex", "age"])]
    if not people["series"].gt(0).any():
        return Evidence(NOT_DONE, "Sex and age are not known, so that no group by them is scored.")
    told, groups = int(people["auc"].notna().sum()), int(people["series"].gt(0).sum())
    return Evidence(
        PARTLY,
        "Groups by sex and age have their counts, and a score where ten patients of either class "
        f"are there: {told} of {groups} groups. Groups are not compared.",
        (csv("subgroups"), "report.html#classification"),
    )


def pipeline_flow(run: Run) -> Evidence:
    """Say that no technical flowchart is drawn."""
    return Evidence(
        NOT_DONE,
        "The run draws the flow of patients only; 'snakemake --rulegraph' gives the technical "
        "steps as a graph.",
    )


@from_images
@of_table("facts", "the series")
def data_preparation(run: Run, facts: pd.DataFrame) -> Evidence:
    """Name the checks of ingest; nothing is compared between groups of people."""
    return Evidence(
        PARTLY,
        f"All {words.counted(len(facts), 'series', 'series')} went through the checks of ingest "
        "(gaps, tilt, copies, uneven spacing, the reference's grid), which are the same for "
        "everybody. Groups of people are not compared.",
        ("cohort/acquisition.tsv", METHODS),
    )


def poor_input(run: Run) -> Evidence:
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


def feature_sharing(run: Run) -> Evidence:
    """Point to the feature table; to publish it is the authors' decision."""
    mask, aggregation = mask_of(run), run.settings["aggregation"]
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


def settings_sharing(run: Run) -> Evidence:
    """Point to the settings in the manifest."""
    return Evidence(
        PARTLY,
        "Every setting, the hash of the code and the checksums of the results lie in the run's "
        "manifest; to publish it is for the authors.",
        (MANIFEST,),
    )


def code_sharing(run: Run) -> Evidence:
    """Count the pinned packages; to publish code is the authors' decision."""
    return Evidence(
        PARTLY,
        f"The run is one Snakemake workflow with {len(run.settings['versions'])} pinned packages; "
        "to publish it, and which version, is for the authors.",
        (MANIFEST, "report.html#versions"),
    )
