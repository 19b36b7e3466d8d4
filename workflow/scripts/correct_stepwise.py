"""Rule correct_stepwise: the ladder from the published procedure to the corrected one."""

from livermet.jobs import job
from livermet.phenotype.baselines import BASELINES
from livermet.phenotype.combat import with_batches
from livermet.phenotype.corrected import UNWEIGHTED, Preparation, Settings
from livermet.phenotype.fits import read_rows
from livermet.phenotype.table import read_feature_table
from livermet.tables import read_table, write_table
from livermet.validation.ladder import CORRECTIONS, Protocols, climb, tabulate

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    table = with_batches(read_feature_table(given.features, params.name), given.batches)
    published, held_out = read_rows(given.published), read_rows(given.held_out)
    tested = read_rows([given.tested])
    trivial = tested["model"].isin(BASELINES)
    chosen = tested.loc[~trivial, "model"]
    model = chosen.iloc[0] if len(chosen) else held_out["model"].iloc[0]
    protocols = Protocols(
        published=published[published["weighting"] == UNWEIGHTED],
        selection=read_table(given.selection, dtype={"fold": str}),
        chosen=model,
        held_out=held_out[(held_out["model"] == model) & (held_out["weighting"] == UNWEIGHTED)],
        tested=tested[~trivial],
        trivial=tested[trivial],
    )
    settings = Settings(
        params.lasso_target, params.trees, params.seed, Preparation(**params.preparation)
    )
    by_lesion = read_feature_table(given.by_lesion, params.name) if given.by_lesion else None
    steps = climb(table, protocols, settings, params.aggregation, by_lesion)
    corrections = tabulate(steps, params.draws, params.seed)
    for row in corrections.itertuples():
        log.info("%d %s: test AUC %.3f (%s)", row.step, row.correction, row.auc, row.model)
    write_table(corrections, snakemake.output.corrections, CORRECTIONS)
