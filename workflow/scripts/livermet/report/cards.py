"""Model cards: what a trained model was made from, what it is worth, and what it is not for.

One card a network, and one for the classifier that the corrected protocol chose; each is Markdown,
which `livermet pack` lays beside the model as MODEL_CARD.md. Its sentences and numbers are those of
the report and the checklists, from the run's own tables; they name no patient and no series.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import jinja2
import pandas as pd

from livermet.provenance.leakage import HELD_OUT, SEGMENTATION, TRAIN
from livermet.provenance.leakage import TEST as TESTED
from livermet.report import checks, words
from livermet.report.classification import content as classification
from livermet.report.classification.tables import of_corrected
from livermet.report.detection import content as detection
from livermet.report.evidence import images, modelling, results, study
from livermet.report.evidence.form import DONE, PARTLY, Evidence, version
from livermet.report.layout import TOO_FEW, across, estimates
from livermet.report.page import plain_table
from livermet.report.run import Run
from livermet.vocabulary import Protocol

PHENOTYPE = "phenotype"
TEMPLATE = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
NO_DEVICE = (
    "Research software, not a medical device. No result of it may decide the care of a patient."
)
USE_OF_NETWORK = (
    "Research: outlines of the liver and of lesions in it on CT of adults, for volumes, counts and "
    "radiomics, each of which a reader has to look at."
)
PHANTOMS = "Everything here was made from phantoms: synthetic images that tell nothing of patients."
# Patients, or lesions, that an interval is given from: as many as of either class of a subgroup
# (livermet.validation.subgroups, which takes libraries that pages do without).
FEWEST = 10
# By which packages a model computes, as the run pins them.
COMPUTED_BY = {
    "nnunet": ("nnunetv2", "torch", "simpleitk"),
    "monai": ("monai", "torch", "simpleitk"),
    PHENOTYPE: ("scikit-learn", "xgboost", "pyradiomics-bhklab"),
}


@dataclass(frozen=True)
class Section:
    """A part of a card: sentences, then a table, whose cells are text, if it has one."""

    title: str
    sentences: list[str]
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def network_card(run: Run, model: str, family: str) -> str:
    """Write the card of a network. `family` is 'nnunet' or 'monai'."""
    own = _of_model(run, model)
    scored = own("detection_scores")
    sections = [
        Section("Intended use", [USE_OF_NETWORK, _limits_of_use(_cohorts(run))]),
        _section("Data", _told(study.data_source, run), _trained_on(run, model)),
        Section(
            "Splits",
            [
                run.phrases["place_rule"],
                checks.leakage(run.tables["leakage_audit"]),
                *_stale(run, model),
            ],
        ),
        _section(
            "Performance",
            _scored_on(scored) if len(scored) else _unscored(run, model),
            _laid_out(detection.scores, scored),
        ),
        _section("Overlap", [], _laid_out(detection.distances, scored)),
        _section(
            "Performance by size of the lesions",
            [run.phrases["rule_of_table_3"]],
            _laid_out(detection.sizes, own("detection_sizes")),
        ),
        _section(
            "Negatives: scans read as free of lesions",
            ["What the model draws there is false."],
            _laid_out(detection.lesion_free, own("detection_lesion_free")),
        ),
        Section(
            "Definition of a lesion, and of their number",
            [run.phrases["matching_rule"], run.phrases["empty_rule"]],
        ),
        Section(
            "Threshold",
            ["None: a voxel has the class (background, liver, lesion) of the highest probability."],
        ),
        Section("Prevalence", [_prevalence_of_lesions(own("detection_scans"))]),
        Section(
            "Calibration",
            ["Not measured: a voxel's lesion probability is no calibrated probability."],
        ),
        Section(
            "Limits",
            [
                "Performance was not measured by sex, age, scanner or centre.",
                run.phrases["pretrained_told"],
                # It is of the masks that the classifiers learn from.
                *(_told(images.segmentation_reliability, run) if model == run.final else []),
            ],
        ),
        Section("Made by", [_made_by(run, COMPUTED_BY[family])]),
    ]
    return _written(run, f"{words.model(model)}: liver and lesions of the liver in CT", sections)


def phenotype_card(run: Run) -> str:
    """Write the card of the classifier that the corrected protocol chose."""
    run = _of_corrected_protocol(run)
    chosen = run.chosen[Protocol.CORRECTED]
    scores = of_corrected(run.tables["table4_classification"], chosen.model)
    tested = _laid_out(_test_scores, scores)
    subgroups = _table(run, "subgroups")
    name = run.settings["name"]
    sections = [
        Section(
            "Intended use",
            [
                f"Research into whether CT tells the {name} class of liver lesions: a probability "
                "of the positive class for a scan that resembles the training data.",
                _limits_of_use([run.target]),
            ],
        ),
        Section(
            "What it is worth",
            [
                *classification.outcome_sentences(run),
                classification.protocol_sentence(run, Protocol.CORRECTED),
                *classification.baseline_sentences(run),
                *classification.permutation_sentences(run),
            ],
        ),
        Section("Data", [*_told(study.data_source, run), *_told(study.outcome, run)]),
        Section("Splits", _told(study.split, run)),
        _section("Performance on test patients", [run.phrases["intervals_told"]], tested),
        _section(
            "Performance by subgroup, with negatives",
            [
                "Counts always; an AUC only where ten patients of either class are there. Of "
                "training patients held out by a fold, or of test patients."
            ],
            _laid_out(classification.subgroups, subgroups),
        ),
        Section("Threshold", [*_threshold(run, chosen.model), *_told(modelling.threshold, run)]),
        Section(
            "Prevalence", [*_told(study.imbalance, run), *classification.trivial_sentences(run)]
        ),
        Section("Calibration", _told(results.calibration, run)),
        Section(
            "Definition of a lesion, and of their number",
            [run.phrases["lesion_rule"], run.phrases["feature_rule"]],
        ),
        Section("Features and classifier", _judged(run, modelling.selection, modelling.algorithms)),
        Section(
            "Limits",
            [
                *_judged(run, results.sample_size, results.external_testing, study.confounders),
                *_judged(run, study.fairness, study.clusters),
                *checks.kinds_of_masks(run.tables["facts"]),
            ],
        ),
        Section("Made by", [_made_by(run, _computed_by(run))]),
    ]
    return _written(run, f"{words.capital(words.model(chosen.model))}: {name} class", sections)


def _written(run: Run, title: str, sections: list[Section]) -> str:
    kept = [
        Section(one.title, [text for text in one.sentences if text], one.columns, one.rows)
        for one in sections
    ]
    phantoms = PHANTOMS if run.settings["phantoms"] else ""
    return TEMPLATE.get_template("card.md").render(
        title=title,
        notices=[text for text in (NO_DEVICE, phantoms) if text],
        sections=[one for one in kept if one.sentences or one.rows],
    )


def _of_corrected_protocol(run: Run) -> Run:
    """Take a run as if it had followed the corrected protocol alone, which made the classifier."""
    settings = {**run.settings, "protocols": [Protocol.CORRECTED.value]}
    tables = dict(run.tables)
    for name in ("selection_summary", "calibration"):
        if name in tables:
            tables[name] = tables[name][tables[name]["protocol"].eq(Protocol.CORRECTED)]
    return replace(run, settings=settings, tables=tables)


def _cohorts(run: Run) -> list[str]:
    return list(run.tables["facts"]["cohort"].dropna().unique())


def _limits_of_use(cohorts: list[str]) -> str:
    return (
        f"It is known on scans like those of {words.listed(cohorts)} alone; not for diagnosis, "
        "screening or the choice of a treatment."
    )


def _computed_by(run: Run) -> tuple[str, ...]:
    """Name the packages behind a classifier; features of a finished table were not computed."""
    named = COMPUTED_BY[PHENOTYPE]
    return tuple(one for one in named if run.entry != "table" or one != "pyradiomics-bhklab")


def _threshold(run: Run, model: str) -> list[str]:
    """Say the frozen threshold: the mean of the folds', at which the test set was called."""
    tested = _table(run, "test_predictions")
    own = tested[tested["model"].eq(model)] if len(tested) else tested
    if own.empty:
        return []
    return [f"Called positive above {words.number(own['threshold'].iloc[0], 3)}."]


def _told(judge: Callable[[Run], Evidence], run: Run) -> list[str]:
    """Take a checklist's sentences about what the run did; none where it did not."""
    found = judge(run)
    return [found.what] if found.done in (DONE, PARTLY) else []


def _judged(run: Run, *judges: Callable[[Run], Evidence]) -> list[str]:
    """Take a checklist's sentences, on what was not done too."""
    return [judge(run).what for judge in judges]


def _table(run: Run, name: str) -> pd.DataFrame:
    table = run.table(name)
    return pd.DataFrame() if table is None else table


def _of_model(run: Run, model: str) -> Callable[[str], pd.DataFrame]:
    """Make the function that takes a network's rows of a table, none without the table."""

    def rows_of(name: str) -> pd.DataFrame:
        table = _table(run, name)
        if table.empty:
            return table
        return _honest(table[table["model"].eq(model)], _table(run, "detection_scores"))

    return rows_of


def _honest(rows: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Leave out intervals of fewer than FEWEST patients or lesions, and those without any width.

    A score of 0 or 1 is the same in every draw, which says nothing of other patients. `scores`
    tells how many patients a set has.
    """
    if "low" not in rows:
        return rows
    sets = ["cohort", "test_set"]
    by_set = dict(scores.groupby(sets)["patients"].first()) if len(scores) else {}
    patients = [by_set.get(key, 0) for key in rows[sets].itertuples(index=False, name=None)]
    few = pd.Series(patients, index=rows.index).lt(FEWEST) | rows["low"].eq(rows["high"])
    if "reference_lesions" in rows:
        few |= rows["reference_lesions"].lt(FEWEST)
    return rows.assign(**{end: rows[end].mask(few) for end in ("low", "high")})


def _scored_on(scores: pd.DataFrame) -> list[str]:
    """Count the scans behind the scores, and say which of them have an interval."""
    sets = scores.drop_duplicates(["cohort", "test_set"])
    counts = [
        f"{one.cohort}, {one.test_set}: {words.counted(one.scans, 'scan')} of "
        f"{words.counted(one.patients, 'patient')}"
        for one in sets.itertuples()
    ]
    return [
        f"{'; '.join(counts)}.",
        f"In brackets the interval over draws of patients, where {FEWEST} patients or more are "
        f"there, by size {FEWEST} lesions or more too; none where every draw gives the same, as "
        "with a score of 0 or 1.",
    ]


def _laid_out(
    layout: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame
) -> pd.DataFrame | None:
    """Lay a table out as the page does, without the columns that are the model's name."""
    if table.empty:
        return None
    shown = layout(table)
    return shown.drop(columns=[name for name in ("model", "protocol") if name in shown])


def _section(title: str, sentences: list[str], table: pd.DataFrame | None) -> Section:
    """Make a section of a table; without the table there is none of it."""
    if table is None or table.empty:
        return Section(title, sentences if title in ("Data", "Performance") else [])
    laid = plain_table("", "", "", table)
    return Section(title, sentences, laid.columns, laid.rows)


def _test_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Show a score a row: '0.71 (0.59 to 0.82)', or 'too few' for its interval."""
    cells = estimates(table, "mean", "low", "high", TOO_FEW)
    names = table["metric"].map(words.heading)
    return pd.DataFrame({"Score": names, "Test series": cells})


def _trained_on(run: Run, model: str) -> pd.DataFrame | None:
    """Count the patients that each of a model's networks has learnt from, by cohort."""
    audit = _table(run, "leakage_audit")
    if audit.empty:
        return None
    roles = {TRAIN: "learnt from", HELD_OUT: "held out", TESTED: "test"}
    rows = audit[
        audit["task"].eq(SEGMENTATION) & audit["model"].eq(model) & audit["role"].isin(roles)
    ]
    if rows.empty:
        return None
    keys = ["cohort", "fold", "role"]
    counted = rows.fillna({"cohort": ""}).groupby(keys, sort=False)["patient"].nunique()
    cells = counted.rename("cell").reset_index()
    cells["cell"] = cells["cell"].astype(str)
    named = {role: f"Patients {told}" for role, told in roles.items()}
    shown = across(cells, ["cohort", "fold"], "role", named)
    return shown.fillna("0").rename(columns={"fold": "Fold"})


def _stale(run: Run, model: str) -> list[str]:
    """Say how many of a model's training cases have changed since."""
    stale = _table(run, "stale_models")
    number = stale.loc[stale["model"].eq(model), "series"].nunique() if len(stale) else 0
    return (
        [f"Since its training {words.counted(number, 'case')} changed or left."] if number else []
    )


def _unscored(run: Run, model: str) -> list[str]:
    return [f"No scan with a reference is there to score {words.model(model)} on."]


def _prevalence_of_lesions(scans: pd.DataFrame) -> str:
    if scans.empty:
        return ""
    number = int(scans["reference_lesions"].gt(0).sum())
    return (
        f"Of the {words.counted(len(scans), 'scan')} that it was scored on {number} have a lesion "
        "in the reference."
    )


def _made_by(run: Run, packages: tuple[str, ...]) -> str:
    pinned = [name for name in packages if name in run.settings["versions"]]
    made = words.listed(
        [f"livermet {run.settings['version']}", *(version(run, name) for name in pinned)]
    )
    return f"{made}, in the run '{run.settings['run']}'."
