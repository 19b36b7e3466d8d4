"""Rule score_specifications: cross-validate a part of the procedures that could be chosen."""

from livermet.jobs import job
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import Preparation, Settings, prepared
from livermet.phenotype.table import read_feature_table, slice_thickness
from livermet.tables import read_table, write_table
from livermet.validation.specification_curve import SCORED, Data, score_specifications
from livermet.validation.specifications import Specification, specifications

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    tables = {
        aggregation: with_batches(prepared(read_feature_table(path, params.name)), given.batches)
        for aggregation, path in zip(params.aggregations, given.features, strict=True)
    }
    if given.acquisition:
        acquired = read_table(given.acquisition, dtype={"series": str}).set_index("series")
        thickness = acquired["slice_thickness_mm"]
    else:
        thickness = slice_thickness(next(iter(tables.values())))
    data = Data(tables, thickness, params.thin_up_to_mm)
    settings = Settings(
        params.own["target"], params.trees, params.seed, Preparation(**params.preparation)
    )
    own = Specification(**params.own)
    first, last = params.numbers
    wanted = specifications(params.size, params.aggregations, own)[first : last + 1]
    scored = score_specifications(data, wanted, own, settings, params.draws, params.seed)
    log.info("%d of %d specifications scored", scored["reason"].isna().sum(), len(scored))
    write_table(scored, snakemake.output.scored, SCORED)
