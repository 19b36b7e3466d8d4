"""Rule write_patient: the page of a new patient's study, and its tables."""

from livermet.files import read_json, whole_file
from livermet.images import read_image
from livermet.jobs import job
from livermet.patients.measured import measure, study_lesions
from livermet.patients.page import compose
from livermet.patients.rendering import PATIENT, render
from livermet.patients.results import Verdicts, prediction_table, series_table
from livermet.patients.tables import NEW_LESIONS, NEW_SERIES, PREDICTIONS
from livermet.tables import read_table, write_table

with job(snakemake) as log:
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    study = snakemake.wildcards.study
    measured = []
    for series, ct, mask in zip(params.by_series, given.cts, given.predictions, strict=True):
        log.info("%s: its lesions are measured", series)
        measured.append(measure(series, read_image(ct), read_image(mask), params.components))
    manifest = read_json(given.manifest)
    verdicts, classifier = Verdicts(None, lacks=manifest["phenotype_lacks"]), None
    if given.judged:
        judged = read_table(given.judged, dtype={"study": str, "series": str})
        classifier = read_json(given.classifier)
        verdicts = Verdicts(judged.fillna({"series": "", "reasons": ""}), classifier["name"])
    prediction = prediction_table(study, params.patient, measured, verdicts)
    qualities = zip(params.by_series, given.qualities, strict=True)
    content = compose(
        prediction.iloc[0].to_dict(),
        measured,
        verdicts,
        classifier,
        {series: read_json(path)["warnings"] for series, path in qualities},
        params.told | {"networks": len(manifest["networks"])},
    )
    write_table(study_lesions(study, measured), output.lesions, NEW_LESIONS)
    write_table(series_table(study, measured, verdicts), output.series, NEW_SERIES)
    write_table(prediction, output.prediction, PREDICTIONS)
    with whole_file(output.page) as beside:
        beside.write_text(render(content, PATIENT), encoding="utf-8")
