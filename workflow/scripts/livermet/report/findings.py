"""What the statistics of the classifiers come to, in sentences computed from the run's tables.

Every function takes the tables that a run may have (by the name of the file) and gives no sentence
where its own is missing or holds no number.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from livermet.report import words
from livermet.report.feature_lists import GOOD, POOR
from livermet.report.headlines import Choice, Headline

Tables = Mapping[str, pd.DataFrame]
# The score by which a model is set against each baseline: the trivial rule ranks nothing.
COMPARED = {"always_positive": "f1", "volume": "auc", "lesion_count": "auc"}
SETS = {"cross-validation": "in cross-validation", "test": "on the test studies"}


def correction_sentences(tables: Tables) -> list[str]:
    """Say where the ladder begins and ends, and how many of its steps could be made."""
    steps = tables.get("corrections", pd.DataFrame(columns=["made", "auc"]))
    made = steps[steps["made"].eq("yes") & steps["auc"].notna()]
    if len(made) < 2:
        return []
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
        ends.append(f"{words.number(corrected.auc)} for the chosen one ({corrected.name})")
    if not ends:
        return []
    return [
        f"Optimism: the published protocol's own cross-validation gives {published.name} an AUC of "
        f"{words.number(published.auc)}; where patients are held out whole and features are "
        f"selected inside the folds it is {_listed(ends)}."
    ]


def permutation_sentences(tables: Tables) -> list[str]:
    """Give the permutation test's p for each classifier that it was made for."""
    table = tables.get("permutation", pd.DataFrame(columns=["p"]))
    return [
        f"Permutation test of the whole procedure with {words.model(row.model)}: "
        f"{row.permutations:.0f} times the labels were exchanged between patients, which gives a "
        "cross-validated AUC of "
        f"{words.estimate(row.null_mean, row.null_low, row.null_high)}; the true labels give "
        f"{words.number(row.observed)}, {words.p_text(row.p)}."
        for row in table[table["p"].notna()].itertuples()
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
            sentences.append(f"Against the baselines {where}, {model.name} scores {told}.")
    return sentences


def _against(row) -> str:
    """Write 'AUC 0.61 against 0.50 ('always positive'; difference ...: not shown to be better)'."""
    verdict = "not shown to be better"
    if row.low > 0:
        verdict = "better"
    elif row.high < 0:
        verdict = "worse"
    difference = words.estimate(row.difference, row.low, row.high)
    return (
        f"{words.value('metric', row.metric)} {words.number(row.mean)} against "
        f"{words.number(row.baseline_mean)} of '{words.model(row.baseline)}', difference "
        f"{difference}: {verdict}"
    )


def sample_size_sentences(tables: Tables) -> list[str]:
    """Set the patients that Riley's criteria ask for beside those there are."""
    table = tables.get("sample_size", pd.DataFrame(columns=["required_patients"]))
    table = table[table["required_patients"].notna()]
    needed = [
        f"{rows['required_patients'].max():,.0f} patients for {name}"
        for name, rows in table.groupby("candidates", sort=False)
    ]
    if not needed:
        return []
    first = table.iloc[0]
    return [
        f"Sample size: to develop a model with an AUC of {words.number(first['assumed_auc'])}, "
        f"Riley's criteria ask for {_listed(needed)}; there are "
        f"{first['available_patients']:.0f} training patients."
    ]


def reproducibility_sentences(tables: Tables) -> list[str]:
    """Count the features on which two reconstructions of a study agree."""
    table = tables.get("reproducibility", pd.DataFrame(columns=["icc"]))
    known = table[table["icc"].notna()]
    if known.empty:
        return []
    good, poor = int((known["icc"] >= GOOD).sum()), int((known["icc"] < POOR).sum())
    first = known.iloc[0]
    return [
        f"Reconstructions: {good} of {len(table)} features have an {first['form']} of {GOOD} or "
        f"more between two series of one study, {poor} less than {POOR} "
        f"({known['pairs'].max():.0f} pairs of {known['patients'].max():.0f} training patients)."
    ]


def selection_sentences(tables: Tables) -> list[str]:
    """Count the fits in which LASSO selected nothing."""
    table = tables.get("selection_summary", pd.DataFrame(columns=["protocol"]))
    rows = table[table["protocol"].eq("corrected")]
    return [
        f"Empty selections: in {row.empty_fits:.0f} of {row.fits:.0f} fits of the corrected "
        "protocol LASSO selects no feature"
        + (
            "; such a fold's model is the share of positives in training."
            if row.empty_fits
            else "."
        )
        for row in rows.itertuples()
        if row.fits
    ]


def null_sentences(tables: Tables) -> list[str]:
    """Say what each protocol finds in cohorts without any signal."""
    table = tables.get("null_cohorts", pd.DataFrame(columns=["protocol", "auc_mean"]))
    known = table[table["auc_mean"].notna()]
    sentences = []
    for protocol, rows in known.groupby("protocol", sort=False):
        validated = rows[rows["set"].eq("cross-validation")]
        tested = rows[rows["set"].eq("test")]
        if validated.empty or tested.empty:
            continue
        aucs = _listed(
            f"{words.number(row.auc_mean)} ({words.model(row.model)})"
            for row in validated.itertuples()
        )
        covered = _listed(f"{100 * share:.0f}%" for share in tested["coverage"])
        sentences.append(
            f"Without any signal ({rows['cohorts'].max():.0f} phantom cohorts whose labels have "
            f"nothing to do with the features) the {protocol} protocol's cross-validated AUC is "
            f"{aucs} on average, where 0.50 is right; its intervals on the test studies cover 0.5 "
            f"in {covered} of the cohorts."
        )
    return sentences


def _listed(parts: Iterable[str]) -> str:
    """Write 'a, b and c'."""
    parts = list(parts)
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def mask_sentences(tables: Tables, chosen: Mapping[str, Choice]) -> list[str]:
    """Say what segmentation errors cost: the last protocol's AUC on either masks."""
    if "masks" not in tables or not chosen:
        return []
    table, protocol = tables["masks"], list(chosen)[-1]
    rows = table[
        table["protocol"].eq(protocol)
        & table["set"].eq("test")
        & table["metric"].eq("auc")
        & table["mean"].notna()
    ]
    reference = rows[rows["mask"].eq("reference")]
    predicted = rows[rows["mask"].ne("reference")]
    model = chosen[protocol].model
    if protocol == "published":
        reference, predicted = (part[part["model"].eq(model)] for part in (reference, predicted))
    if reference.empty or predicted.empty:
        return []
    theirs, ours = reference.iloc[0], predicted.iloc[0]
    return [
        f"Cost of segmentation errors ({protocol} protocol): test AUC {_auc(ours)} on predicted "
        f"masks ({ours['series']:.0f} series) and {_auc(theirs)} on reference masks "
        f"({theirs['series']:.0f} series)."
    ]


def _auc(row: pd.Series) -> str:
    return words.estimate(row["mean"], row["low"], row["high"])


def reproduction_sentences(tables: Tables) -> list[str]:
    """Count the printed numbers that come out again."""
    table = tables.get("reproduction", pd.DataFrame(columns=["agreement"]))
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
        label = f"cross-validated AUC, corrected protocol ({corrected.name})"
        headlines.append(Headline(words.number(corrected.auc), label))
    permuted = tables.get("permutation", pd.DataFrame(columns=["p"])).dropna(subset="p")
    if len(permuted):
        row = permuted.iloc[0]
        label = f"permutation test, {words.model(row['model'])}"
        headlines.append(Headline(words.p_text(row["p"]), label))
    agreement = tables.get("reproduction", pd.DataFrame(columns=["agreement"]))["agreement"]
    possible = int(agreement.ne("not reproducible").sum())
    if possible:
        agree = int(agreement.isin(["two decimals", "within 0.01"]).sum())
        label = "printed numbers that come out again within 0.01"
        headlines.append(Headline(f"{agree} of {possible}", label))
    return headlines
