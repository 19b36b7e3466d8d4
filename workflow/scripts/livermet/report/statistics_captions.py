"""What the tables and figures of the classifiers' statistics show, and how they were computed."""

TABLES = {
    "corrections": (
        "Published against corrected, step by step",
        "Each step keeps the corrections above it. AUC, F1 and accuracy are of the test studies, "
        "with their interval and its width; from the step 'intervals by patient' on the interval "
        "is over draws of patients, before it over draws of one series a study. Cross-validated "
        "scores are means over the step's own folds. The published procedure's model is the one "
        "with the best test AUC, which is how the article chose it; below, the test set is scored "
        "to show what a correction does and chooses nothing.",
    ),
    "baselines": (
        "Baselines",
        "Scores of the model / of the baseline on the same series, and their difference with an "
        "interval over {draws} draws of patients. 'Always positive' calls every series positive; "
        "the other two are logistic regressions on one number, fitted in the same folds. An "
        "interval of the difference that includes 0 does not show that the model is better. In "
        "cross-validation AUC is the one within folds.",
    ),
    "intervals": (
        "Intervals by what is drawn",
        "The same predictions, {draws} draws each. By series: one series of each study, while "
        "studies and patients stay the same. By study: studies with replacement, as if the studies "
        "of a patient were independent. By patient: patients with replacement, as a new study "
        "would meet others; only this one may be read as a confidence interval.",
    ),
    "repeated_cross_validation": (
        "Repeated nested cross-validation over all patients",
        "Every patient, the test set's included, is held out once a repeat, in folds dealt anew; "
        "everything that learns does so inside the folds. Mean over repeats, with an interval over "
        "draws of patients (the same ones in every repeat), and the lowest and highest repeat. It "
        "chooses nothing and stands beside the test set, which is one draw of few patients.",
    ),
    "permutation": (
        "Permutation test",
        "Whole sequences of scores and classes are exchanged between patients with as many "
        "studies, and filling, scaling, LASSO and classifier are fitted anew in every fold. AUC "
        "within folds over all held-out training series: with the true labels, and with exchanged "
        "ones (mean, 2.5th to 97.5th percentile). p is the share of permutations that reach the "
        "true labels' AUC, the true ones counted among them.",
    ),
    "calibration": (
        "Calibration",
        "Models without class weights, which shift probabilities by design; of the published "
        "protocol on the test studies only. A perfect model has slope 1 and intercept 0; a slope "
        "below 1 says that its probabilities are too extreme, an intercept above 0 that they are "
        "too low. The Brier score (lower is better) stands beside that of giving everyone the "
        "share of positives. Each study counts once; intervals over draws of patients.",
    ),
    "selection_summary": (
        "Selected features and their stability",
        "Features that LASSO selects in each fit, fits in which it selects none, and the stability "
        "of the choice over halves of the training patients (Nogueira et al., J Mach Learn Res "
        "2018; 1: always the same features, 0: as many at random), with an interval that says how "
        "much more resamples would move it, not what other patients would.",
    ),
    "reproducibility": (
        "Reproducibility by class of feature",
        "ICC of each feature, training patients only. Between reconstructions, two series of one "
        "study: how far the feature depends on the reconstruction; this is no test-retest. Between "
        "perturbed masks, the contour of one series' lesions moved at random, some times over: how "
        "far it depends on where the contour is drawn. The file has the form, the numbers of "
        "targets and ratings and the interval of each feature.",
    ),
    "stability": (
        "Features that are selected most often",
        "Random halves of the training patients in which LASSO selects the feature; the ten most "
        "frequent. The file has all of them.",
    ),
    "sample_size": (
        "Sample size",
        "Patients that Riley et al. (BMJ 2020;368:m441) ask for to develop a model with the "
        "assumed AUC, criterion by criterion; a patient counts as positive by the share of "
        "positive studies. For all candidate features, and as if only as many as one fold selected "
        "had ever been looked at, which asks for too few.",
    ),
    "null_cohorts": (
        "Cohorts without any signal",
        "Phantom feature tables of the article's size whose labels have nothing to do with the "
        "features, each put through both protocols: AUC (mean, 2.5th to 97.5th percentile over "
        "cohorts), which an honest procedure has at 0.5, and the share of cohorts whose interval "
        "covers 0.5 (with its own 95% interval), which should be 0.95. The published protocol's "
        "cross-validation has no interval; the range of its splits stands for it.",
    ),
    "masks": (
        "Predicted against reference masks",
        "The same protocols on features of the final model's masks and on those of reference "
        "masks. What differs is what errors of segmentation cost, and that series without a "
        "reference are missing on one side (the file counts the shared ones). Under corrected each "
        "side's own cross-validation chooses the model for its test set.",
    ),
    "failures": (
        "The numbers of figure 5",
        "Of the series of the chosen model that are right and wrong: how many, and their mean "
        "{name} score; studies by agreement of their series; scores by sample type, where it is "
        "known.",
    ),
    "reproduction": (
        "Printed numbers and ours",
        "The article's printed numbers against the published protocol on this table. 'Within "
        "0.01' leaves out those that agree at two decimals. The file has every number, with the "
        "difference and, for XGBoost, the range over repeats of its racing updater.",
    ),
    "reproduction_differences": (
        "Printed numbers that do not come out again",
        "With what is known of the reason.",
    ),
    "reproduction_not_possible": (
        "Printed numbers that the table cannot give",
        "What would be needed stands beside each.",
    ),
    "weight_search": (
        "The search for class weights",
        "The article's search repeated: weights from 0.05 to 10, each fitted outside and scored on "
        "the one tuning split, the first of the best taken. AUC and F1 are those on the tuning "
        "split, of so few patients that the choice is hardly better than chance.",
    ),
}
FIGURES = {
    "corrections": (
        "The ladder from the published to the corrected procedure",
        "From the top each step adds one correction and keeps those above it. Blue: test studies, "
        "with interval; its width stands at the right. Orange: cross-validated, mean over folds. "
        "The dashed line is the rule 'always positive' on the test studies. A classifier's name "
        "stands where it changes. Steps in grey change nothing here, or cannot be made from this "
        "run's data, for the reason beside them.",
    ),
    "calibration": (
        "Calibration and decisions",
        "The corrected protocol's chosen model on held-out training series and on test series. "
        "Left: share of positives by predicted probability, in bins, each study counting once (the "
        "number is the bin's series); a perfectly calibrated model lies on the diagonal. Right: "
        "net benefit (Vickers and Elkin, Med Decis Making 2006) of acting above a threshold, "
        "against calling all or none positive: the model is of use only where its line is above "
        "both.",
    ),
    "reproducibility": (
        "Reproducibility and stability of features",
        "Above: ICC of each feature between two reconstructions of one study and, below it and in "
        "the same order, between perturbed masks of one series, with intervals over draws of "
        "patients, sorted within its class; below each class, how many of its features are good "
        "(0.75 or more). Lines: moderate, good and excellent by Koo and Li (J Chiropr Med 2016). "
        "Last: in how many random halves of the training patients LASSO selects a feature, at most "
        "20 features, with its ICC.",
    ),
}
ALTERNATIVES = {
    "corrections": "A row a correction, with points and intervals of AUC, F1 and accuracy on the "
    "test studies and cross-validated; the table below holds the same numbers.",
    "calibration": "Left, observed share of positive series against predicted probability in bins; "
    "right, net benefit against threshold on held-out and test series.",
    "reproducibility": "Above, the ICC of every feature by class, with intervals, a panel a "
    "comparison (reconstructions, perturbed masks); below, bars of "
    "how often the most frequent features are selected.",
}
