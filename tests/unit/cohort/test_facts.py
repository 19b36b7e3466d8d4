"""The facts of each series keep their contract, whatever a run knows of its masks."""

import pandas as pd
import pytest

from livermet.cohort.facts import FACTS, facts_of_features, facts_of_sheet, masks_of_scans
from livermet.cohort.matching import match_samples
from livermet.contracts import check
from livermet.phenotype.table import RADIOMIC_FEATURES

MASKS = {
    "measured": pd.DataFrame(
        {
            "series": ["a1"],
            "burden_ml": [1.5],
            "lesions": [2],
            "measured": [True],
            "measured_by_lesion": [False],
        }
    ),
    "predicted": masks_of_scans(
        pd.DataFrame(
            {
                "series": ["a1", "l1"],
                "predicted_burden_ml": [1.5, 0.0],
                "predicted_lesions": [2, 0],
                "kind": ["ensemble", "out_of_fold"],
            }
        )
    ),
}


@pytest.mark.parametrize("kinds", [["measured"], ["predicted"], ["measured", "predicted"]])
def test_facts_of_a_sheet_keep_their_contract(kinds):
    sheet = pd.DataFrame(
        {
            "series": ["a1", "b1", "l1"],
            "patient": ["a", "b", "l"],
            "study_date": pd.to_datetime(["2020-01-01", "2020-01-02", "2015-01-01"]),
            "cohort": ["T", "T", "S"],
            "lesions_read": ["present", "", ""],
            "sex": ["F", "", ""],
            "age": [61.0, None, None],
        }
    ).set_index("series", drop=False)
    sample = {"patient": ["a"], "sample_date": pd.to_datetime(["2020-01-01"])}
    sample |= {"sample_type": ["biopsy"], "score": [0.2]}
    matching = match_samples(sheet[sheet["cohort"] == "T"], pd.DataFrame(sample), 92, 0.0)
    places = pd.DataFrame({"patient": ["a", "b", "l"], "place": ["test", "0", "1"]})
    masks = pd.concat([MASKS[kind] for kind in kinds])
    facts = facts_of_sheet(sheet, places, matching, masks)
    check(facts, FACTS, "cohort/facts.tsv")
    assert list(facts["label"]) == ["positive", "", ""]
    assert facts["burden_ml"].isna().tolist() == [False, True, "predicted" not in kinds]


def test_facts_of_a_feature_table_keep_their_contract():
    features = pd.DataFrame(
        {
            "File": ["a", "b"],
            "unique_pt": ["p", "q"],
            "unique_scandate": ["p_1", "q_1"],
            "Group": ["val", "test"],
            "NE_Score": [0.1, -0.3],
            "NE_Class": [1, 0],
            "Sample_Type": [None, "biopsy"],
            "Burden_ml": [2.0, 0.0],
            "Num_Lesions": [2, 0],
        }
        | {feature: [1.0, None] for feature in RADIOMIC_FEATURES}
    )
    facts = facts_of_features(features, "NE", "T")
    check(facts, FACTS, "cohort/facts.tsv")
    assert list(facts["lesions"]) == [2, 0]
    # The mask's own count, where the table has one: in the authors' the feature is one higher.
    counted = features.assign(**{"diagnostics_Mask-original_VolumeNum": [1.0, None]})
    assert list(facts_of_features(counted, "NE", "T")["lesions"]) == [1, 0]
