"""The configuration as a run reads it: defaults, overlays, and a check of every key."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from livermet.cohort.assays import unusable_assays
from livermet.errors import InputError, stop_on
from livermet.vocabulary import Aggregation, ExportedAs, Grid, OneSlice, Protocol

# The clone that this package lies in: its config/ has the defaults.
PROJECT = Path(__file__).parents[4]


def study_config(configfile: str | Path) -> dict:
    """Lay a study's config file over the project's defaults, as Snakemake does it; check the whole.

    Raises InputError with everything that is wrong.
    """
    folder = PROJECT / "config"
    if not (folder / "config.yaml").is_file():
        raise InputError(
            f"livermet lies outside of a clone of its project: there is no {folder}/config.yaml. "
            "Get a clone, run make setup in it, and use the livermet of its .venv."
        )
    config = load_config([folder / "config.yaml", configfile])
    check_config(config)
    return config


def load_config(paths: Iterable[str | Path]) -> dict:
    """Read YAML files, each laid over the ones before it, key by key as Snakemake does it."""
    config: dict = {}
    for path in paths:
        config = laid_over(config, _read_keys(Path(path)))
    return config


def _read_keys(path: Path) -> dict:
    if not path.is_file():
        raise InputError(f"There is no config file {path}; correct its path, or write the file.")
    try:
        keys = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise InputError(f"The config file {path} is not valid YAML{line}; correct it.") from error
    if not isinstance(keys, dict):
        raise InputError(f"The config file {path} has no keys; config/README.md lists them.")
    return keys


def laid_over(below: Mapping, above: Mapping) -> dict:
    """Lay keys over others, key by key as Snakemake does it."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = laid_over(merged[key], value) if both else value
    return merged


def in_order(value):
    """Sort the keys of a config, in every depth.

    Snakemake compares params as text: without an order of its own, a config whose lines were
    exchanged would retrain the networks.
    """
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return value


def check_config(config: dict) -> None:
    """Raise an InputError that lists every key that is wrong, or that another contradicts.

    Unknown keys are refused too: a key with a typing error would otherwise do nothing, silently.
    """
    # Not above: other parts of livermet lay configs over each other and check none.
    from pydantic import ValidationError

    from livermet.config.keys import Config, missing_keys

    wrong = [
        f"Config key '{key}' is missing; put its line of config/config.yaml back."
        for key in missing_keys(config, Config())
    ]
    try:
        Config.model_validate(config)
    except ValidationError as error:
        wrong += [_sentence(one) for one in error.errors(include_url=False)]
    stop_on(wrong)
    stop_on(
        _unlisted_final_model(config["segmentation"])
        + _contradicted_pack(config)
        + _lacking_samples(config)
        + _plan_of_nothing(config["segmentation"]["nnunet"])
        + _unmeasured_lesions(config)
        + _refused_resampling(config["radiomics"])
        + _idle_harmonisation(config["phenotype"])
        + unusable_assays(config)
        + _pseudonyms_without_secret(config["export"])
    )


def _sentence(error: Mapping) -> str:
    """Say of one error, as pydantic gives it, which key is wrong and what it takes."""
    where = f"Config key '{'.'.join(map(str, error['loc'])) or 'top level'}'"
    if error["type"] == "extra_forbidden":
        return f"{where} is not known; remove it, or correct its name (config/README.md)."
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if error["type"] == "model_type":
        said = "is a section of keys"
    value = f" (it is {error['input']!r})" if error["type"] != "missing" else ""
    return f"{where}: {said}{value}; config/README.md says what each key takes."


def _unlisted_final_model(segmentation: dict) -> list[str]:
    if segmentation["final_model"] in segmentation["models"]:
        return []
    return [
        f"Config key 'segmentation.final_model' is '{segmentation['final_model']}', which "
        "segmentation.models does not list; add it there, or choose another final model."
    ]


def _contradicted_pack(config: dict) -> list[str]:
    """Say which keys ask of a run with a packed model what only a study with samples can do."""
    segmentation, phenotype = config["segmentation"], config["phenotype"]
    if not segmentation["packed"]:
        return []
    wanted = {
        "segmentation.source": (segmentation["source"], "model"),
        "segmentation.models": (segmentation["models"], [segmentation["final_model"]]),
        "phenotype.table": (phenotype["table"], None),
        "phenotype.compare_with_reference": (phenotype["compare_with_reference"], False),
        "phenotype.harmonisation.by": (phenotype["harmonisation"]["by"], None),
    }
    return [
        f"Config key '{key}' is {value!r}, which contradicts segmentation.packed: a packed model "
        f"goes with {needed!r}."
        for key, (value, needed) in wanted.items()
        if value != needed
    ]


def _lacking_samples(config: dict) -> list[str]:
    given = config["phenotype"]["table"] or config["segmentation"]["packed"]
    return [
        f"Config key 'sheets.{name}' is null, and the run has {needed}; name the sheet."
        for name, lacks, needed in (
            ("series", not config["phenotype"]["table"], "no phenotype.table"),
            ("molecular", not given, "neither phenotype.table nor segmentation.packed"),
        )
        if lacks and not config["sheets"][name]
    ]


def _plan_of_nothing(nnunet: dict) -> list[str]:
    if nnunet["plans"] != "pretrained" or nnunet["pretrained"]:
        return []
    return [
        "Config key 'segmentation.nnunet.plans' is 'pretrained', and "
        "segmentation.nnunet.pretrained names no weights; name them there, or choose another plan."
    ]


def _pseudonyms_without_secret(export: dict) -> list[str]:
    if (export["dicom"] == ExportedAs.PSEUDONYMS) == bool(export["secret"]):
        return []
    if export["secret"]:
        return [
            f"Config key 'export.secret' is set, and export.dicom is '{export['dicom']}', which "
            "needs none; set it to null."
        ]
    return [
        "Config key 'export.dicom' is 'pseudonyms', and export.secret names no file; name that of "
        "livermet sheet, or make one with livermet sheet --make-secret."
    ]


def _unmeasured_lesions(config: dict) -> list[str]:
    phenotype, aggregation = config["phenotype"], config["phenotype"]["aggregation"]
    # A finished table and the published protocol take no features of single lesions.
    if phenotype["table"] or Protocol.CORRECTED not in phenotype["protocols"]:
        return []
    if config["radiomics"]["per_lesion"] or aggregation == Aggregation.UNION:
        return []
    return [
        f"Config key 'phenotype.aggregation' is '{aggregation}', which is made of the features of "
        "single lesions, and radiomics.per_lesion is false; set it to true, or the aggregation to "
        "union."
    ]


def _refused_resampling(radiomics: dict) -> list[str]:
    """Say where single lesions would need a resampling that PyRadiomics alone can do."""
    settings, rules = radiomics["settings"], radiomics["lesions"]
    if not settings["resampledPixelSpacing"]:
        return []
    plain = {"grid": Grid.CORNER, "one_slice": OneSlice.AS_MEASURED}
    if rules["one_slice"] == OneSlice.LEFT_OUT:
        plain["one_slice"] = OneSlice.LEFT_OUT
    asked = [name for name, word in plain.items() if rules[name] != word]
    if not asked or (settings["interpolator"] == "sitkBSpline" and not settings["normalize"]):
        return []
    return [
        f"Config key 'radiomics.lesions.{name}' is '{rules[name]}', which needs the interpolator "
        f"sitkBSpline and no normalize (radiomics.settings); set it to {plain[name]}, or those."
        for name in asked
    ]


def _idle_harmonisation(phenotype: dict) -> list[str]:
    """Say why a harmonisation that is asked for could not be done, as far as the config tells."""
    by = phenotype["harmonisation"]["by"]
    if not by:
        return []
    remedy = "set phenotype.harmonisation.by to null"
    problems = []
    if phenotype["table"] and by != "thickness":
        problems.append(
            f"Config key 'phenotype.harmonisation.by' is '{by}', which a finished feature table "
            f"(phenotype.table) does not name; take thickness, {remedy}, or begin with scans."
        )
    if Protocol.CORRECTED not in phenotype["protocols"]:
        problems.append(
            f"Config key 'phenotype.harmonisation.by' is '{by}', and only the protocol 'corrected' "
            f"harmonises; add it to phenotype.protocols, or {remedy}."
        )
    return problems
