"""Score pairs of lesion masks by panoptica, in its own environment.

Takes a file of arrays (NumPy's npz) that holds, for each case k from 0, the masks `prediction_<k>`
and `reference_<k>` (z, y, x) and `spacing_<k>` in mm; writes JSON: a list of cases, each by matcher
the counts, one entry a matched reference lesion, and the seconds that panoptica took.
"""

import json
import sys
import time

import numpy as np
from panoptica import (
    ConnectedComponentsInstanceApproximator,
    InputType,
    MaxBipartiteMatching,
    NaiveThresholdMatching,
    Panoptica_Evaluator,
)
from panoptica.metrics import Metric
from panoptica.utils.edge_case_handling import (
    EdgeCaseHandler,
    EdgeCaseResult,
    MetricZeroTPEdgeCaseHandling,
)

MATCHERS = {
    "iou_0.1": NaiveThresholdMatching(matching_threshold=0.1),
    "iou_0.5": NaiveThresholdMatching(matching_threshold=0.5),
    "one_to_one": MaxBipartiteMatching(matching_threshold=0.0, strict_threshold=True),
    "many_to_one": NaiveThresholdMatching(
        matching_threshold=0.0, strict_threshold=True, allow_many_to_one=True
    ),
}
METRICS = [Metric.IOU, Metric.DSC, Metric.RVD, Metric.HD]
COUNTS = ("n_ref_instances", "n_pred_instances", "tp", "fp", "fn", "rq")


def main(cases_path: str, out_path: str) -> None:
    with np.load(cases_path) as cases:
        scores = [
            {
                name: score(
                    matcher,
                    cases[f"prediction_{case}"].astype(np.uint8),
                    cases[f"reference_{case}"].astype(np.uint8),
                    tuple(cases[f"spacing_{case}"].tolist()),
                )
                for name, matcher in MATCHERS.items()
            }
            for case in range(len(cases.files) // 3)
        ]
    with open(out_path, "w") as file:
        json.dump(scores, file)


def score(matcher, prediction: np.ndarray, reference: np.ndarray, spacing: tuple) -> dict:
    """Score one pair; what has no value, since nothing is matched, is null or NaN."""
    undefined = MetricZeroTPEdgeCaseHandling(default_result=EdgeCaseResult.NAN)
    evaluator = Panoptica_Evaluator(
        expected_input=InputType.SEMANTIC,
        instance_approximator=ConnectedComponentsInstanceApproximator(),
        instance_matcher=matcher,
        instance_metrics=METRICS,
        global_metrics=[Metric.DSC],
        edge_case_handler=EdgeCaseHandler({metric: undefined for metric in METRICS}),
    )
    start = time.perf_counter()
    result = evaluator.evaluate(prediction, reference, voxelspacing=spacing)["ungrouped"]
    found = result.to_dict(output_individual_instance_metrics=True)
    seconds = time.perf_counter() - start
    matched = [row for row in found["reference_instances"] if row["is_matched"]]
    return {
        **{name: float(found[name]) for name in COUNTS},
        "dice": float(found["global_bin_dsc"]),
        "matches": [
            {
                "reference_voxels": int(row["voxel_count"]),
                "iou": float(row["sq"]),
                "dice": float(row["sq_dsc"]),
                "rvd": float(row["sq_rvd"]),
                "hausdorff_mm": float(row["sq_hd"]),
            }
            for row in matched
        ],
        "seconds": seconds,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
