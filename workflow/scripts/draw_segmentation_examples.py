"""Rule draw_segmentation_examples: figure 2, the best, the median and the worst test scan."""

from livermet.files import read_table
from livermet.jobs import job
from livermet.report.examples import ranked_scans, read_example
from livermet.report.figures import save, segmentation_examples
from livermet.report.words import model as model_name

with job(snakemake) as log:
    inputs, params = snakemake.input, snakemake.params
    model = params.final_model
    scores = inputs.scans if model else inputs.facts
    by, words = ("lesion_dice", "Dice {:.2f}") if model else ("burden_ml", "{:.1f} ml")
    scans = read_table(scores, dtype={"series": str})
    examples = []
    for place, row in ranked_scans(scans[scans["series"].isin(params.series)], by):
        index = params.series.index(row["series"])
        what = place if model else {"best": "largest", "worst": "smallest"}.get(place, place)
        title = f"{what}: {row['series']}, {words.format(row[by])}"
        prediction = inputs.predictions[index] if model else None
        examples.append(read_example(title, inputs.ct[index], inputs.references[index], prediction))
        log.info("%s", title)
    predicted_by = model_name(model) if model else None
    output = snakemake.output
    save(lambda: segmentation_examples(examples, predicted_by), output.png, output.svg)
