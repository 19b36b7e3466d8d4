"""Evidence of evaluation: scores, intervals, calibration, comparisons, reproducibility, size."""

import pandas as pd

from livermet.report import words
from livermet.report.classification.content import score
from livermet.report.evidence.artifacts import (
    DONE,
    NOT_DONE,
    PARTLY,
    SETS,
    Artifacts,
    Evidence,
    agreement,
    choice_of,
    classified,
    csv,
    lacking,
    sentences,
    with_interval,
)
from livermet.report.features.lists import PERTURBED, RECONSTRUCTIONS

# Net benefits that are equal but for the last digits are no gain.
ROUNDING = 1e-9
BASELINES = {
    "always_positive": "always positive",
    "volume": "tumour volume",
    "lesion_count": "number of lesions",
}


def sample_size(run: Artifacts) -> Evidence:
    """Return the patients that a model of so many candidates needs, and those that there are."""
    table = run.table("sample_size")
    if table is None:
        return lacking(run, "required sample size")
    required = table.groupby("candidates", sort=False)["required_patients"].max()
    needs = [f"{name} need {_patients(number)}" for name, number in required.items()]
    first = table.iloc[0]
    return Evidence(
        DONE,
        f"By Riley's criteria, at an assumed AUC of {first['assumed_auc']:g}: "
        f"{words.listed(needs)}; {words.counted(first['available_patients'], 'training patient')} "
        "were there. The size of the test set follows from the split and from no calculation.",
        (csv("sample_size"),),
    )


def dimensionality(run: Artifacts) -> Evidence:
    """Tell whether there were patients enough for all candidates."""
    found, table = sample_size(run), run.table("sample_size")
    if table is None:
        return found
    enough = (table["required_patients"] <= table["available_patients"]).all()
    verdict = "Enough for all." if enough else "Assessed, and not enough."
    return Evidence(DONE if enough else PARTLY, sentences(found.what, verdict), found.where)


def _patients(number: float) -> str:
    return (
        words.counted(number, "patient")
        if number < float("inf")
        else "more than any number of them"
    )


def testing(run: Artifacts) -> Evidence:
    """Say on whom the models were tested, and that it was not outside the cohort."""
    rows = classified(run)
    patients = 0 if rows is None else rows.loc[rows["place"].eq("test"), "patient"].nunique()
    if not patients:
        return Evidence(NOT_DONE, "No classified patient was held out for testing.")
    once = {
        "published": "published: every model scores them",
        "corrected": "corrected: the model chosen by cross-validation scores them once",
    }
    return Evidence(
        DONE,
        f"Internal: {words.counted(patients, 'patient')} of the same cohort, held out whole; "
        f"{'; '.join(once[name] for name in run.settings['protocols'])}. No external test.",
        ("report.html#classification", csv("table2_splits"), csv("table4_classification")),
    )


def external_testing(run: Artifacts) -> Evidence:
    """Say that no other institution's data was scored."""
    return Evidence(
        NOT_DONE,
        f"Classifiers are tested on {run.settings['target']} alone, the cohort that they learnt "
        "from.",
    )


def measures(run: Artifacts) -> Evidence:
    """List the scores and plots."""
    table = run.table("table4_classification")
    if table is None:
        return lacking(run, "test scores")
    scores = words.listed(words.value("metric", name) for name in table["metric"].unique())
    plots = [
        name
        for name, source in (
            ("calibration (slope, intercept, Brier score)", "calibration"),
            ("decision curve", "decision_curve"),
            ("permutation test", "permutation"),
            ("phantom cohorts without signal", "null_cohorts"),
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


def task_metrics(run: Artifacts) -> Evidence:
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


def uncertainty(run: Artifacts) -> Evidence:
    """Say what the intervals are drawn over."""
    table = run.table("intervals")
    draws = f"{run.settings['draws']:,} bootstrap draws"
    if table is not None and table["unit"].eq("patient").any():
        units = words.listed(table["unit"].unique())
        return Evidence(
            DONE,
            f"95% intervals of {draws}, by {units}; whole patients are what counts.",
            (csv("intervals"), "report.html#rules"),
        )
    if run.table("table4_classification") is None:
        return lacking(run, "intervals")
    return Evidence(
        PARTLY,
        f"Intervals of {draws} over the series of fixed test studies: far too narrow, since "
        "patients never vary.",
        (csv("table4_classification"), "report.html#rules"),
    )


def calibration(run: Artifacts) -> Evidence:
    """Return slope and Brier score of the chosen model on held-out and test patients."""
    table = run.table("calibration")
    if table is None:
        return lacking(run, "calibration")
    rows = _of_last_protocol(run, table)
    known = rows[rows["slope"].notna()]
    if known.empty:
        reasons = [text for text in rows["reason"].unique() if isinstance(text, str) and text]
        why = f": {words.listed(reasons)}" if reasons else ""
        return Evidence(PARTLY, f"Assessed without a slope{why}.", (csv("calibration"),))
    parts = [
        f"{SETS.get(row['set'], row['set'])}: slope {with_interval(row, 'slope', 'slope_')}, "
        f"intercept {words.number(row['intercept'])}, Brier score {words.number(row['brier'])} "
        f"(prevalence alone {words.number(row['brier_prevalence'])})"
        for _, row in known.iterrows()
    ]
    return Evidence(
        DONE,
        f"{words.capital(words.model(known['model'].iloc[0]))}, {known['protocol'].iloc[0]}, on "
        f"{'; on '.join(parts)}.",
        (csv("calibration"),),
    )


def _of_last_protocol(run: Artifacts, table: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of one model: the choice of the last protocol that the table holds."""
    for protocol in reversed(run.settings["protocols"]):
        choice = choice_of(run, protocol)
        if choice is not None:
            rows = table[
                table["protocol"].eq(protocol)
                & table["model"].eq(choice.model)
                & table["weighting"].eq(choice.weighting)
            ]
            if len(rows):
                return rows
    return table.iloc[:0]


def non_radiomic(run: Artifacts) -> Evidence:
    """Set the chosen model beside volume and number of lesions."""
    return _beside(run, ("volume", "lesion_count"), "auc")


def simple_models(run: Artifacts) -> Evidence:
    """Set the chosen model beside the rule that calls everybody positive."""
    return _beside(run, ("always_positive",), "f1")


def comparison(run: Artifacts) -> Evidence:
    """Say by which statistics models are compared."""
    found = _beside(run, tuple(BASELINES), "auc")
    if found.done != DONE:
        return found
    permutation = run.table("permutation")
    tested = (
        ""
        if permutation is None
        else "Permutation of the labels, patients kept whole: "
        + words.listed(
            f"{words.model(row['model'])} {words.p_text(row['p'])} ({int(row['permutations'])})"
            for _, row in permutation.iterrows()
        )
        + "."
    )
    where = found.where if permutation is None else (*found.where, csv("permutation"))
    segmented = run.table("detection_comparison") is not None
    return Evidence(
        DONE,
        sentences(
            "Classifiers: differences in score on the same bootstrap draws of patients; no DeLong "
            "test, no correction for several comparisons.",
            tested,
            "Segmentation models in pairs on the same patients: Wilcoxon's signed-rank test with "
            "Holm's correction."
            if segmented
            else "",
        ),
        (*where, csv("detection_comparison")) if segmented else where,
    )


def comparison_results(run: Artifacts) -> Evidence:
    """Return differences from every baseline, and where the decision curve lies."""
    found = _beside(run, tuple(BASELINES), "auc")
    curve = run.table("decision_curve")
    if found.done != DONE:
        return found
    where = found.where if curve is None else (*found.where, csv("decision_curve"))
    used = "" if curve is None else _net_benefit(run, curve)
    return Evidence(DONE if used else PARTLY, sentences(found.what, used), where)


def _net_benefit(run: Artifacts, table: pd.DataFrame) -> str:
    """Count the thresholds at which the model beats both calling everybody and nobody."""
    rows = _of_last_protocol(run, table)
    parts = []
    for name, here in rows.groupby("set", sort=False):
        simple = here[["call_all", "call_none"]].max(axis=1)
        better = int((here["net_benefit"] > simple + ROUNDING).sum())
        parts.append(f"at {better} of {len(here)} thresholds on {SETS.get(name, name)}")
    return (
        f"Net benefit above calling everybody and above calling nobody: {words.listed(parts)}."
        if parts
        else ""
    )


def _beside(run: Artifacts, baselines: tuple[str, ...], metric: str) -> Evidence:
    """Return the chosen model's differences from some baselines in one score."""
    table = run.table("baselines")
    if table is None:
        return lacking(run, "baselines")
    rows = _of_last_protocol(run, table)
    rows = rows[rows["metric"].eq(metric) & rows["baseline"].isin(baselines)]
    rows = rows[rows["difference"].notna()]
    if rows.empty:
        return Evidence(NOT_DONE, "No score could be set against these baselines.")
    tested = rows["set"].eq("test")
    shown = rows[tested] if tested.any() else rows
    first = shown.iloc[0]
    parts = [
        f"{BASELINES[row['baseline']]} {words.number(row['baseline_mean'])}, difference "
        f"{with_interval(row, 'difference')}"
        for _, row in shown.iterrows()
    ]
    return Evidence(
        DONE,
        f"{words.COLUMNS[metric]} of {words.model(first['model'])} ({first['protocol']}, "
        f"{SETS.get(first['set'], first['set'])}) {words.number(first['mean'])}; beside it "
        f"{'; '.join(parts)}.",
        (csv("baselines"),),
    )


def performance(run: Artifacts) -> Evidence:
    """Return the chosen model's cross-validated and test AUC of each protocol."""
    validation, test = run.table("tableS2_cross_validation"), run.table("table4_classification")
    if validation is None or test is None:
        return lacking(run, "cross-validated and test scores")
    parts = []
    for protocol in run.settings["protocols"]:
        choice = choice_of(run, protocol)
        if choice is not None and not pd.isna(choice.auc):
            tested = score(test, protocol, choice, "auc")
            parts.append(
                f"{protocol}, {words.choice(choice)}: {words.number(choice.auc)} over folds, "
                f"{words.MISSING if tested is None else with_interval(tested)} on test patients"
            )
    repeated = run.table("repeated_cross_validation")
    more = [] if repeated is None else [_repeated(repeated)]
    where = [csv("tableS2_cross_validation"), csv("table4_classification")]
    where += [] if repeated is None else [csv("repeated_cross_validation")]
    return Evidence(
        DONE if parts else NOT_DONE,
        sentences(f"AUC, {'; '.join(parts)}." if parts else "No AUC could be computed.", *more),
        ("report.html#results", *where),
    )


def _repeated(table: pd.DataFrame) -> str:
    rows = table[table["metric"].eq("auc")]
    parts = [f"{words.model(row['model'])} {with_interval(row)}" for _, row in rows.iterrows()]
    return (
        f"Repeated nested cross-validation of all patients: {words.listed(parts)}." if parts else ""
    )


def performance_of_groups(run: Artifacts) -> Evidence:
    """Return the scores as above; subgroups of people are not scored."""
    found = performance(run)
    if found.done != DONE:
        return found
    return Evidence(
        PARTLY, sentences(found.what, "No score by sex, age or other groups."), found.where
    )


def robust_features(run: Artifacts) -> Evidence:
    """Count features that reconstruction and contour hardly change; none is removed for it."""
    table = run.table("reproducibility")
    if table is None:
        return lacking(run, "reproducibility")
    told = [agreement(run, comparison) for comparison in (RECONSTRUCTIONS, PERTURBED)]
    if not any(told):
        return Evidence(NOT_DONE, "There were too few studies with two series for an ICC.")
    return Evidence(
        PARTLY,
        sentences(*told, "No feature is left out for it."),
        (csv("reproducibility"),),
    )


def feature_statistics(run: Artifacts) -> Evidence:
    """Return reproducibility and stability of the features."""
    reproducible, stability = robust_features(run), run.table("stability")
    if stability is None:
        return reproducible
    top = stability.sort_values("frequency", ascending=False, kind="stable").iloc[0]
    often = (
        f"Of {int(top['resamples'])} resamples {top['feature']} is selected most often "
        f"({words.share(top['frequency'])})."
    )
    known = reproducible.done != NOT_DONE
    return Evidence(
        DONE if known else PARTLY,
        sentences(reproducible.what, often),
        (*reproducible.where, csv("stability"), "report.html#figure4_features"),
    )


def interpretability(run: Artifacts) -> Evidence:
    """Point to the coefficients; single predictions are not explained."""
    table = run.table("selection_summary")
    if table is None:
        return lacking(run, "selected features")
    return Evidence(
        PARTLY,
        "Standardised coefficients of the selected features are drawn, and the series that the "
        "model gets wrong; no single prediction is explained.",
        ("report.html#figure4_features", "report.html#figure5_failures"),
    )
