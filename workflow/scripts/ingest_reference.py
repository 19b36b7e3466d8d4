"""Rules ingest_reference_*: humans' segmentations become labels 0, 1, 2 on the grid of their CT."""

from livermet.errors import InputError, stop_on
from livermet.files import read_json, write_json
from livermet.images import array_of, read_image, write_image
from livermet.ingest.masks import Planes
from livermet.ingest.plausibility import refuse_implausible
from livermet.ingest.reference import canonical_reference
from livermet.ingest.volume import read_volume
from livermet.jobs import job
from livermet.untold import untold

with job(snakemake) as log, untold():
    given, output = snakemake.input, snakemake.output
    references, liver_masks = iter(given.references), iter(given.liver_masks)
    problems = []
    places = zip(given.cts, given.qualities, output.references, output.records, strict=True)
    for (series, has), (ct_path, quality, path, record_path) in zip(
        snakemake.params.by_series.items(), places, strict=True
    ):
        mask, liver_mask = (
            next(sources) if has[kind] else None
            for kind, sources in (("references", references), ("liver_masks", liver_masks))
        )
        try:
            ct = read_image(ct_path)
            image, record = canonical_reference(
                series,
                ct,
                mask and read_volume(mask, f"series {series}: its reference"),
                snakemake.params.labels,
                liver_mask and read_volume(liver_mask, f"series {series}: its liver mask"),
                Planes.from_record(read_json(quality).get("source_slices")),
            )
            record = refuse_implausible(
                series,
                array_of(ct).transpose(2, 1, 0),
                array_of(image).transpose(2, 1, 0),
                ct.GetSpacing(),
                record,
                lesions_read=has["lesions_read"],
                accepted=has["accepted"],
            )
        except InputError as error:
            # All that is wrong with a batch is told at once.
            problems.append(str(error))
            continue
        log.info(
            "%s: liver voxels: %s, lesion voxels: %s, liver from: %s",
            series,
            record["reference_voxels_liver"],
            record["reference_voxels_lesion"],
            record["liver_from"],
        )
        for sentence in record["reference_warnings"]:
            log.info("%s: %s", series, sentence)
        write_image(image, path)
        write_json(record, record_path)
    stop_on(problems)
