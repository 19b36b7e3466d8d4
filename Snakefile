from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/demo.smk"
include: "rules/ingest.smk"
include: "rules/cohort.smk"
include: "rules/training.smk"
include: "rules/nnunet.smk"
include: "rules/monai.smk"
include: "rules/detection.smk"
include: "rules/radiomics.smk"
include: "rules/phenotype.smk"
include: "rules/validation.smk"
include: "rules/statistics.smk"
include: "rules/reproduction.smk"
include: "rules/report.smk"
include: "rules/viewer.smk"
include: "rules/patients.smk"
include: "rules/export.smk"
include: "rules/provenance.smk"


rule all:
    default_target: not STUDY.is_packed
    input:
        report=f"{RUN}/report.html",
        checklists=f"{RUN}/checklists.html",
        cards=CARDS,
        quality=[] if FROM_TABLE else f"{RUN}/quality.html",
        viewer=VIEWER,
        unsampled=JUDGED_HERE,
        exported=EXPORTED,
        settings=f"{RUN}/provenance/settings.json",


# The target of `livermet predict`, whose run trains nothing and has no report.
rule patients:
    default_target: STUDY.is_packed
    input:
        index=f"{PATIENTS}/index.html",
        pages=[f"{PATIENTS}/{study}.html" for study in NEW_STUDIES],
        features=STUDY.features_by_batch(PHENOTYPE_MASK, "lesions") if STUDY.is_packed else [],
        viewer=VIEWER if STUDY.is_packed else [],
        exported=EXPORTED if STUDY.is_packed else [],
        settings=f"{RUN}/provenance/settings.json" if STUDY.is_packed else [],
