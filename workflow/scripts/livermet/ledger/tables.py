"""The ledger: the append-only record of who is where.

`splits.tsv` gives each patient one place, 'test' or a fold, for every task and every model;
`batches.tsv` gives each series the batch in which it is predicted; `training_sets/<name>.tsv`
lists the series that a model is trained on, and their patients, which stay known when a series is
withdrawn from the sheets; `scorings/<name>.tsv` and `scores/<name>.tsv` freeze scores that are
computed from expression (`livermet.ledger.scores`). The workflow only reads it. `assign` adds to
it and never moves a line, so that a new patient changes nothing for the patients that were there
before.
`seal.tsv` knows every line that was written (`livermet.ledger.seal`); another hand's are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from livermet.cohort.matching import TEST
from livermet.contracts import COHORT, NUMBER, PATIENT, SERIES, TEXT, Column, Contract, check
from livermet.errors import InputError, stop_on
from livermet.ledger.seal import alterations, extend_seal
from livermet.tables import write_table

SPLITS = Contract(
    files=("splits.tsv",),
    row="a patient",
    columns=(
        PATIENT,
        COHORT,
        Column("place", TEXT, "test or the number of a fold, for every task and every model"),
    ),
    key=("patient",),
)
BATCHES = Contract(
    files=("batches.tsv",),
    row="a series",
    columns=(SERIES, Column("batch", TEXT, "batch of series that one job works on: b0001, ...")),
    key=("series",),
)
TRAINING_SET = Contract(
    files=("training_sets/*.tsv",),
    row="a series that a model is trained on",
    columns=(SERIES, PATIENT),
    key=("series",),
)
SCORING = Contract(
    files=("scorings/*.tsv",),
    row="a setting that decides the scores and classes of a sample type",
    columns=(
        Column("sample_type", TEXT, "sample type of the sheet"),
        Column("setting", TEXT, "a key of the config's section molecular"),
        Column("value", TEXT, "its value, or the SHA-256 of what its file says"),
    ),
    key=("sample_type", "setting"),
)
FROZEN_SCORES = Contract(
    files=("scores/*.tsv",),
    row="a sample whose score was computed from expression",
    columns=(
        Column("sample_type", TEXT, "sample type of the sheet"),
        Column("sample", TEXT, "the sample's column in the table of expression"),
        Column("score", NUMBER, "its score, in all its digits"),
    ),
    key=("sample_type", "sample"),
)
CONTRACTS = {"splits.tsv": SPLITS, "batches.tsv": BATCHES}
MOST_NAMED = 5


@dataclass
class Ledger:
    """Splits (patient, cohort, place), batches (series, batch), sets (name: {series: patient}).

    `scorings` and `scores` (`livermet.ledger.scores`) are tables by name, all of them text.
    """

    splits: pd.DataFrame
    batches: pd.DataFrame
    training_sets: dict[str, dict[str, str]] = field(default_factory=dict)
    scorings: dict[str, pd.DataFrame] = field(default_factory=dict)
    scores: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """Map each patient to 'test' or its fold's number as text."""
        return dict(zip(self.splits["patient"], self.splits["place"], strict=True))


def empty_ledger() -> Ledger:
    """Return a ledger in which nobody has a place yet."""
    splits, batches = (
        pd.DataFrame(columns=contract.names, dtype=str) for contract in (SPLITS, BATCHES)
    )
    return Ledger(splits, batches)


def read_ledger(folder: str | Path, verify: bool = True, unfinished: bool = False) -> Ledger:
    """Read a ledger's folder; what is not there yet is empty.

    Raises InputError, with every such line named, where lines were changed, moved, taken out or
    added by another hand than `make assign` (`livermet.ledger.seal.alterations` says what can be
    known).
    `verify` is False in jobs, whose workflow was verified when it was planned. `unfinished` is
    True in `make assign` itself, which completes what an interrupted one has begun.
    """
    folder = Path(folder)
    if verify:
        stop_on(alterations(folder, unfinished))
    sets = {
        name: dict(table.itertuples(index=False))
        for name, table in _read_named(folder / "training_sets", TRAINING_SET).items()
    }
    splits = _read(folder / "splits.tsv", SPLITS)
    repeated = splits.loc[splits["patient"].duplicated(), "patient"].unique()
    batches = _read(folder / "batches.tsv", BATCHES)
    twice = batches.loc[batches["series"].duplicated(), "series"].unique()
    stop_on(
        [
            f"{folder}/splits.tsv gives patient '{patient}' two places; a patient has one, test or "
            "one fold: restore the version before the second from version control."
            for patient in repeated
        ]
        + [
            f"{folder}/batches.tsv gives series '{series}' two batches: restore the version before "
            "the second from version control."
            for series in twice
        ]
    )
    scorings = _read_named(folder / "scorings", SCORING)
    return Ledger(splits, batches, sets, scorings, _read_named(folder / "scores", FROZEN_SCORES))


def _read_named(folder: Path, contract: Contract) -> dict[str, pd.DataFrame]:
    # What a killed writer leaves begins with a dot.
    paths = [path for path in sorted(folder.glob("*.tsv")) if not path.name.startswith(".")]
    return {path.stem: _read(path, contract) for path in paths}


def _read(path: Path, contract: Contract) -> pd.DataFrame:
    columns = contract.names
    if not path.exists():
        return pd.DataFrame(columns=columns, dtype=str)
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    if list(table.columns) != columns:
        raise InputError(
            f"{path} has the columns {', '.join(table.columns)} and not {', '.join(columns)}; "
            "restore it from version control, the ledger is not edited by hand."
        )
    return table


def write_ledger(ledger: Ledger, folder: str | Path) -> None:
    """Write the seal and the ledger's tables, each whole or not at all.

    Raises InputError, before anything is written, where the ledger does not begin with every line
    that is sealed.
    """
    folder = Path(folder)
    tables = {"splits.tsv": ledger.splits, "batches.tsv": ledger.batches} | {
        f"training_sets/{name}.tsv": pd.DataFrame(cases.items(), columns=TRAINING_SET.names)
        for name, cases in ledger.training_sets.items()
    }
    contracts = {name: CONTRACTS.get(name, TRAINING_SET) for name in tables}
    for kind, found, contract in (
        ("scorings", ledger.scorings, SCORING),
        ("scores", ledger.scores, FROZEN_SCORES),
    ):
        tables |= {f"{kind}/{name}.tsv": table for name, table in found.items()}
        contracts |= dict.fromkeys((f"{kind}/{name}.tsv" for name in found), contract)
    # Before the seal, which must not vouch for lines that are never written.
    for name, table in tables.items():
        check(table, contracts[name], folder / name)
    # The seal comes first. Killed after it, make assign leaves tables that lack lines which the
    # seal knows, and the next one, given the same sheets, writes just these. Were the seal last,
    # the new lines could not be told from those that somebody added by hand.
    extend_seal(folder, tables)
    for name, table in tables.items():
        write_table(table, folder / name, contracts[name])


def lacking(series: pd.DataFrame, ledger: Ledger, needed_sets: list[str]) -> list[str]:
    """Say what a sheet of series has that the ledger lacks or contradicts.

    One sentence for each kind of thing that is lacking, and one for each patient who has changed
    cohort.
    """
    missing = {
        "patient": set(series["patient"]) - set(ledger.splits["patient"]),
        "series": set(series["series"]) - set(ledger.batches["series"]),
        "training set": set(needed_sets) - set(ledger.training_sets),
    }
    return [
        f"The ledger lacks the {kind} {', '.join(sorted(names)[:MOST_NAMED])}"
        f"{f' and {len(names) - MOST_NAMED} more' if len(names) > MOST_NAMED else ''}: "
        "run make assign."
        for kind, names in missing.items()
        if names
    ] + _moved(series, ledger)


def _moved(series: pd.DataFrame, ledger: Ledger) -> list[str]:
    known = dict(zip(ledger.splits["patient"], ledger.splits["cohort"], strict=True))
    return [
        f"Patient '{row.patient}' is in cohort {row.cohort} by the sheet of series and in "
        f"{known[row.patient]} by the ledger; correct the sheet: a patient keeps the cohort."
        for row in series.drop_duplicates("patient").itertuples()
        if known.get(row.patient, row.cohort) != row.cohort
    ]


def unusable_sets(ledger: Ledger, needed_sets: list[str], folds: int) -> list[str]:
    """Say what keeps the named training sets from training: cases without a fold of the config."""
    names = {str(fold) for fold in range(folds)}
    places = ledger.places
    return [
        f"Training set '{name}' holds series '{series}' of patient '{patient}', whose place in the "
        f"ledger is {places.get(patient, 'none')} and not one of the {folds} folds; name a new "
        "training set."
        for name in needed_sets
        for series, patient in ledger.training_sets.get(name, {}).items()
        if places.get(patient) not in names
    ]


@dataclass(frozen=True)
class Rules:
    """What `assign` follows.

    `folds`: number of folds. `test`: cohort to a number of test patients or the list of them.
    `batch_size`: series a batch. `training_sets`: name to the cohorts whose training patients
    with a reference it holds. `stratified_cohort`: the cohort with classes; each of its strata
    must be able to fill the folds. `seed`: of the random choices.
    """

    folds: int
    test: Mapping[str, int | list[str]]
    batch_size: int
    training_sets: Mapping[str, list[str]]
    stratified_cohort: str
    seed: int


def assign(ledger: Ledger, series: pd.DataFrame, strata: pd.Series, rules: Rules) -> Ledger:
    """Add a sheet's new patients, series and training sets to a ledger; move nothing in it.

    `strata` maps patients to a stratum (`livermet.cohort.matching.patient_strata`); others have
    none.
    Test patients are drawn first, in proportion to the strata's sizes; the rest fill, stratum by
    stratum, the folds that have the fewest of that stratum. New patients of a cohort whose test
    set is full go to the folds. A training set that the ledger has is left as it is. Raises
    InputError where a cohort's stratum has fewer training patients than there are folds (those who
    have left the sheet may have been of any), where a patient has changed cohort, and where a
    training set would be empty.
    """
    stop_on(_moved(series, ledger))
    splits = ledger.splits
    for cohort in series["cohort"].unique():
        patients = sorted(series.loc[series["cohort"] == cohort, "patient"].unique())
        here = {patient: strata.get(patient, "none") for patient in patients}
        old = splits[splits["cohort"] == cohort]
        new = [patient for patient in patients if patient not in set(old["patient"])]
        random = np.random.default_rng([rules.seed, len(old), *cohort.encode()])
        test = _draw_test(new, here, old, rules.test.get(cohort, 0), cohort, random)
        rest = [patient for patient in new if patient not in test]
        filled = _fill_folds(rest, here, old, rules.folds, random)
        places = {patient: TEST for patient in test} | filled
        rows = [{"patient": p, "cohort": cohort, "place": places[p]} for p in sorted(places)]
        splits = _appended(splits, rows)
        stop_on(_thin_strata(splits, here, cohort, rules))
    batches = _add_batches(ledger.batches, series, splits, rules.batch_size)
    assigned = replace(ledger, splits=splits, batches=batches)
    assigned.training_sets = _training_sets(series, assigned.places, rules) | ledger.training_sets
    stop_on(
        [
            f"Training set '{name}' would be empty: no training patient of its cohorts has a "
            "reference; add references to the sheet of series."
            for name, cases in assigned.training_sets.items()
            if not cases
        ]
    )
    return assigned


def _draw_test(
    new: list[str],
    strata: Mapping[str, str],
    old: pd.DataFrame,
    wanted: int | list[str],
    cohort: str,
    random: np.random.Generator,
) -> set[str]:
    if isinstance(wanted, list):
        elsewhere = old.loc[old["patient"].isin(wanted) & (old["place"] != TEST), "patient"]
        unknown = set(wanted) - set(new) - set(old["patient"])
        stop_on(
            [
                f"Config key split.test names patient '{patient}', whom the ledger has in a fold; "
                "take the name out of the list: a training patient cannot become a test patient."
                for patient in elsewhere
            ]
            + [
                f"Config key split.test names patient '{patient}', who is not in cohort {cohort}."
                for patient in sorted(unknown)
            ]
        )
        return set(new) & set(wanted)
    missing = wanted - int((old["place"] == TEST).sum())
    if missing <= 0:
        return set()
    if missing > len(new):
        raise InputError(
            f"Cohort {cohort} has {len(new)} patients without a place for {missing} test patients; "
            "lower split.test or add patients."
        )
    groups: dict[str, list[str]] = {}
    for patient in new:
        groups.setdefault(strata[patient], []).append(patient)
    shares = _proportional({name: len(group) for name, group in groups.items()}, missing)
    return {
        str(patient)
        for name in sorted(groups)
        for patient in random.permutation(groups[name])[: shares[name]]
    }


def _proportional(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """Share `total` among groups in proportion to their sizes, by largest remainders."""
    exact = {name: total * size / sum(sizes.values()) for name, size in sizes.items()}
    shares = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(sizes, key=lambda name: (shares[name] - exact[name], name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def _fill_folds(
    patients: list[str],
    strata: Mapping[str, str],
    old: pd.DataFrame,
    folds: int,
    random: np.random.Generator,
) -> dict[str, str]:
    names = [str(fold) for fold in range(folds)]
    in_fold = old[old["place"] != TEST]
    totals = {fold: int((in_fold["place"] == fold).sum()) for fold in names}
    filled: dict[str, str] = {}
    for stratum in sorted({strata[patient] for patient in patients}):
        same = in_fold[in_fold["patient"].map(strata) == stratum]
        counts = {fold: int((same["place"] == fold).sum()) for fold in names}
        group = [patient for patient in patients if strata[patient] == stratum]
        for patient in random.permutation(group):
            fold = min(names, key=lambda name: (counts[name], totals[name], int(name)))
            counts[fold] += 1
            totals[fold] += 1
            filled[str(patient)] = fold
    return filled


def _thin_strata(
    splits: pd.DataFrame, strata: Mapping[str, str], cohort: str, rules: Rules
) -> list[str]:
    training = splits[(splits["cohort"] == cohort) & (splits["place"] != TEST)]
    if cohort == rules.stratified_cohort:
        expected = ["any_negative", "only_positive"]
        # Of patients who have left the sheet nobody knows the stratum any more. They filled the
        # folds when they came, and a withdrawal may not close the study to new patients.
        left = int((~training["patient"].isin(list(strata))).sum())
        counts = {s: left + sum(strata.get(p) == s for p in training["patient"]) for s in expected}
    else:
        counts = {"any": len(training)}
    return [
        f"Cohort {cohort} has {count} training patients of stratum '{stratum}', too few for "
        f"{rules.folds} folds; lower split.folds or split.test, or add patients."
        for stratum, count in counts.items()
        if count < rules.folds
    ]


def _add_batches(
    batches: pd.DataFrame, series: pd.DataFrame, splits: pd.DataFrame, size: int
) -> pd.DataFrame:
    """Open new batches for new series; neighbours share cohort and side, so that jobs are few."""
    places = dict(zip(splits["patient"], splits["place"], strict=True))
    new = series[~series["series"].isin(batches["series"])]
    new = new.reset_index(drop=True).assign(tested=new["patient"].map(places).to_numpy() == TEST)
    next_number = 1 + max((int(name[1:]) for name in batches["batch"]), default=0)
    rows = []
    for _, group in new.sort_values("series").groupby(["cohort", "tested"]):
        names = list(group["series"])
        # Batches of one group are of equal size, give or take one.
        for part in np.array_split(names, -(-len(names) // size)):
            rows += [{"series": str(name), "batch": f"b{next_number:04d}"} for name in part]
            next_number += 1
    return _appended(batches, rows)


def _appended(table: pd.DataFrame, rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True) if rows else table


def _training_sets(
    series: pd.DataFrame, places: Mapping[str, str], rules: Rules
) -> dict[str, dict[str, str]]:
    training = series[(series["patient"].map(places) != TEST) & (series["reference"] != "")]
    cases = training[TRAINING_SET.names]
    return {
        name: dict(sorted(cases[training["cohort"].isin(cohorts)].to_numpy().tolist()))
        for name, cohorts in rules.training_sets.items()
    }
