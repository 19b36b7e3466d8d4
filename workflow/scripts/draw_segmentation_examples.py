"""Rule draw_segmentation_examples: figure 2, the test scans of highest and lowest concordance.

Where the masks were given, the scans with the highest and the lowest burden.
"""

from livermet.jobs import job
from livermet.report.drawing import save
from livermet.report.segmentation.examples import extremes, read_example, scans_by_burden
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
    for place, row in extremes(scans, by):
        index = params.series.index(row["series"])
        named = (row["series"], place, words.format(row[by]))
        prediction = inputs.predictions[index] if model else None
        examples.append(read_example(named, inputs.ct[index], inputs.references[index], prediction))
        log.info("%s: %s, %s, slice %d", place, *named[::2], examples[-1].number)
    predicted_by = model_name(model) if model else None
    output = snakemake.output
    save(lambda: segmentation_examples(examples, predicted_by), output.png, output.svg)
