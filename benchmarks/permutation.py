"""How often the permutation test finds something where there is nothing, by simulation.

Phantom cohorts of the paper's shape whose labels have no relation to the features
(`livermet.validation.null.null_table`), with VARYING features that vary, few folds and small
forests, which take a third of the time. In each, labels are exchanged PERMUTATIONS times for all
classifiers together, and the classifier with the highest AUC is chosen. `rejected` has the share of
cohorts with p at most LEVEL, with its exact 95% interval: for each classifier alone, for the chosen
one as if it had not been chosen, and for the chosen one corrected for the choice. `p_of_choice` has
the deciles of the last one's p; it is never too low where each is at least 0.1 to 0.9. The peer
permutes each classifier by itself, as a test without the choice does; both give the same AUCs.
COHORTS in the environment changes the number of cohorts, BEGIN the seed of the first.
"""

import json
import os
import time
from itertools import repeat

import numpy as np
import pandas as pd
from scipy import stats

from livermet.models import classifiers_of
from livermet.phenotype import corrected
from livermet.phenotype.corrected import Settings
from livermet.phenotype.table import FEATURES
from livermet.validation.null import null_table
from livermet.validation.permutation import permutation_aucs, summarise_permutations
from livermet.vocabulary import Protocol

COHORTS, BEGIN = int(os.environ.get("COHORTS", "10")), int(os.environ.get("BEGIN", "1"))
# So that one p in twenty can be as low as LEVEL, and no test is spared by its steps.
PERMUTATIONS, LEVEL = 19, 0.05
FOLDS, DEALS, TREES, VARYING = 3, 1, 20, 8
CLASSIFIERS = list(classifiers_of(Protocol.CORRECTED))


def main():
    seconds, rows = 0.0, []
    for seed in range(BEGIN, BEGIN + COHORTS):
        began = time.perf_counter()
        found = tested(seed, CLASSIFIERS)
        seconds += time.perf_counter() - began
        rows.append(p_values(summarise_permutations(found, DEALS)))
        if seed == BEGIN:
            ours, peer_seconds, difference = seconds, *by_itself(seed, found)
    table = pd.DataFrame(rows)
    print(
        json.dumps(
            {
                "name": "permutation",
                "case": f"{COHORTS} phantom cohorts without a relation, {PERMUTATIONS} "
                f"permutations, {', '.join(CLASSIFIERS)}",
                "seconds": round(ours, 2),
                "peer": "each classifier permuted by itself, of the first cohort",
                "peer_seconds": round(peer_seconds, 2),
                "ratio": round(peer_seconds / ours, 2),
                "max_rel_diff": difference,
                "all_seconds": round(seconds, 2),
                "rejected": {name: rejected(values) for name, values in table.items()},
                "p_of_choice": np.percentile(table["corrected"], range(10, 100, 10)).tolist(),
            }
        )
    )


def tested(seed, classifiers):
    """Permute a cohort's labels for some classifiers (`permutation.AUCS`)."""
    table, settings = null_table(seed, FOLDS), Settings("score", TREES, seed)
    table[list(FEATURES)[VARYING:]] = 1.0
    # Nothing that another classifier has asked for is remembered.
    corrected._SELECTED.clear()
    numbers = range(PERMUTATIONS + 1)
    return permutation_aucs(table, classifiers, FOLDS, DEALS, numbers, settings)


def by_itself(seed, found):
    """Return the seconds of one classifier after the other, and the largest difference of AUCs."""
    began = time.perf_counter()
    alone = pd.concat(map(tested, repeat(seed), ([name] for name in CLASSIFIERS)))
    seconds = time.perf_counter() - began
    both = found.merge(alone, on=["permutation", "model"], validate="one_to_one")
    return seconds, float((both["auc_x"] / both["auc_y"] - 1).abs().max())


def p_values(summary):
    """Take each classifier's p alone, and both of the classifier with the highest AUC."""
    chosen = summary.loc[summary["observed"].idxmax()]
    return dict(zip(summary["model"], summary["p"], strict=True)) | {
        "chosen_alone": chosen["p"],
        "corrected": chosen["p_of_choice"],
    }


def rejected(values):
    """Return the share of p values up to LEVEL, and the ends of its exact interval."""
    # A share of whole numbers: rounding must not decide.
    found = stats.binomtest(int((values <= LEVEL + 1e-9).sum()), len(values))
    ends = found.proportion_ci()
    return [round(float(share), 3) for share in (found.statistic, ends.low, ends.high)]


if __name__ == "__main__":
    main()
