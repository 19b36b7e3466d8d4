"""Rule draw_segmentation_examples: figure 2, the best, the median and the worst test scan.

Where the masks were given, the scans with the largest, the median and the smallest burden.
"""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.segmentation.examples import ranked_scans, read_example, scans_by_burden
from livermet.report.segmentation.figures import segmentation_examples
from livermet.report.words import model as model_name
from livermet.tables import read_table

with job(snakemake) as log:
    inputs, params = snakemake.input, snakemake.params
    model = params.final_model
    by, words = ("lesion_dice", "Dice {:.2f}") if model else ("burden_ml", "{:.1f} ml")
    scans = read_table(inputs.scans if model else inputs.facts, dtype={"series": str})
    if model:
        scans = scans[scans["series"].isin(params.series)]
    else:
        masks = dict(zip(params.series, inputs.references, strict=True))
        scans = scans_by_burden(scans, masks)
    examples = []
    for place, row in ranked_scans(scans, by):
        index = params.series.index(row["series"])
        what = place if model else {"best": "largest", "worst": "smallest"}.get(place, place)
        title = f"{what}: {words.format(row[by])}\n{row['series']}"
        prediction = inputs.predictions[index] if model else None
        examples.append(read_example(title, inputs.ct[index], inputs.references[index], prediction))
        log.info("%s: %s, %s", what, row["series"], words.format(row[by]))
    predicted_by = model_name(model) if model else None
    output = snakemake.output
    save(lambda: segmentation_examples(examples, predicted_by), output.png, output.svg)
