"""What the tables and figures of detection show, and how they were computed."""

from collections.abc import Mapping

from livermet.report import words

TABLES = {
    "lits_challenge": (
        "Context: the LiTS challenge, other data",
        "Not a result of this run: the best submissions to the LiTS challenge, which Ty et al. "
        "quote (Bilic et al., The Liver Tumor Segmentation Benchmark, Med Image Anal 2023, "
        "arXiv:1901.04056). Other patients, other test scans and other models than those of "
        "table 3, so that no difference between the two says which model is better.",
    ),
    "detection_scores": (
        "Detection by rule of matching",
        "The same predicted lesions of the test patients' scans, counted by each rule: any overlap "
        "(one shared voxel), IoU (pairs by decreasing IoU, from the threshold on), one to one (the "
        "pairs with the largest sum of IoU), LiTS (merged lesions with an IoU above 0.5). "
        "Sensitivity, PPV and F1 pool the lesions of all scans; false positives are means over "
        "scans. {patient_interval} The file has the other sets of scans too.",
    ),
    "detection_distances": (
        "Overlap and distance, whole scans",
        "Medians over scans with a reference, all lesions of a scan as one mask. VOE is 1 - IoU, "
        "RVD predicted minus reference volume over reference volume. ASSD, MSSD and HD95 are the "
        "mean, largest and 95th percentile distance of the surfaces; surface Dice is the share of "
        "both surfaces that lies within {tolerance} mm of the other. Scans without lesions on a "
        "side have no distance. {patient_interval} 'Whole cohort' counts the test patients too; "
        "'training, out of fold' are training patients' scans by the one network that did not see "
        "them. The file is that of the table by rule.",
    ),
    "detection_matched": (
        "Overlap and distance, lesion by lesion",
        "Medians over groups of matched lesions (a lesion with its partner, or those that the "
        "rule merges), so that what was missed or falsely predicted does not count. "
        "{rule_of_table_3} {patient_interval} The file is that of the table by rule.",
    ),
    "detection_sizes": (
        "Sensitivity by lesion size, in numbers",
        "Share found of the reference lesions of each diameter (of the sphere of equal volume), "
        "and of how many; a lesion of 10 mm counts to 10-20. {rule_of_table_3} {patient_interval} "
        "Where all or none are found every draw agrees, and the interval has no width.",
    ),
    "detection_burden": (
        "Agreement of tumour burden",
        "Predicted minus reference volume of all lesions of a scan: mean (bias), standard "
        "deviation, 95% limits of agreement (bias -+ 1.96 SD; Bland and Altman, Lancet 1986), and "
        "the slope of the difference on the mean of both: away from 0 errors grow with the "
        "burden, and the limits fit neither small nor large ones. {patient_interval}",
    ),
    "detection_lesion_free": (
        "Scans that were read as free of lesions",
        "What models predict where the radiology report reads no lesion; a reference is not "
        "needed. Means over scans, the volume's standard deviation, and the share of scans with "
        "any predicted lesion. {patient_interval} Ty et al. print 0.638 +- 1.73 ml for such "
        "scans: their own patients, which no number here repeats.",
    ),
    "detection_comparison": (
        "Models compared on the same patients",
        "Test patients' scans that all models were scored on. Median over patients of the "
        "difference of their means (a patient is one pair), and in brackets p of Wilcoxon's "
        "signed-rank test with Holm's correction over the pairs of models of a cohort and score. "
        "Patients without a value by either model are left out of that score; few patients can "
        "hardly give a small p. The file has the other sets, both medians, and p uncorrected.",
    ),
    "detection_froc": (
        "Sensitivity and false positives by threshold",
        "Sensitivity / false positives per scan where voxels from a lesion probability on are the "
        "prediction, at some of the thresholds of the figure. {rule_of_table_3} The file has "
        "every threshold, and the intervals.",
    ),
}
FIGURES = {
    "detection_froc": (
        "FROC: sensitivity against false positives per scan",
        "Along a curve the threshold of the lesion probability runs from 0.05 to 0.95; marks show "
        "three of them. At each threshold lesions are counted and matched anew (rule: "
        "{first_rule}), so that a curve may turn back where lesions merge. Upright lines are the "
        "intervals of sensitivity, and crosses at the marks those of both, over draws of "
        "patients. The axis of false positives is linear up to 1 and logarithmic above. Where one "
        "shared voxel is enough, a prediction that fills the liver finds every lesion without a "
        "false positive: low thresholds need a second look.",
    ),
    "detection_sizes": (
        "Sensitivity by lesion size",
        "Diameter of the sphere of equal volume, and below it the number of reference lesions of "
        "that size. Lines are intervals over draws of patients; where all or none are found every "
        "draw agrees, and there is no line. Rule: {first_rule}.",
    ),
    "detection_burden": (
        "Predicted and reference burden, {final}",
        "A point a scan with a reference, all lesions of a scan together. Left: prediction minus "
        "reference against the mean of both, with bias (line) and 95% limits of agreement "
        "(dashed), and their intervals over draws of patients as bands (Bland and Altman, Lancet "
        "1986). Right: prediction against reference, with the line of identity. All axes are "
        "linear up to 1 ml and logarithmic beyond.",
    ),
}
ALTERNATIVES = {
    "detection_froc": "A panel a set of scans: lesion sensitivity against false positives per "
    "scan, a curve a model; the table below has the same numbers.",
    "detection_sizes": "A panel a set of scans: sensitivity of each model for reference lesions of "
    "four sizes, with intervals; the table below has the same numbers.",
    "detection_burden": "A row a set of scans: difference of predicted and reference burden "
    "against their mean with limits of agreement, and predicted against reference burden.",
}


def detection_words(settings: Mapping) -> dict[str, str]:
    """Fill the words that these captions leave open; settings as in `captions.words_of`."""
    rule = words.rule(settings["matching"])
    return {
        "first_rule": rule,
        "rule_of_table_3": f"Lesions match by the rule of table 3 ({rule}); the file has every "
        "rule.",
        "patient_interval": "In brackets the interval over draws of patients, all of whose scans "
        "are drawn together.",
        "tolerance": f"{settings['surface_tolerance_mm']:g}",
        "final": words.model(settings["final_model"]),
    }
