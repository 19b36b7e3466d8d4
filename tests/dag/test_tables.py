"""Every table that a run writes has a contract, and every contract's table is written by a run."""

import re
from pathlib import PurePath

import pytest
import yaml
from study import feature_table, planned_in, score_from_expression
from test_packed import CLASSIFIER, FILES, packed_study

from livermet.contracts import all_contracts

OUTPUTS = re.compile(r"^ +output: (.*)$", re.M)
# What people write, or a command; no rule makes these.
OF_NO_RULE = {"archive", "sheets", "ledger", "demo", "pack"}


def tables_in(plan) -> set[str]:
    """Name the tables that a plan writes, from the run's folder on."""
    assert plan.returncode == 0, plan.stdout[-2000:] + plan.stderr[-2000:]
    paths = {path for line in OUTPUTS.findall(plan.stdout) for path in line.split(", ")}
    tables = {path for path in paths if PurePath(path).suffix in {".tsv", ".csv"}}
    return {path.partition("results/")[2].partition("/")[2] for path in tables}


@pytest.fixture
def written(study, root, tmp_path) -> set[str]:
    """Return the tables of a study with all that it can have, the published one, new patients."""
    asked = {"harmonisation": {"by": "scanner"}, "compare_with_reference": True}
    study.configure(phenotype=asked)
    (tmp_path / "theirs.pth").touch()
    study.configure(segmentation={"nnunet": {"pretrained": str(tmp_path / "theirs.pth")}})
    study.configure(export={"dicom": "as_given"})
    score_from_expression(study)
    study.assign()
    folder = tmp_path / "published"
    folder.mkdir()
    feature_table().to_csv(folder / "features.csv", index=False)
    printed = str(root / "config" / "published_values.yaml")
    keys = {"table": "features.csv", "printed_values": printed}
    (folder / "own.yaml").write_text(yaml.safe_dump({"phenotype": keys}))
    configs = [root / "config" / name for name in ("published.yaml", "published_searched.yaml")]
    published = planned_in(folder, "--configfile", *map(str, configs), "own.yaml")
    (tmp_path / "new").mkdir()
    new_patients = packed_study(tmp_path / "new", FILES + CLASSIFIER)
    return tables_in(study.plan()) | tables_in(published) | tables_in(new_patients.plan())


def test_tables_and_contracts_belong_together(written):
    contracts = {contract: stage for stage, found in all_contracts().items() for contract in found}
    assert len(written) > 100
    assert [
        path for path in sorted(written) if not any(one.writes(path) for one in contracts)
    ] == []
    unwritten = [
        one.files
        for one, stage in contracts.items()
        if stage not in OF_NO_RULE and not any(one.writes(path) for path in written)
    ]
    assert unwritten == []
