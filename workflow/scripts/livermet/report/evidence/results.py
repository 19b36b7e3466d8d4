"""Evidence of evaluation: scores, intervals, calibration, comparisons, reproducibility, size."""

import pandas as pd

from livermet.report import words
from livermet.report.classification import content as classification
from livermet.report.classification.tables import SETS, of_corrected
from livermet.report.evidence.form import (
    DONE,
    NOT_DONE,
    PARTLY,
    Evidence,
    agreement,
    csv,
    lacking,
    of_classified,
    of_table,
    sentences,
)
from livermet.report.evidence.study import fairness
from livermet.report.exhibits import EXHIBITS
from livermet.report.features.content import sample_size_sentences
from livermet.report.features.lists import (
    PERTURBED,
    RECONSTRUCTIONS,
    feature_label,
    most_selected,
)
from livermet.report.layout import estimates
from livermet.report.run import Run
from livermet.vocabulary import Protocol

# Net benefits that are equal but for the last digits are no gain.
ROUNDING = 1e-9


def sample_size(run: Run) -> Evidence:
    """Return the patients that a model of so many candidates needs, and those that there are."""
    told = sample_size_sentences(run)
    if not told:
        return lacking(run, "required sample size")
    untold = "The size of the test set follows from the split and from no calculation."
    return Evidence(DONE, sentences(*told, untold), (csv("sample_size"),))


@of_table("sample_size", "required sample size")
def dimensionality(run: Run, table: pd.DataFrame) -> Evidence:
    """Tell whether there were patients enough for all candidates."""
    found = sample_size(run)
    enough = (table["required_patients"] <= table["available_patients"]).all()
    verdict = "Enough for all." if enough else "Assessed, and not enough."
    return Evidence(DONE if enough else PARTLY, sentences(found.what, verdict), found.where)


@of_classified
def testing(run: Run, rows: pd.DataFrame) -> Evidence:
    """Say on whom the models were tested, and that it was not outside the cohort."""
    patients = rows.loc[rows["place"].eq("test"), "patient"].nunique()
    if not patients:
        return Evidence(NOT_DONE, "No classified patient was held out for testing.")
    return Evidence(
        DONE,
        f"Internal: {words.counted(patients, 'patient')} of the same cohort, held out whole. Table "
        f"4 has their scores. {run.phrases['test_rule']} No external test.",
        ("report.html#classification", csv("table2_splits"), csv("table4_classification")),
    )


def external_testing(run: Run) -> Evidence:
    """Say that no other institution's data was scored."""
    return Evidence(
        NOT_DONE,
        f"Classifiers are tested on {run.target} alone, the cohort that they learnt from.",
    )


@of_table("table4_classification", "test scores")
def measures(run: Run, table: pd.DataFrame) -> Evidence:
    """List the scores and plots."""
    scores = words.listed(words.value("metric", name) for name in table["metric"].unique())
    plots = [
        name
        for name, source in (
            ("calibration (slope, intercept, Brier score)", "calibration"),
            ("decision curve", "decision_curve"),
            ("permutation test", "permutation"),
            ("cohorts without signal", "null_cohorts"),
        )
        if run.table(source) is not None
    ]
    where = [csv("table4_classification")]
    where += [csv(n) for n in ("calibration", "decision_curve") if run.table(n) is not None]
    return Evidence(
        DONE if run.table("calibration") is not None else PARTLY,
        sentences(
            f"{words.capital(scores)}; ROC curves.",
            f"{words.capital(words.listed(plots))}."
            if plots
            else "Neither calibration nor clinical utility.",
            "Why these is for the authors.",
        ),
        ("report.html#classification", *where),
    )


def task_metrics(run: Run) -> Evidence:
    """Say what METRICS asks for beside the scores: a confusion matrix, loss curves of networks."""
    found = measures(run)
    if found.done == NOT_DONE:
        return found
    curves = " and loss curves of the networks" if run.settings["models"] else ""
    return Evidence(
        PARTLY,
        f"{found.what} Not shown, though METRICS asks for it: a confusion matrix{curves}.",
        found.where,
    )


def uncertainty(run: Run) -> Evidence:
    """Say what the intervals are drawn over."""
    told, table = run.phrases["intervals_told"], run.table("intervals")
    if table is not None:
        units = words.listed(table["unit"].unique())
        return Evidence(
            DONE,
            f"{told} 95% intervals by {units} stand side by side; whole patients are what counts.",
            (csv("intervals"), "report.html#rules"),
        )
    if run.table("table4_classification") is None:
        return lacking(run, "intervals")
    return Evidence(PARTLY, told, (csv("table4_classification"), "report.html#rules"))


@of_table("calibration", "calibration")
def calibration(run: Run, table: pd.DataFrame) -> Evidence:
    """Return slope, intercept and Brier score of the chosen model on held-out and test patients."""
    rows = _of_chosen(run, table)
    known = rows[rows["slope"].notna()]
    if known.empty:
        reasons = [text for text in rows["reason"].unique() if isinstance(text, str) and text]
        why = f": {words.listed(reasons)}" if reasons else ""
        return Evidence(PARTLY, f"Assessed without a slope{why}.", (csv("calibration"),))
    measures = [
        estimates(known, name, f"{name}_low", f"{name}_high", lacking=classification.NO_INTERVAL)
        for name in ("slope", "intercept", "brier")
    ]
    parts = [
        f"on {SETS[row.set]}: slope {slope}, intercept {intercept}, Brier score {brier}, "
        f"prevalence alone {words.number(row.brier_prevalence)}"
        for row, slope, intercept, brier in zip(known.itertuples(), *measures, strict=True)
    ]
    name = words.capital(words.model(known["model"].iloc[0]))
    return Evidence(DONE, f"{name}, corrected protocol, {'; '.join(parts)}.", (csv("calibration"),))


def _of_chosen(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of the corrected protocol's chosen model."""
    chosen = run.chosen.get(Protocol.CORRECTED)
    return table.iloc[:0] if chosen is None else of_corrected(table, chosen.model)


def non_radiomic(run: Run) -> Evidence:
    """Set the chosen model beside volume and number of lesions."""
    return _beside(run, "volume", "lesion_count")


def simple_models(run: Run) -> Evidence:
    """Set the chosen model beside the rule that calls everybody positive."""
    return _beside(run, "always_positive")


def comparison(run: Run) -> Evidence:
    """Say by which statistics models are compared."""
    found = _beside(run, *classification.COMPARED)
    if found.done != DONE:
        return found
    also = ("permutation", "detection_comparison")
    made = [name for name in also if run.table(name) is not None]
    pairs = EXHIBITS["detection_comparison"].summary
    return Evidence(
        DONE,
        sentences(
            "Classifiers: differences in score on the same bootstrap draws of patients; no DeLong "
            "test; p values of a model's comparisons are corrected for their number (Holm).",
            *classification.permutation_sentences(run),
            f"Segmentation. {pairs}" if "detection_comparison" in made else "",
        ),
        (*found.where, *map(csv, made)),
    )


def comparison_results(run: Run) -> Evidence:
    """Return differences from every baseline, and where the decision curve lies."""
    found = _beside(run, *classification.COMPARED)
    curve = run.table("decision_curve")
    if found.done != DONE:
        return found
    where = found.where if curve is None else (*found.where, csv("decision_curve"))
    used = "" if curve is None else _net_benefit(run, curve)
    return Evidence(DONE if used else PARTLY, sentences(found.what, used), where)


def _net_benefit(run: Run, table: pd.DataFrame) -> str:
    """Count the thresholds at which the model beats both calling everybody and nobody."""
    rows = _of_chosen(run, table)
    parts = []
    for name, here in rows.groupby("set", sort=False):
        simple = here[["call_all", "call_none"]].max(axis=1)
        better = int((here["net_benefit"] > simple + ROUNDING).sum())
        parts.append(f"at {better} of {len(here)} thresholds on {SETS[name]}")
    return (
        f"Net benefit above calling everybody and above calling nobody: {words.listed(parts)}."
        if parts
        else ""
    )


def _beside(run: Run, *baselines: str) -> Evidence:
    """Return how the chosen model does beside some baselines, on the test studies if it can be."""
    if run.table("baselines") is None:
        return lacking(run, "baselines")
    compared = classification.comparisons(run, baselines)
    if not compared:
        return Evidence(NOT_DONE, "No score could be set against these baselines.")
    part, rows = list(compared.items())[-1]
    scores = [
        f"{words.value('metric', row.metric)} {words.number(row.mean)} / "
        f"{words.number(row.baseline_mean)}"
        for row in rows.itertuples()
    ]
    return Evidence(
        DONE,
        f"{classification.beside_baselines(part, rows)} Scores of the model / of the baseline: "
        f"{'; '.join(scores)}.",
        (csv("baselines"),),
    )


def performance(run: Run) -> Evidence:
    """Return the chosen model's cross-validated and test AUC of each protocol."""
    if run.table("tableS2_cross_validation") is None or run.table("table4_classification") is None:
        return lacking(run, "cross-validated and test scores")
    known = any(pd.notna(choice.auc) for choice in run.chosen.values())
    told = [classification.protocol_sentence(run, protocol) for protocol in run.chosen]
    where = [csv("tableS2_cross_validation"), csv("table4_classification")]
    repeated = run.table("repeated_cross_validation")
    if repeated is not None:
        aucs = [
            f"{words.model(row.model)} {words.number(row.mean)} "
            f"(repeats {words.spread(row.repeat_low, row.repeat_high)})"
            for row in repeated[repeated["metric"].eq("auc")].itertuples()
        ]
        told.append(
            f"Repeated nested cross-validation of all patients: AUC of {words.listed(aucs)}."
        )
        where.append(csv("repeated_cross_validation"))
    return Evidence(
        DONE if known else NOT_DONE, sentences(*told), ("report.html#classification", *where)
    )


def performance_of_groups(run: Run) -> Evidence:
    """Return the scores as above, and which subgroups of people are scored."""
    found = performance(run)
    if found.done != DONE:
        return found
    return Evidence(PARTLY, sentences(found.what, fairness(run).what), found.where)


@of_table("reproducibility", "reproducibility")
def robust_features(run: Run, _: pd.DataFrame) -> Evidence:
    """Count features that reconstruction and contour hardly change; none is removed for it."""
    told = [agreement(run, comparison) for comparison in (RECONSTRUCTIONS, PERTURBED)]
    if not any(told):
        return Evidence(NOT_DONE, "There were too few studies with two series for an ICC.")
    return Evidence(
        PARTLY,
        sentences(*told, "No feature is left out for it."),
        (csv("reproducibility"),),
    )


def feature_statistics(run: Run) -> Evidence:
    """Return reproducibility and stability of the features."""
    reproducible, stability = robust_features(run), run.table("stability")
    if stability is None:
        return reproducible
    often = [
        f"Of {row.resamples} resamples {feature_label(row.feature)} is selected most often "
        f"({words.share(row.frequency)})."
        for row in most_selected(stability)[:1].itertuples()
    ]
    known = reproducible.done != NOT_DONE
    return Evidence(
        DONE if known else PARTLY,
        sentences(reproducible.what, *often),
        (*reproducible.where, csv("stability"), "report.html#figure4_features"),
    )


@of_table("selection_summary", "selected features")
def interpretability(run: Run, _: pd.DataFrame) -> Evidence:
    """Point to the coefficients; single predictions are not explained."""
    return Evidence(
        PARTLY,
        f"Figure 4: {EXHIBITS['figure4_features'].summary} Figure 5: "
        f"{EXHIBITS['figure5_failures'].summary} No single prediction is explained.",
        ("report.html#figure4_features", "report.html#figure5_failures"),
    )
