"""Every key of the config: its type, its limits, its default and the reason for it.

This is the source of `config/config.yaml` (the defaults), `config/schemas/config.schema.yaml` (for
editors) and of the tables in config/README.md; `livermet.config.written` writes them. A default is
the article's where it states one.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    create_model,
    model_validator,
)

from livermet.engines import Engine
from livermet.models import NETWORKS as LISTED
from livermet.models import networks_of, published_networks
from livermet.monai.architectures import ARCHITECTURES, SPLEEN
from livermet.vocabulary import (
    AGGREGATIONS,
    WEIGHTINGS,
    Accepted,
    Aggregation,
    ExportedAs,
    Grid,
    OneSlice,
    Protocol,
    Redundancy,
    Scoring,
    Transform,
    Units,
    Weighting,
)

METHODS = (
    "the article, methods, 'Deep learning model development for tumor segmentation', paragraph 2"
)
BTCV = "MONAI's tutorial unetr_btcv_segmentation_3d"
# Of keys that a config may leave out, so that a library's own default holds.
NOT_SET = object()


class Keys(BaseModel):
    """A section of the config. Unknown keys are refused, and no value is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def key(default: Any, takes: str, why: str = "", **limits: Any) -> Any:
    """Describe one key: its default, what it takes, why that default, and its limits."""
    return Field(default, description=takes, json_schema_extra={"why": why}, **limits)


def section(keys: type[Keys], takes: str = "") -> Any:
    """Describe a section, whose default is that of its keys."""
    return Field(default_factory=keys, description=takes)


def _unique(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("an entry stands twice")
    return values


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    def checked(value: str) -> str:
        if value not in names:
            raise ValueError(f"'{value}' is not one of {', '.join(names)}")
        return value

    return checked


def _words(words: Iterable[str]) -> tuple[AfterValidator, WithJsonSchema]:
    """Let a key take some words: of the vocabulary, or the names of networks."""
    names = tuple(map(str, words))
    schema = WithJsonSchema({"enum": list(names), "type": "string"})
    return AfterValidator(_one_of(names)), schema


def _number_or_patients(value: Any) -> Any:
    # One sentence, and not one for each of the two kinds.
    if isinstance(value, list):
        if all(isinstance(name, str) for name in value):
            return _unique(value)
    elif type(value) is int and value >= 0:
        return value
    raise ValueError("should be a whole number from 0, or a list of patients")


def _labels(value: Any) -> Any:
    # One sentence, and not one for each of the kinds.
    if value is None:
        return None
    held = value if isinstance(value, list) else [value]
    if not held or not all(
        (type(one) is int and one >= 1) or (isinstance(one, str) and one.strip()) for one in held
    ):
        raise ValueError("should be a whole number from 1, a name, or a list of such")
    return _unique(value) if isinstance(value, list) else value


def _not_one(count: int) -> int:
    if count == 1:
        raise ValueError("an ICC needs two masks of a series: 0 or at least 2")
    return count


def _unweighted_too(weightings: list[str]) -> list[str]:
    # Every table and the choice of the headline model begin with the unweighted one.
    if Weighting.NONE not in weightings:
        raise ValueError("'none' has to be one of them")
    return weightings


UNIQUE = AfterValidator(_unique), Field(min_length=1, json_schema_extra={"uniqueItems": True})
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
FilePath = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Draws = Annotated[int, Field(ge=100)]
TestPatients = Annotated[
    int | list[str],
    BeforeValidator(_number_or_patients),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "integer", "minimum": 0},
                {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            ]
        }
    ),
]
_LABEL_SCHEMA = [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}]
Labels = Annotated[
    int | str | list[int | str],
    BeforeValidator(_labels),
    WithJsonSchema(
        {
            "anyOf": [
                *_LABEL_SCHEMA,
                {"type": "array", "items": {"anyOf": _LABEL_SCHEMA}, "minItems": 1},
            ]
        }
    ),
]
Spacing = Annotated[list[Rate], Field(min_length=3, max_length=3)]
Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]
Weights = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=3, max_length=3)]
Patch = Annotated[list[Annotated[int, Field(ge=8)]], Field(min_length=3, max_length=3)]
NetworkName = Annotated[str, *_words(LISTED)]
ProtocolName = Annotated[str, *_words(Protocol)]
WeightingName = Annotated[str, *_words(WEIGHTINGS)]
AggregationName = Annotated[str, *_words(AGGREGATIONS)]
AcceptedName = Annotated[str, *_words(Accepted)]
ScoringName = Annotated[str, *_words(Scoring)]
UnitsName = Annotated[str, *_words(Units)]
TransformName = Annotated[str, *_words(Transform)]
RedundancyName = Annotated[str, *_words(Redundancy)]
EngineName = Annotated[str, *_words(Engine)]
ExportedAsName = Annotated[str, *_words(ExportedAs)]
GridName = Annotated[str, *_words(Grid)]
OneSliceName = Annotated[str, *_words(OneSlice)]
MATCHING_RULE = r"^(any_overlap|one_to_one|lits|iou_(0[.][0-9]*[1-9][0-9]*|1))$"
MatchingRule = Annotated[str, StringConstraints(pattern=MATCHING_RULE)]


class Sheets(Keys):
    """Files of the study's tables."""

    series: str | None = key(
        "config/study/series.tsv", "sheet of series; null only where `phenotype.table` is set"
    )
    molecular: str | None = key(
        "config/study/molecular.tsv",
        "sheet of molecular samples; null only where `phenotype.table` or `segmentation.packed` is "
        "set",
    )
    phantoms: str | None = key(
        None, "sheet of phantoms that rules make, or null", "the demo has one"
    )


class Cohorts(Keys):
    """Names of the cohorts."""

    source: str | None = key(
        "LiTS",
        "name of the cohort that base networks train on; null only where no network is trained",
        "the article's",
    )
    target: str = key("mSCLC", "name of the cohort with molecular samples", "the article's")


class Test(Keys):
    """Test patients: how many, or who."""

    source: TestPatients = key(
        10, "number of test patients of the source cohort, or their list", "the article's"
    )
    target: TestPatients = key(
        18,
        "number of test patients of the target cohort, or their list",
        "the article's 18 that test segmentation; the 14 that test classification are those of "
        "them with a molecular result",
    )


class Split(Keys):
    """Who trains and who tests."""

    folds: int = key(5, "number of folds, from 2", "the article's and nnU-Net's", ge=2)
    test: Test = section(Test)
    batch_size: Count = key(
        20,
        "series that one job of prediction, detection, references or radiomics takes",
        "a network loads once for all of them",
    )


class Matching(Keys):
    """Which samples belong to a CT."""

    window_days: int = key(
        92,
        "days that a sample may lie before or after the CT, inclusive",
        "the article's",
        ge=0,
    )


class AssayKeys(Keys):
    """How samples of one sample type are scored, and when they are positive."""

    expression: FilePath | None = key(
        None, "table of expression, genes by samples, or null: the sheet gives the scores"
    )
    units: UnitsName | None = key(
        None, f"what its numbers are: {', '.join(f'`{unit.value}`' for unit in Units)}"
    )
    reference: FilePath | None = key(
        None, "centroids (gene, ne, non_ne), or for `ssgsea` the gene set (gene, set)"
    )
    aliases: FilePath | None = key(None, "table of other names of genes (alias, gene), or null")
    positive_above: float | None = key(
        None, "the class is positive above this score; null: `phenotype.positive_above`"
    )


class Molecular(Keys):
    """Molecular scores that are computed from expression."""

    method: ScoringName = key(
        Scoring.CENTROIDS.value,
        "`centroids`: half the difference of a sample's correlations with the neuroendocrine and "
        "the other centroid; `ssgsea`: enrichment of a gene set within the sample",
        "Zhang et al. 2018; 0 means as near to one centroid as to the other, and no sample moves "
        "with the cohort",
    )
    frozen_as: Name = key(
        "scores",
        "name under which the ledger freezes references, units, thresholds and scores; a new name "
        "freezes new ones",
        "new samples must not change old labels",
    )
    minimum_coverage: Share = key(
        0.9,
        "share of the reference's genes, of each side, that a sample needs, 0 to 1",
        "two of 25 genes may have another name; more is another score",
    )
    assays: dict[Name, AssayKeys] = key(
        {},
        "by `sample_type` of the sheet: `expression` (table of genes by samples), `units` ("
        + ", ".join(f"`{unit.value}`" for unit in Units)
        + "), `reference` (the centroids, or the gene set), `aliases` (other names of genes) and "
        "`positive_above` (its own threshold). A type without an entry has the sheet's scores",
        "scores as given",
    )


class TrainingSets(Keys):
    """Names of the ledger's training sets; a new name retrains, with `allow_training`."""

    base: Name = key("lits", "training set of the base models")
    finetuned: Name = key("lits_msclc", "training set of the models that learn from both cohorts")


class ReferenceLabels(Keys):
    """Labels in the references: of a label map numbers, of DICOM names or numbers of segments."""

    liver: Labels | None = key(
        1,
        "the liver: a number, a name of a segment, ROI or folder (`liver*`: with * for any "
        "letters), or a list of them; null where references hold lesions only",
        "as in LiTS",
    )
    lesion: Labels = key(2, "lesions: a number, a name, or a list of them", "as in LiTS")
    other: Labels | None = key(
        None,
        "what is neither and becomes background: a number, a name, or a list of them; `*` for all "
        "the rest; null: anything else is refused",
        "a lesion under a name that nobody listed would be lost",
    )

    @model_validator(mode="after")
    def _once(self) -> "ReferenceLabels":
        held = [
            one.casefold() if isinstance(one, str) else one
            for labels in (self.liver, self.lesion, self.other)
            for one in (labels if isinstance(labels, list) else [labels])
            if one is not None
        ]
        if len(set(held)) < len(held):
            raise ValueError("names a label twice; a label is one of liver, lesion and other")
        others = self.other if isinstance(self.other, list) else [self.other]
        if "*" in held and "*" not in others:
            raise ValueError("takes '*' for other alone")
        return self


class Ingest(Keys):
    """Which series are read."""

    accept: Annotated[list[AcceptedName], AfterValidator(_unique)] = key(
        [],
        "series that are read with a warning and else refused: `mixed_slices` (slices that are "
        "unlike their neighbours, exchanged, or of two phases by turns); and of DICOM `incomplete` "
        "(empty, cut or unreadable files), `lossy` (compressed with a loss), `no_rescale` (stored "
        "values taken as HU), `other_units` (another RescaleType), `projections` (MIP, MinIP)",
        "none: features of such series are not those of the scan",
    )
    accept_masks: Annotated[list[Name], AfterValidator(_unique)] = key(
        [],
        "series whose reference and liver mask are taken although a check calls them certainly "
        "wrong (in air, in bone, on the left, above the lungs, outside the body, empty where the "
        "sheet says lesions)",
        "none: such masks are most often another scan's, or mirrored",
    )


class Job(Keys):
    """What a job asks of a cluster; memory and time grow with each attempt."""

    threads: Count
    mem_mb: Count
    minutes: Count


def job(threads: int, mem_mb: int, minutes: int, takes: str) -> Any:
    """Describe what one kind of jobs asks for: no part of any result."""
    return Field(Job(threads=threads, mem_mb=mem_mb, minutes=minutes), description=takes)


class MonaiJobs(Keys):
    """Jobs of MONAI's networks; not part of any result."""

    train: Job = job(4, 24000, 1440, "threads, mem_mb and minutes of a training")
    predict: Job = job(4, 32000, 120, "threads, mem_mb and minutes of a batch's prediction")


class MonaiTraining(Keys):
    """What a MONAI network is trained and used with."""

    spacing_mm: Spacing = key(
        [0.5, 0.5, 1.0], "voxel that the networks see, mm (x, y, z)", f"{METHODS}, resampling"
    )
    crop_foreground: bool = key(
        True,
        "whether volumes are cropped to the box around what is above the window's lower end; "
        "outside is background",
        f"{METHODS}; the threshold is that of MONAI's tutorials",
    )
    window_hu: Bounds = key(
        [-57, 164],
        "[lower, upper] HU of validation and prediction, scaled to 0-1 and clipped",
        f"not stated: {SPLEEN}",
    )
    window_ranges_hu: Annotated[list[Bounds], Field(min_length=2, max_length=2)] | None = key(
        [[-150, -45], [105, 250]],
        "[[from, to], [from, to]] HU that each training patch draws its window's lower and upper "
        "end from, or null: always `window_hu`",
        f"{METHODS}: windows vary; ranges are not stated: from a liver window of width 150 and "
        "level 30 to one of width 400 and level 50",
    )
    patch_size: Patch = key(
        [512, 512, 16],
        "voxels (x, y, z) of training and sliding window, multiples of the network's reduction",
        f"{METHODS}, size of a sample",
    )
    label_ratios: Weights = key(
        [4, 1, 3],
        "how often a patch's centre is background, liver, lesion, each from 0",
        f"{METHODS}, sampling ratio",
    )
    samples_per_image: Count = key(
        12, "patches that a volume gives, one after the other, when its turn comes", METHODS
    )
    batch_size: Count = key(
        12,
        "patches an iteration",
        "not stated: those of one volume; fewer need less memory of a GPU",
    )
    epochs: Count = key(1500, "epochs", METHODS)
    iterations_per_epoch: Count | None = key(
        None,
        "iterations of an epoch, or null: as many as give each training volume one turn",
        "what an epoch is in MONAI",
    )
    validation_every: Count = key(
        10,
        "epochs between validations, of which the best decides the weights that are kept",
        "not stated: a validation takes the time of some epochs",
    )
    learning_rate: Rate = key(0.0001, "Adam's rate", METHODS)
    schedule: Literal["constant", "cosine"] = key(
        "constant",
        "`constant`, or `cosine`: the rate falls to 0 along a cosine",
        f"{METHODS} give one rate for all epochs",
    )
    loss: Literal["dice", "dice_ce"] = key(
        "dice", "`dice` or `dice_ce` (with cross-entropy)", METHODS
    )
    loss_weights: Weights = key(
        [0, 1, 1],
        "weight of background, liver and lesion in the loss, each from 0",
        f"{METHODS}: Dice at the level of lesions; [0, 0, 1] is that alone, which leaves the liver "
        "unlearnt that figure 1 shows beside them",
    )
    loss_batch: bool = key(
        False, "`false`: Dice of each patch; `true`: over the batch", "MONAI's default"
    )
    flip: Share = key(0.1, "probability of mirroring, each axis, 0 to 1", BTCV)
    overlap: float = key(
        0.25,
        "overlap of neighbouring windows in prediction, a share of the patch below 1",
        "MONAI's default",
        ge=0,
        lt=1,
    )
    mixed_precision: bool = key(
        True,
        "whether the networks compute in 16 bits where that is as good, on a GPU alone",
        "not stated: what nnU-Net does; half the memory of a GPU, and faster",
    )


class NetworkKeys(Keys):
    """A network's shape, and any key of `monai` that holds for this network alone."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _own_training(self) -> "NetworkKeys":
        MonaiTraining.model_validate(self.model_extra or {})
        return self


def _network_keys(name: str) -> type[Keys]:
    described = {
        one.name: (
            _in_yaml(one.type),
            key(_plain(one.default), one.metadata["takes"], one.metadata["why"]),
        )
        for one in fields(ARCHITECTURES[name])
    }
    doc = f"Shape of {LISTED[name].label}, and any key of `monai` but `jobs` for it alone."
    return create_model(name, __base__=NetworkKeys, __doc__=doc, **described)  # type: ignore


def _in_yaml(kind: Any) -> Any:
    """Name the type that a YAML file gives for a field of a dataclass."""
    return list[int] if kind == tuple[int, ...] else kind


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class _Monai(MonaiTraining):
    """MONAI's networks (table 3)."""


Monai = create_model(  # type: ignore[call-overload]
    "Monai",
    __base__=_Monai,
    __doc__="MONAI's networks; what holds for one alone stands in its own section.",
    **{
        name: (keys, section(keys))
        for name, keys in ((name, _network_keys(name)) for name in networks_of("monai"))
    },
    jobs=(MonaiJobs, section(MonaiJobs)),
)


class NnunetPlanChanges(Keys):
    """What is changed of the plan that `plans` names; none: that plan."""

    spacing_mm: Spacing = key(NOT_SET, "voxel in mm (z, y, x)", "the plan's")
    patch_size: Patch = key(NOT_SET, "voxels (z, y, x)", "the plan's")
    batch_size: Count = key(NOT_SET, "patches an iteration", "the plan's")
    n_stages: int = key(NOT_SET, "stages, from 3, at most the plan's", "the plan's", ge=3)
    features: Count = key(NOT_SET, "features of the first stage", "the plan's")
    convolutions_per_stage: Count = key(NOT_SET, "convolutions of a stage", "the plan's")
    normalization: Literal["ct", "zscore"] = key(
        NOT_SET,
        "`ct` (clipped and scaled by the training set's foreground) or `zscore` (of each image)",
        "the plan's",
    )
    torch_resampling: bool = key(
        NOT_SET, "whether torch resamples, faster and less exactly", "the plan's"
    )


class NnunetTraining(Keys):
    """Training of one fold; the defaults are nnU-Net's, which the article used as it comes."""

    epochs: Count = key(1000, "epochs", "nnU-Net's")
    iterations_per_epoch: Count = key(250, "iterations of an epoch", "nnU-Net's")
    validation_iterations: Count = key(50, "validated patches of an epoch", "nnU-Net's")
    optimizer: Literal["sgd", "adamw"] = key("sgd", "`sgd` or `adamw`", "nnU-Net's")
    initial_learning_rate: Rate = key(0.01, "learning rate of the first epoch", "nnU-Net's")
    foreground_oversampling: Share = key(
        0.33, "share of a batch's patches that hold foreground, 0 to 1", "nnU-Net's"
    )
    mirroring: bool = key(True, "whether patches are mirrored", "nnU-Net's")
    save_every: Count = key(50, "epochs between checkpoints; not part of any result", "nnU-Net's")


class NnunetFinetuning(NnunetTraining):
    """Fine-tuning of one fold; the article gives no schedule for it."""

    epochs: Count = key(250, "epochs", "a quarter of the base's")
    initial_learning_rate: Rate = key(
        0.001,
        "learning rate of the first epoch",
        "a tenth of the base's, so that what the base has learnt survives",
    )
    save_every: Count = key(
        25, "epochs between checkpoints; not part of any result", "half of the base's"
    )


class NnunetPrediction(Keys):
    """Prediction of a volume."""

    step_size: float = key(
        0.5, "distance of tiles, a share of the patch up to 1", "nnU-Net's", gt=0, le=1
    )
    mirroring: bool = key(
        True,
        "whether predictions are averaged over the eight mirrored inputs, where training mirrored",
        "nnU-Net's",
    )


class NnunetJobs(Keys):
    """Jobs of nnU-Net; not part of any result."""

    preprocess: Job = job(8, 64000, 720, "threads, mem_mb and minutes of planning a dataset")
    train: Job = job(12, 48000, 2880, "threads, mem_mb and minutes of training a fold")
    predict: Job = job(4, 32000, 240, "threads, mem_mb and minutes of a batch's prediction")


class Nnunet(Keys):
    """nnU-Net, 3d_fullres."""

    pretrained: FilePath | None = key(
        None,
        "weights of others that networks begin from, apart from those that are fine-tuned: a "
        "folder of an nnU-Net model (with `fold_0/checkpoint_final.pth`, ...) or a checkpoint; "
        "null: none (docs/how-to/pretrained.md)",
        "the article's networks begin from random weights",
    )
    plans: Literal["auto", "published", "resenc_m", "resenc_l", "pretrained"] = key(
        "published",
        "`published`: spacing 0.789 x 0.789 x 2 mm, patch 80 x 80 x 64, each image's z-score; "
        "`auto`: nnU-Net's own plan for the training set; `resenc_m`, `resenc_l`: its residual "
        "encoder for GPUs of 9-11 and 24 GB; `pretrained`: the plan of the weights that "
        "`pretrained` names",
        "the article, methods, 'Deep learning model development for tumor segmentation', "
        "paragraph 3, which has a patch of 80 x 80 x 60: nnU-Net halves z several times and makes "
        "64 of 60",
    )
    plan_changes: NnunetPlanChanges = section(NnunetPlanChanges)
    training: NnunetTraining = section(NnunetTraining)
    finetuning: NnunetFinetuning = section(NnunetFinetuning)
    prediction: NnunetPrediction = section(NnunetPrediction)
    jobs: NnunetJobs = section(NnunetJobs)


class Segmentation(Keys):
    """Which masks there are, and the networks that make them."""

    source: Literal["model", "reference"] = key(
        "model", "`model`, or `reference`: given masks, no network"
    )
    models: Annotated[list[NetworkName], *UNIQUE] = key(
        list(published_networks()),
        f"any of {', '.join(f'`{name}`' for name in LISTED)}",
        "table 3 of the article",
    )
    final_model: NetworkName = key(
        "nnunet_finetuned",
        "the one of `models` whose masks features are taken from",
        "the article's",
    )
    packed: FilePath | None = key(
        None,
        "folder of a packed model (`livermet pack`), the only one of `models`, which then predicts "
        "and judges new patients, and nothing is trained; or null. `livermet predict` sets it",
        "networks of the run's own",
    )
    device: Literal["auto", "cpu", "cuda"] = key(
        "auto", "`auto` (a GPU where there is one), `cpu`, `cuda`"
    )
    cpu_engine: EngineName = key(
        Engine.OPENVINO.value,
        "what computes networks in predictions on a CPU: `openvino`, in a third to two thirds of "
        "the time, or `torch`, to the last bit as nnU-Net; not part of any result",
        "they differ by rounding (docs/decisions/networks-on-a-cpu.md)",
    )
    lesion_probability: bool = key(
        True,
        "whether predictions are saved as lesion probabilities too (a byte a voxel, zipped), which "
        "FROC curves are made from",
        "some MB a scan, and in memory a byte a voxel",
    )
    save_minutes: int = key(
        15,
        "minutes between checkpoints of a training, beside those by epochs; 0: none by time; not "
        "part of any result",
        "what a kill can cost at most",
        ge=0,
    )
    compile: bool = key(
        True,
        "whether trainings on a GPU compile their network (torch.compile); where that is not "
        "possible, a warning says why; not part of any result",
        "nnU-Net's",
    )
    monai: Monai = section(Monai)  # type: ignore[valid-type]
    nnunet: Nnunet = section(Nnunet)


class Detection(Keys):
    """Lesions and their matching."""

    connectivity: Literal[6, 18, 26] = key(
        26, "6 (faces), 18 (and edges) or 26 (and corners): what makes one lesion"
    )
    minimum_lesion_voxels: Count = key(
        1,
        "smaller predicted lesions count as liver; references are never filtered",
        "none is left out",
    )
    matching: Annotated[list[MatchingRule], *UNIQUE] = key(
        ["any_overlap", "iou_0.1", "iou_0.5", "one_to_one", "lits"],
        "rules that say which lesions match, any of `any_overlap`, `iou_<threshold>` (0.1, 0.5, "
        "...), `one_to_one`, `lits` (docs/methods.md); the first is that of table 3 and of the "
        "column `matched`",
        "all five in one run; `any_overlap` is the article's",
    )
    surface_tolerance_mm: float = key(
        2,
        "distance up to which the normalised surface Dice takes surfaces as the same, mm",
        "",
        ge=0,
    )
    bootstrap_draws: Draws = key(
        1000, "draws of patients for the intervals of detection scores, from 100"
    )


class RadiomicsSettings(Keys):
    """PyRadiomics' settings, by its own names, as far as they concern the original image."""

    resampledPixelSpacing: (  # noqa: N815
        Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=3, max_length=3)] | None
    ) = key(
        [1, 1, 1],
        "voxel (x, y, z) in mm that CT and mask are resampled to; null: none",
        "the article's; an axis in which a mask spans one slice stays as it is",
    )
    interpolator: Annotated[str, StringConstraints(pattern="^sitk[A-Z]")] = key(
        "sitkBSpline",
        "ITK's interpolator of the CT (`sitkBSpline`, `sitkLinear`, ...); masks take the nearest "
        "voxel",
        "PyRadiomics' own and the article's",
    )
    padDistance: int = key(  # noqa: N815
        5,
        "voxels around the mask's box that are resampled with it",
        "PyRadiomics' own; without filters no feature depends on it",
        ge=0,
    )
    normalize: bool = key(
        False, "whether the CT's values are standardised first", "HU mean the same in every CT"
    )
    resegmentRange: (  # noqa: N815
        Annotated[list[float], Field(min_length=1, max_length=2)] | None
    ) = key(
        None,
        "null (none), or [lowest, highest] value, or [lowest], of the voxels that stay in the mask",
        "the article's: a range in HU leaves out fat, gas or calcification of a lesion too",
    )
    resegmentMode: Literal["absolute", "relative", "sigma"] = key(  # noqa: N815
        "absolute",
        "what the range is in: `absolute` (HU), `relative` (shares of the mask's maximum), `sigma` "
        "(standard deviations around its mean)",
        "of no effect without a range",
    )
    resegmentShape: bool = key(  # noqa: N815
        False,
        "whether shape features are of the resegmented mask too",
        "PyRadiomics' own; of no effect without a range",
    )
    binWidth: Rate = key(  # noqa: N815
        25,
        "width of the grey levels' bins in HU, edges at its multiples",
        "PyRadiomics' own and the article's: the width keeps a bin's meaning from lesion to lesion",
    )
    binCount: Count | None = key(  # noqa: N815
        None, "number of bins, which then stands for their width; or null"
    )
    force2D: bool = key(  # noqa: N815
        False, "whether texture is taken slice by slice", "voxels are cubes of 1 mm"
    )
    voxelArrayShift: int = key(  # noqa: N815
        0,
        "added to HU before Energy, TotalEnergy and RootMeanSquared square them",
        "PyRadiomics' own",
    )
    normalizeScale: Rate = key(NOT_SET, "factor of standardised values")  # noqa: N815
    removeOutliers: Rate | None = key(  # noqa: N815
        NOT_SET, "standard deviations beyond which standardised values are clipped, or null"
    )
    force2Ddimension: Annotated[int, Field(ge=0, le=2)] = key(  # noqa: N815
        NOT_SET, "axis of the slices (0: z), with `force2D`"
    )
    minimumROIDimensions: Annotated[int, Field(ge=1, le=3)] = key(  # noqa: N815
        NOT_SET, "dimensions that a mask needs at least"
    )
    minimumROISize: Count | None = key(  # noqa: N815
        NOT_SET, "voxels that a mask needs at least, or null"
    )
    distances: Annotated[list[Count], Field(min_length=1)] = key(
        NOT_SET, "distances of neighbours in GLCM, GLDM and NGTDM, voxels"
    )
    symmetricalGLCM: bool = key(NOT_SET, "whether the GLCM is symmetrical")  # noqa: N815
    weightingNorm: Literal["euclidean", "manhattan", "infinity", "no_weighting", None] = key(  # noqa: N815
        NOT_SET, "norm that weighs GLCM and GLRLM by distance, or null"
    )
    gldm_a: Annotated[int, Field(ge=0)] = key(NOT_SET, "cutoff of dependence in the GLDM")


class LesionRules(Keys):
    """How a lesion by itself is measured; the union of lesions is always PyRadiomics' own."""

    grid: GridName = key(
        Grid.CENTRE.value,
        "the grid that a lesion is resampled to: `corner`, PyRadiomics', or `centre`, IBSI's, with "
        "its rules for masks and rounding, which needs `sitkBSpline` and no `normalize`",
        "features no longer hang on the corner that a file is stored from; "
        "docs/decisions/resampling-grid.md has what was measured",
    )
    one_slice: OneSliceName = key(
        OneSlice.RESAMPLED.value,
        "what is done with a lesion of one slice, which PyRadiomics leaves thick: `resampled` like "
        "all others, `left_out` (no features; it counts in number and burden) or `as_measured`",
        "one voxel size for all lesions, and their sums are the union's again; a lesion of two "
        "thick slices is resampled too",
    )
    texture_minimum_voxels: Count = key(
        64,
        "resampled voxels that a lesion needs to have texture; 1: none",
        "LIFEx computes none below 64; at 1 mm a sphere of 5 mm",
    )


class Perturbations(Keys):
    """Masks with a moved contour, of each training series, for the ICC of features between them."""

    count: Annotated[int, Field(ge=0), AfterValidator(_not_one)] = key(
        5,
        "masks of each training series: from 2, or 0 for none",
        "each costs as much as the features of a union",
    )
    contour_sd_mm: float = key(
        1,
        "standard deviation of the contour's displacement, mm",
        "two masks so moved lie 1.1 mm apart on average; the page shows the final model's own "
        "distance from the reference beside it",
        ge=0,
    )
    correlation_mm: Rate = key(
        5,
        "distance over which the contour moves together, mm: the correlation is 0.61 at it and "
        "0.14 at twice it",
        "a displacement changes sign about every 16 mm",
    )


class Radiomics(Keys):
    """Features of lesions."""

    per_lesion: bool = key(
        True,
        "whether each lesion's features are computed beside those of the union, and the cohort's "
        "tables by other aggregations of them (docs/methods.md)",
        "the article needs the union alone",
    )
    settings: RadiomicsSettings = section(RadiomicsSettings)
    lesions: LesionRules = section(LesionRules)
    perturbations: Perturbations = section(Perturbations)


class Permutations(Keys):
    """Permutation test of the whole corrected procedure."""

    count: int = key(200, "permutations, each with every classifier, 1 to 1000", ge=1, le=1000)
    deals: Count = key(
        3,
        "deals of folds whose mean AUC is the tested statistic, from 1",
        "one deal decides much; each costs as much again",
    )


class Harmonisation(Keys):
    """ComBat inside the corrected protocol's folds."""

    by: Literal["scanner", "thickness", None] = key(
        None,
        "`scanner` (manufacturer and model), `thickness`, or null: what features are harmonised "
        "by; needs DICOM series of the target cohort; a finished table that has the scans' spacing "
        "tells `thickness`",
        "with few patients it can do harm, and a batch's classes are mixed with its effect",
    )
    thin_up_to_mm: Rate = key(
        2.5, "by `thickness`: slices up to it are thin, those above it thick, mm", "docs/methods.md"
    )
    minimum_patients: int = key(
        10,
        "training patients that each batch needs beside every fold, from 2; fewer stop the run",
        "combat.enigma's",
        ge=2,
    )


class Phenotype(Keys):
    """From features to the molecular class."""

    table: str | None = key(
        None,
        "a finished feature table in the authors' columns, with which the run then begins; or null",
    )
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")] = key(
        "NE", "name of the phenotype, which heads columns (NE_Score)"
    )
    positive_above: float = key(
        0.0,
        "the class is positive above this score; a finished table has its own classes, which have "
        "to begin above it",
        "the article's",
    )
    aggregation: AggregationName = key(
        Aggregation.VOLUME_WEIGHTED_MEAN.value,
        "what the corrected protocol's features of a scan are: of the `union` of its lesions, of "
        "its `largest` one, the `volume_weighted_mean` over them or their `sum` "
        "(docs/methods.md). The published protocol always takes the union; a finished table is "
        "taken as it is. All but `union` need `radiomics.per_lesion`",
        "the union's shape measures how far lesions lie apart; here every lesion counts, and a "
        "scan with one lesion has the union's values",
    )
    protocols: Annotated[list[ProtocolName], *UNIQUE] = key(
        [protocol.value for protocol in Protocol],
        "`published`, `corrected` or both",
        "both, so that the difference shows",
    )
    weightings: Annotated[list[WeightingName], *UNIQUE, AfterValidator(_unweighted_too)] = key(
        [*WEIGHTINGS],
        "class weights: `none` (always), `balanced`, `auc`, `f1`; under `corrected` they are "
        "compared in cross-validation, and the unweighted models stand for choice",
        "all",
    )
    lasso_alpha: Rate = key(0.35, "the published protocol's alpha", "the article's")
    feature_transform: TransformName = key(
        Transform.NONE.value,
        "what the corrected protocol does with features inside each fold before it standardises "
        "them: `none`, `log` (sign(x) log(1 + |x|)) or `yeo_johnson`",
        "which one classifies better was not measured; 47 of the article's 108 features have a "
        "skewness beyond 2",
    )
    redundancy: RedundancyName = key(
        Redundancy.LEAST_ALIKE.value,
        "which of two features that say nearly the same stays: the `least_alike` to all others, or "
        "the `most_reproducible` between series of one study of the fold's training rows",
        "many studies have one series, and then nothing tells how reproducible a feature is",
    )
    lasso_target: Literal["score", "class"] = key(
        "score",
        "`score` or `class`: what the corrected protocol's LASSO predicts; the published one takes "
        "the score",
        "as the article",
    )
    published_weights: Literal["printed", "searched"] = key(
        "printed",
        "`printed`: the article's weights for `auc` and `f1`; `searched`: its search again; of the "
        "published protocol alone",
        "those found for LR change with the CPU's linear algebra kernel",
    )
    printed_values: str | None = key(
        None,
        "file of an article's printed numbers to set the run's beside "
        "(`config/published_values.yaml`), or null",
        "config/published.yaml names it",
    )
    trees: Count = key(1000, "trees of the random forest", "the article's")
    bootstrap_draws: Draws = key(1000, "draws of every interval, from 100", "the article's")
    repeats: Count = key(
        10,
        "repeats of the nested cross-validation over all patients, from 1",
        "folds dealt once say little with few patients",
    )
    deals: Count = key(
        20,
        "deals of the training patients into folds, from 1; the corrected protocol's model is "
        "chosen by the mean AUC over them, which is the cross-validated AUC that is reported",
        "one deal decides much: removing one series may change the model",
    )
    permutations: Permutations = section(Permutations)
    assumed_auc: float = key(
        0.7,
        "C-statistic that the sample size is planned for, between 0.5 and 1",
        "what the article's model reached, rounded down",
        gt=0.5,
        lt=1,
    )
    harmonisation: Harmonisation = section(Harmonisation)
    compare_with_reference: bool = key(
        False,
        "whether the phenotype stage runs on the references' masks too, beside the predicted ones",
        "most studies have references of few scans; the demo compares",
    )
    single_fold_masks: bool = key(
        True,
        "whether each fold of a final model in folds segments the test series alone too, so that "
        "the report tells what it changes that training series are measured in one network's masks "
        "and test series in five's",
        "docs/decisions/single-fold-masks.md; it takes the predictions of these series once more, "
        "and their features once a fold",
    )
    null_cohorts: int = key(
        0,
        "cohorts without any relation to find that both protocols run on: so many of the run's own "
        "features with labels exchanged between patients, and so many phantoms",
        "config/published.yaml has some",
        ge=0,
    )
    specifications: Literal["all", "neighbours", "none"] = key(
        "all",
        "procedures of the specification curve: `all`, 144 for each kind of features (three "
        "classifiers, two targets, three transforms, with and without volume, four ways to take "
        "series); `neighbours`, those that differ from the run's own in one choice; or `none`",
        "with features of single lesions a run of scans has four kinds, 576; all of the authors' "
        "table take 67 s of CPU",
    )


class Viewer(Keys):
    """Pages on which series are scrolled through."""

    series: Literal["all", "target", "none"] = key(
        "all",
        "which series get a page with CT, reference and predictions: `all`, `target` (those of the "
        "target cohort), `none`",
        "a page takes seconds, and 4 MB at most",
    )


class Export(Keys):
    """Results as DICOM, for a PACS."""

    dicom: ExportedAsName = key(
        ExportedAs.NONE.value,
        "whether the final model's results are written as DICOM SEG and structured report, for "
        "each series that came from DICOM: `none`; `as_given`, with the patient's identifiers and "
        "the UIDs of the files that ingestion read; `pseudonyms`, with the sheet's pseudonym and "
        "date, and UIDs made with `export.secret`",
        "a SEG is shown on its scan by the scan's own UIDs, which identify it: nothing that does "
        "is written unasked; docs/how-to/pacs.md",
    )
    secret: FilePath | None = key(
        None,
        "file of the secret that `livermet sheet` made the study's pseudonyms with, outside of the "
        "project; with `pseudonyms` alone, or null",
    )


class Config(Keys):
    """The whole config."""

    run: Name = key("study", "name of the run; its results lie in `results/<run>`")
    data_root: FilePath = key("data", "folder that relative paths of the sheet of series begin at")
    sheets: Sheets = section(Sheets)
    ledger: FilePath = key("config/study/ledger", "the ledger's folder")
    seed: int = key(
        20250319,
        "whole number from 0; of the split, the training and, under `corrected`, inner folds, "
        "forests, bootstrap, repeats and permutations",
        "any number: what counts is that it stays",
        ge=0,
    )
    allow_training: bool = key(
        False,
        "whether networks that have been trained before may be trained again; "
        "`LIVERMET_ALLOW_TRAINING=1` in the environment does the same for one run",
        "weeks of GPU time hang on it",
    )
    cohorts: Cohorts = section(Cohorts)
    split: Split = section(Split)
    matching: Matching = section(Matching)
    molecular: Molecular = section(Molecular)
    training_sets: TrainingSets = section(TrainingSets)
    ingest: Ingest = section(Ingest)
    reference_labels: ReferenceLabels = section(ReferenceLabels)
    segmentation: Segmentation = section(Segmentation)
    detection: Detection = section(Detection)
    radiomics: Radiomics = section(Radiomics)
    phenotype: Phenotype = section(Phenotype)
    viewer: Viewer = section(Viewer)
    export: Export = section(Export)


def missing_keys(given: Any, section: Keys, prefix: str = "") -> list[str]:
    """Name the keys that a whole config lacks; `section` has the defaults."""
    missing = []
    for name in type(section).model_fields:
        default = getattr(section, name)
        if default is NOT_SET or not isinstance(given, dict):
            continue
        if name not in given:
            missing.append(f"{prefix}{name}")
        elif isinstance(default, Keys):
            missing += missing_keys(given[name], default, f"{prefix}{name}.")
    return missing
