"""What every table and figure of the page shows, and how it was computed."""

from collections.abc import Mapping

from livermet.report import words
from livermet.report.detection_captions import ALTERNATIVES as DETECTION_ALTERNATIVES
from livermet.report.detection_captions import FIGURES as DETECTION_FIGURES
from livermet.report.detection_captions import TABLES as DETECTION_TABLES
from livermet.report.detection_captions import detection_words
from livermet.report.statistics_captions import ALTERNATIVES as STATISTICS_ALTERNATIVES
from livermet.report.statistics_captions import FIGURES as STATISTICS_FIGURES
from livermet.report.statistics_captions import TABLES as STATISTICS_TABLES

MONAI_MODELS = ("unet", "segresnet")
TABLES = {
    "table1_cohort": (
        "Table 1. Patients, studies and series",
        "All series of the sheets by cohort and place, and those of {target} that were classified "
        "by class. Sex and age count once a patient (age at the first study), sample type and "
        "score once a study, burden and lesions once a series. A patient with studies of both "
        "classes counts in both. Burden is the volume of all lesions in {masks}. Groups without "
        "class include series that were not classified; burden is missing where no mask is.",
    ),
    "table2_splits": (
        "Table 2. Training and test sets",
        "{split_rule}",
    ),
    "table3_segmentation": (
        "Table 3. Segmentation and detection",
        "Scans with a reference only. {matching_rule} Sensitivity is reference lesions found of "
        "all reference lesions, PPV predicted lesions that match of all predicted lesions, both "
        "pooled over scans; Dice is the median over scans. {empty_rule} "
        "{whole_cohort_rule}Rows 'out of fold' score training patients by the one network of the "
        "{folds} that did not see them. In brackets the 2.5th to 97.5th percentile of bootstrap "
        "draws of patients, all of whose scans are drawn together; Ty et al. give no intervals.",
    ),
    "table4_classification": (
        "Table 4. Classification of test studies",
        "{test_rule} Mean and interval (2.5th to 97.5th percentile) of {draws} bootstrap draws. "
        "{interval_rule} A draw that leaves a score undefined (NPV where nothing is predicted "
        "negative) does not count for it.",
    ),
    "tableS1_acquisition": (
        "Table S1. Acquisition",
        "From the header of each series, by cohort; counts are series. Thickness is that of a "
        "slice, spacing the distance between slice centres. A NIfTI file keeps no scanner.",
    ),
    "tableS2_cross_validation": (
        "Table S2. Cross-validation",
        "F1 and AUC: mean (lowest to highest fold), a range over folds and not a confidence "
        "interval. {validation_rule}{within_rule}",
    ),
    "tableS3_weighted": (
        "Table S3. Classification of test studies, with class weights",
        "As table 4, for the published protocol's models whose training weights the classes. "
        "'balanced' weights a class by the inverse of its frequency. {weight_rule}{unscored_rule}",
    ),
    **DETECTION_TABLES,
} | STATISTICS_TABLES
# (entry of the run, table): its caption where the run has nothing to put into it
WITHOUT_CONTENT = {
    ("masks", "table3_segmentation"): "The masks were given, so that no model predicted and none "
    "is scored.",
    ("table", "table3_segmentation"): "The run began with a finished feature table, so that no "
    "scan was segmented.",
    ("table", "tableS1_acquisition"): "The run began with a finished feature table, which does "
    "not say how its series were acquired.",
}
FIGURES = {
    "figure1_flow": (
        "Figure 1. The study's flow",
        "Series, studies (one CT date of a patient) and patients at each step; a study or patient "
        "leaves with its last series. {flow_rule}",
    ),
    "figure2_segmentation": (
        "Figure 2. Example scans",
        "{example_rule} Axial slice with the largest lesion area, viewed from the feet, the "
        "patient's right on the left; window level 60 HU, width 200 HU. The lower row repeats "
        "the slice with contours.",
    ),
    "figure3_burden": (
        "Figure 3. Tumour burden and {name} score",
        "One point a study (its first series by name). Above: burden in {masks} against the "
        "score, with Spearman's rank correlation. Below: burden by class, with the Wilcoxon "
        "rank-sum test; boxes show quartiles. The burden axis is linear up to 1 ml and "
        "logarithmic above. p values take studies as independent and are not corrected for the "
        "number of tests.",
    ),
    "figure4_features": (
        "Figure 4. Selected features",
        "LASSO coefficients times the feature's standard deviation, so that features in different "
        "units compare; bars to the right go with higher scores (also red), to the left with lower "
        "ones (blue). Where several folds select, bars are means over the folds that select the "
        "feature and the number behind is how many do. At most 20 features a "
        "protocol.",
    ),
    "figure5_failures": (
        "Figure 5. Where the classifier fails",
        "For the model that cross-validation chose in each protocol, on every test series. From "
        "the left: {name} scores of right and wrong predictions; whether the series of a study are "
        "predicted alike; share of right series by the sample that the score was measured on; ROC "
        "curves of every model that scored the test set{rivals} (a series "
        "is a point here, while table 4 draws one series a study).",
    ),
    **DETECTION_FIGURES,
} | STATISTICS_FIGURES
ALTERNATIVES = {
    "figure1_flow": "Flow diagram: series, studies and patients left after each exclusion, ending "
    "in the training and test sets; table 2 and the list of exclusions hold the same numbers.",
    "figure2_segmentation": "Axial CT slices of up to three scans, without and with the contours "
    "of liver and lesions by the reference and by the prediction.",
    "figure3_burden": "Scatter plots of tumour burden against the score and box plots of burden "
    "by class, for all samples and by sample type.",
    "figure4_features": "Bar charts of the standardised coefficients of the selected features, a "
    "panel a protocol.",
    "figure5_failures": "A row a protocol: scores of right and wrong predictions, agreement of "
    "the series of a study, right predictions by sample type, and ROC curves.",
    **DETECTION_ALTERNATIVES,
} | STATISTICS_ALTERNATIVES
MATCHING_RULE = (
    "Lesions are connected components ({connectivity}-connectivity). {rule}; any other predicted "
    "lesion is a false positive{minimum}."
)
# By the first rule of detection.matching.
RULES = {
    "any_overlap": "A reference lesion is found if any voxel of it is predicted as lesion, and a "
    "predicted lesion matches if any voxel of it is reference lesion",
    "one_to_one": "Reference and predicted lesions match in pairs, such that the sum of their IoU "
    "is the largest",
    "lits": "Lesions match as in the LiTS challenge: those that one lesion of the other side joins "
    "are merged, and merged lesions match if their IoU is above 0.5",
}
IOU_RULE = (
    "Reference and predicted lesions match in pairs, by decreasing IoU while it is at least {iou}"
)
EMPTY_RULE = (
    "A scan without lesions in reference and prediction has Dice 1 and no entry in sensitivity; "
    "one with predicted lesions only has Dice 0 and its false positives."
)
SPLIT_RULES = {
    "scans": "Every patient has one place, test or one of {folds} folds, which holds for "
    "segmentation and classification alike. Segmentation counts the series that the final model "
    "({final}) was fitted on{kept_out}, and the test patients' series that have a reference; "
    "classification counts the series that no exclusion removed.",
    "masks": "Every patient has one place, test or one of {folds} folds. The counts are of the "
    "series that no exclusion removed; the masks were given, so that nothing was trained to "
    "segment.",
    "table": "A patient stands on one side, training or test, as the feature table says.",
}
WEIGHT_RULES = {
    "printed": "Published protocol: 'best AUC' and 'best F1' are the positive class's weights that "
    "the article prints, constants that this run's data did not choose.",
    "searched": "Published protocol: 'best AUC' and 'best F1' are the positive class's weights "
    "that repeating the article's search finds: the best of 200 on its one tuning split.",
    "corrected": "Corrected protocol: 'best AUC' and 'best F1' are, in each fold, the positive "
    "class's weights that did best of 12 inside that fold's training data.",
}
INTERVAL_RULES = {
    "published": "Published protocol: a draw takes one series of each test study. Studies and "
    "patients stay the same in every draw, so that these intervals by study ignore that the "
    "studies of a patient are alike and that other patients would have been met: they are far too "
    "narrow.",
    "corrected": "Corrected protocol: the mean is over such draws too, and the interval over draws "
    "of test patients with replacement.",
}
WITHIN_RULE = (
    " The AUC within folds counts only pairs of series that the model of one fold has scored: "
    "probabilities of different folds' models share no scale, which a pooled AUC takes for granted."
)
UNSCORED_RULE = (
    " The corrected protocol's weighted models stand in table S2: they have not scored the test "
    "set."
)
TEST_RULES = {
    "published": "Published protocol: every model, without class weights.",
    "corrected": "Corrected protocol: the test patients were scored once, by the model that "
    "cross-validation chose (the mean of its fold models), and by no other classifier of the "
    "protocol.",
}
THRESHOLD_RULES = {
    "published": "where its predicted probability is above 0.5 (published protocol)",
    "corrected": "where it is above a threshold tuned inside each fold (corrected protocol)",
}
VALIDATION_RULES = {
    "published": "Published protocol: folds are drawn over series, so that a patient's "
    "series stand on both sides, and features are selected before: its scores are too good.",
    "corrected": "Corrected protocol: patients are held out whole, and scaling and selection "
    "happen inside the folds; pooled scores put the held-out predictions of all folds together, "
    "with intervals over draws of patients.",
}


def table_words(key: str, entry: str, named: Mapping[str, str]) -> tuple[str, str]:
    """Give a table's title and caption; `named` comes from `words_of`."""
    title, caption = TABLES[key]
    caption = WITHOUT_CONTENT.get((entry, key), caption)
    return title.format(**named), caption.format(**named)


def figure_words(key: str, named: Mapping[str, str]) -> tuple[str, str, str]:
    """Give a figure's title, caption and what stands for it where it cannot be seen."""
    title, caption = FIGURES[key]
    return title.format(**named), caption.format(**named), ALTERNATIVES[key]


def words_of(settings: Mapping) -> dict[str, str]:
    """Fill the words that the captions leave open, from the run's settings.

    `settings`: source, target, name, entry (scans, masks or table), final_model, folds,
    connectivity, minimum_lesion_voxels, matching (the rule of table 3), surface_tolerance_mm,
    draws, window_days, protocols, published_weights (printed or searched).
    """
    iou = IOU_RULE.format(iou=settings["matching"].removeprefix("iou_"))
    smallest = settings["minimum_lesion_voxels"]
    minimum = f"; predicted lesions under {smallest} voxels are ignored" if smallest > 1 else ""
    masks = {
        "scans": f"the masks of the final model ({words.model(settings['final_model'])})",
        "masks": "the given masks",
        "table": "the feature table",
    }
    unfiltered = " Contours show predicted lesions of any size." if smallest > 1 else ""
    examples = {
        "scans": "The best, the median and the worst test scan by the final model's lesion Dice."
        + unfiltered,
        "masks": "The classified test scans (where there is none, all test scans) with the "
        "largest, the median and the smallest burden, with the given masks.",
    }
    flows = {
        "table": "The run began with a finished feature table, so that no exclusion is seen.",
    }
    matched = (
        f"A sample belongs to a study within {settings['window_days']} days. Exclusions apply one "
        "after the other."
    )
    split = SPLIT_RULES[settings["entry"]].format(
        folds=settings["folds"],
        final=words.model(settings["final_model"]),
        # Its scans choose among the weights and fit none.
        kept_out=" (its validation fold aside)" if settings["final_model"] in MONAI_MODELS else "",
    )
    whole_cohort = (
        f"Models trained on {settings['source']} alone are scored on the whole "
        f"{settings['target']} cohort too. "
    )
    weights = {"published": settings["published_weights"], "corrected": "corrected"}
    corrected = "corrected" in settings["protocols"]
    return {
        "target": settings["target"],
        "name": settings["name"],
        "folds": str(settings["folds"]),
        "draws": f"{settings['draws']:,}",
        "masks": masks[settings["entry"]],
        "example_rule": examples.get(settings["entry"], ""),
        "flow_rule": flows.get(settings["entry"], matched),
        "matching_rule": MATCHING_RULE.format(
            connectivity=settings["connectivity"],
            rule=RULES.get(settings["matching"], iou),
            minimum=minimum,
        ),
        "empty_rule": EMPTY_RULE,
        **detection_words(settings),
        "split_rule": split,
        "whole_cohort_rule": whole_cohort if settings["source"] else "",
        "weight_rule": " ".join(WEIGHT_RULES[weights[name]] for name in settings["protocols"]),
        "test_rule": " ".join(TEST_RULES[name] for name in settings["protocols"]),
        "within_rule": WITHIN_RULE if corrected else "",
        "unscored_rule": UNSCORED_RULE if corrected else "",
        "rivals": ", and of the volume and the number of lesions alone" if corrected else "",
        "interval_rule": " ".join(INTERVAL_RULES[name] for name in settings["protocols"]),
        "validation_rule": " ".join(VALIDATION_RULES[name] for name in settings["protocols"]),
    }
