"""What the statistics of the classifiers come to, in sentences computed from the run's tables.

Every function takes the tables that a run may have (by the name of the file) and gives no sentence
where its own is missing or holds no number.
"""

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from livermet.report import words
from livermet.report.feature_lists import GOOD, PERTURBED, POOR
from livermet.report.headlines import Choice, Headline

Tables = Mapping[str, pd.DataFrame]
# The score by which a model is set against each baseline: the trivial rule ranks nothing.
COMPARED = {"always_positive": "f1", "volume": "auc", "lesion_count": "auc"}
# Of a normal distribution: the mean distance as a share of the standard deviation.
MEAN_OF_SD = (2 / math.pi) ** 0.5
SETS = {"cross-validation": "in cross-validation", "test": "on the test studies"}


def _known(tables: Tables, name: str, column: str) -> pd.DataFrame:
    """Take the rows of a table that have a value in a column; none where the table is missing."""
    return tables[name].dropna(subset=column) if name in tables else pd.DataFrame()


def correction_sentences(tables: Tables) -> list[str]:
    """Say where the ladder begins and ends, and how many of its steps could be made."""
    scored = _known(tables, "corrections", "auc")
    made = scored[scored["made"].eq("yes")] if len(scored) else scored
    if len(made) < 2:
        return []
    steps = tables["corrections"]
    first, last = made.iloc[0], made.iloc[-1]
    corrected = int(steps["made"].eq("yes").sum()) - 1
    scores = ", ".join(
        f"{words.value('metric', metric)} from {words.number(first[metric])} to "
        f"{words.number(last[metric])}"
        for metric in ("auc", "f1", "accuracy")
    )
    return [
        f"From the published procedure to the corrected one, {corrected} of {len(steps) - 1} "
        f"corrections made: on the test studies {scores}; the interval of the AUC is "
        f"{words.number(first['auc_width'])} wide at the beginning and "
        f"{words.number(last['auc_width'])} at the end."
    ]


def optimism_sentences(tables: Tables, chosen: Mapping[str, Choice]) -> list[str]:
    """Set the published protocol's cross-validated AUC beside the corrected one's."""
    if not {"published", "corrected"} <= chosen.keys():
        return []
    published, corrected = chosen["published"], chosen["corrected"]
    if pd.isna(published.auc):
        return []
    validated = tables["tableS2_cross_validation"]
    same = validated[
        validated["protocol"].eq("corrected")
        & validated["model"].eq(published.model)
        & validated["weighting"].eq("none")
        & validated["metric"].eq("auc")
    ]["mean"].dropna()
    ends = [] if same.empty else [f"{words.number(same.iloc[0])} for the same classifier"]
    if published.model != corrected.model and pd.notna(corrected.auc):
        ends.append(f"{words.number(corrected.auc)} for {corrected.name}, which is chosen")
    if not ends:
        return []
    return [
        f"Optimism: the published protocol's own cross-validation gives {published.name} an AUC of "
        f"{words.number(published.auc)}; where patients are held out whole and features are "
        f"selected inside the folds it is {_listed(ends)}."
    ]


def permutation_sentences(tables: Tables) -> list[str]:
    """Give the permutation test's p for each classifier that it was made for."""
    return [
        f"Permutation test of the whole procedure with {words.model(row.model)}: "
        f"{row.permutations:.0f} times the labels were exchanged between patients, which gives a "
        "cross-validated AUC of "
        f"{words.estimate(row.null_mean, row.null_low, row.null_high)}; the true labels give "
        f"{words.number(row.observed)}, {words.p_text(row.p)}."
        for row in _known(tables, "permutation", "p").itertuples()
    ]


def baseline_sentences(tables: Tables, chosen: Mapping[str, Choice]) -> list[str]:
    """Say for each baseline whether the corrected protocol's model beats it, by its interval."""
    if "baselines" not in tables or "corrected" not in chosen:
        return []
    model, table = chosen["corrected"], tables["baselines"]
    rows = table[
        table["protocol"].eq("corrected")
        & table["model"].eq(model.model)
        & table["weighting"].eq(model.weighting)
        & table["metric"].eq(table["baseline"].map(COMPARED))
        & table["difference"].notna()
    ]
    sentences = []
    for part, where in SETS.items():
        here = rows[rows["set"].eq(part)]
        if len(here):
            told = "; ".join(_against(row) for row in here.itertuples())
            sentences.append(
                f"Does {model.name} beat the baselines {where} (difference, interval by patient)? "
                f"{told}."
            )
    return sentences


def _against(row) -> str:
    """Write "'always positive' F1 -0.01 (-0.11 to 0.09), not shown"."""
    verdict = "yes" if row.low > 0 else "it is worse" if row.high < 0 else "not shown"
    return (
        f"'{words.model(row.baseline)}' {words.value('metric', row.metric)} "
        f"{words.estimate(row.difference, row.low, row.high)}, {verdict}"
    )


def sample_size_sentences(tables: Tables) -> list[str]:
    """Set the patients that Riley's criteria ask for beside those there are."""
    table = _known(tables, "sample_size", "required_patients")
    if table.empty:
        return []
    needed = [
        f"{rows['required_patients'].max():,.0f} patients for {name}"
        for name, rows in table.groupby("candidates", sort=False)
    ]
    first = table.iloc[0]
    return [
        f"Sample size: to develop a model with an AUC of {words.number(first['assumed_auc'])}, "
        f"Riley's criteria ask for {_listed(needed)}; there are "
        f"{first['available_patients']:.0f} training patients."
    ]


def reproducibility_sentences(tables: Tables) -> list[str]:
    """Count the features on which reconstructions and perturbed masks agree."""
    known = _known(tables, "reproducibility", "icc")
    if known.empty:
        return []
    features = tables["reproducibility"]["feature"].nunique()
    sentences = []
    for comparison, rows in known.groupby("comparison", sort=False):
        first = rows.iloc[0]
        masks = comparison == PERTURBED
        between = f"{first['ratings']} masks of one series" if masks else "two series of one study"
        sentences.append(
            f"{comparison.capitalize()}: {(rows['icc'] >= GOOD).sum()} of {features} features have "
            f"an {first['form']} of {GOOD} or more between {between}, "
            f"{(rows['icc'] < POOR).sum()} less than {POOR} ({first['targets']} "
            f"{'series' if masks else 'studies'} of {first['patients']} training patients)."
        )
    if len(sentences) > 1:
        both = known[known["icc"] >= GOOD]["feature"].duplicated().sum()
        sentences[-1] += f" In both comparisons {both} features reach {GOOD}."
    return sentences


def contour_sentences(tables: Tables, settings: Mapping) -> list[str]:
    """Set how far contours were moved beside how far the final model's are from the reference.

    `settings`: final_model (None without models), target, matching (the rule of table 3).
    """
    moved = _known(tables, "reproducibility", "contour_sd_mm")
    if moved.empty:
        return []
    first = moved.iloc[0]
    sentence = (
        f"The contours of the perturbed masks were moved by a random field with a standard "
        f"deviation of {first['contour_sd_mm']:g} mm ({MEAN_OF_SD * first['contour_sd_mm']:.1f} mm "
        f"on average), correlated over {first['correlation_mm']:g} mm; their median Dice with the "
        f"mask itself is {words.number(first['median_dice'])}."
    )
    scores = _known(tables, "detection_scores", "value")
    if len(scores):
        scores = scores[
            scores["model"].eq(settings["final_model"])
            & scores["cohort"].eq(settings["target"])
            & scores["rule"].eq(settings["matching"])
            & scores["metric"].eq("median_matched_assd_mm")
        ]
    distances = [
        f"{words.estimate(row.value, row.low, row.high)} mm ({row.test_set}, {row.number} matches)"
        for row in scores.itertuples()
    ]
    if distances:
        sentence += (
            " Median ASSD of the final model's matched lesions from the reference: "
            f"{'; '.join(distances)}."
        )
    return [sentence]


def selection_sentences(tables: Tables) -> list[str]:
    """Count the fits in which LASSO selected nothing."""
    rows = _known(tables, "selection_summary", "fits")
    return [
        f"Empty selections: in {row.empty_fits:.0f} of {row.fits:.0f} fits of the corrected "
        "protocol LASSO selects no feature"
        + (
            "; such a fold's model is the share of positives in training."
            if row.empty_fits
            else "."
        )
        for row in rows.itertuples()
        if row.protocol == "corrected"
    ]


def null_sentences(tables: Tables) -> list[str]:
    """Say what each protocol finds in cohorts without any signal."""
    known = _known(tables, "null_cohorts", "auc_mean")
    if known.empty:
        return []
    told = []
    for protocol, rows in known.groupby("protocol", sort=False):
        validated = rows[rows["set"].eq("cross-validation")]
        tested = rows[rows["set"].eq("test")]
        if len(validated) and len(tested):
            aucs = _listed(
                f"{words.number(row.auc_mean)} ({words.model(row.model)})"
                for row in validated.itertuples()
            )
            covered = _listed(f"{100 * share:.0f}%" for share in tested["coverage"])
            told.append(
                f"the {protocol} protocol cross-validates at AUC {aucs} on average, and its "
                f"intervals on the test studies cover 0.5 in {covered} of them"
            )
    if not told:
        return []
    return [
        f"Without any signal, in {known['cohorts'].max():.0f} phantom cohorts whose labels have "
        f"nothing to do with the features: {'; '.join(told)}. Right would be 0.50 and 95%."
    ]


def _listed(parts: Iterable[str]) -> str:
    """Write 'a, b and c'."""
    parts = list(parts)
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def mask_sentences(tables: Tables, chosen: Mapping[str, Choice]) -> list[str]:
    """Say what segmentation errors cost: the last protocol's AUC on either masks."""
    if "masks" not in tables or not chosen:
        return []
    table, protocol = tables["masks"], list(chosen)[-1]
    rows = table[table["protocol"].eq(protocol) & table["metric"].eq("auc")]
    rows = rows[rows["set"].eq("test") & rows["weighting"].eq(chosen[protocol].weighting)]
    rows = rows[rows["mean"].notna()]
    predicted = rows[rows["mask"].ne("reference") & rows["model"].eq(chosen[protocol].model)]
    reference = rows[rows["mask"].eq("reference")]
    # Under corrected the reference masks' own cross-validation may have chosen another model.
    same = reference[reference["model"].eq(chosen[protocol].model)]
    reference = same if len(same) else reference
    if reference.empty or predicted.empty:
        return []
    ours, theirs = predicted.iloc[0], reference.iloc[0]
    return [
        f"Errors of segmentation ({protocol} protocol): test AUC {_auc(ours)} with "
        f"{words.model(ours['model'])} on predicted masks ({ours['series']:.0f} series), "
        f"{_auc(theirs)} with {words.model(theirs['model'])} on reference masks "
        f"({theirs['series']:.0f} series, {theirs['shared_series']:.0f} of them in both)."
    ]


def _auc(row: pd.Series) -> str:
    return words.estimate(row["mean"], row["low"], row["high"])


def reproduction_sentences(tables: Tables) -> list[str]:
    """Count the printed numbers that come out again."""
    table = _known(tables, "reproduction", "agreement")
    if table.empty:
        return []
    counts = table["agreement"].value_counts()
    possible = len(table) - counts.get("not reproducible", 0)
    agree = counts.get("two decimals", 0)
    sentence = (
        f"Of {possible} printed numbers that the table can give, {agree} come out again at two "
        f"decimals, {counts.get('within 0.01', 0)} more within 0.01 and {counts.get('no', 0)} do "
        "not"
    )
    left = counts.get("not reproducible", 0)
    return [sentence + (f"; {left} cannot be had from the table." if left else ".")]


def finding_headlines(tables: Tables, chosen: Mapping[str, Choice]) -> list[Headline]:
    """Pick the numbers that stand beside the test AUC: cross-validated AUC, p, what reproduces."""
    headlines = []
    corrected = chosen.get("corrected")
    if corrected and pd.notna(corrected.auc):
        label = f"cross-validated AUC, corrected protocol: {corrected.name}"
        headlines.append(Headline(words.number(corrected.auc), label))
    permuted = _known(tables, "permutation", "p")
    if len(permuted):
        row = permuted.iloc[0]
        label = f"p of the permutation test, {words.model(row['model'])}"
        headlines.append(Headline(words.p_text(row["p"]).removeprefix("p").lstrip(" ="), label))
    printed = _known(tables, "reproduction", "agreement")
    if len(printed) and (possible := printed["agreement"].ne("not reproducible").sum()):
        agree = printed["agreement"].isin(["two decimals", "within 0.01"]).sum()
        label = "printed numbers that come out again within 0.01"
        headlines.append(Headline(f"{agree} of {possible}", label))
    return headlines
