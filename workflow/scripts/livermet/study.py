"""A study, read once from its config, sheets and ledger: who is where, and which file is whose.

Rules ask a `Study` which patients are held out, how a series is predicted, what a batch holds, and
where a result lies. Paths are relative to the folder that the run's `results` are in. Nothing here
reads a volume or a result.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from livermet.cohort.assays import Scores, scores_of, told, without_files
from livermet.cohort.from_expression import missing_tables, read_measures, wrong_samples
from livermet.cohort.matching import (
    TREATMENT,
    match_samples,
    study_names,
    unusable_for_classes,
    wrong_treatments,
)
from livermet.errors import InputError, stop_on
from livermet.ledger.scores import changed_settings, lacking_scores, with_frozen_scores
from livermet.ledger.tables import Ledger, empty_ledger, lacking, read_ledger, unusable_sets
from livermet.models import lineage, networks_of, training_role
from livermet.monai.settings import VALIDATION_FOLD
from livermet.pack.layout import (
    CHECKPOINT,
    DESCRIPTION,
    MANIFEST,
    PHENOTYPE,
    PLAN,
    RECORD,
    SEGMENTATION,
    WEIGHTS,
)
from livermet.phenotype.table import read_feature_table
from livermet.provenance.leakage import audit_roles, leaks
from livermet.radiomics.aggregation import features_file
from livermet.sheets import (
    by_series,
    check_molecular,
    check_series,
    missing_sheets,
    near_patients,
    read_molecular,
    read_phantoms,
    read_series,
    samples_of,
)
from livermet.sources import (
    kind_of,
    link_of,
    link_of_model,
    located,
    make_link,
    problems_of_sources,
    values_beside,
)
from livermet.vocabulary import Aggregation, ExportedAs, Protocol
from livermet.withdrawal import left_behind

# Models in folds: the network of a fold can score the patients that it has not seen.
FOLDED_MODELS = networks_of("nnunet")
# Why a series has no class: `EXCLUSIONS` of the matching, those that a sample would end.
WITHOUT_SAMPLE = ("no_sample", "outside_window", "other_treatment")
# Keys of the config that are no part of a result: places on this machine, and leave to train.
NO_RESULT = ("data_root", "sheets", "ledger", "allow_training")


@dataclass(frozen=True, eq=False)
class Study:
    """A study's config and tables, and what follows from them.

    `series` is indexed by series; `molecular` and `phantoms` are None where a study has no such
    sheet. A study that begins with a finished feature table has no series and an empty ledger.
    `notes` tell what was read of the sheets although it is written otherwise.
    """

    config: Mapping[str, Any]
    series: pd.DataFrame
    molecular: pd.DataFrame | None
    phantoms: pd.DataFrame | None
    ledger: Ledger
    notes: tuple[str, ...] = ()

    # The run.

    @cached_property
    def run(self) -> str:
        """The folder of the run's results."""
        return f"results/{self.config['run']}"

    @cached_property
    def target(self) -> str:
        """The name of the cohort with molecular results."""
        return self.config["cohorts"]["target"]

    @cached_property
    def folds(self) -> list[int]:
        """The numbers of the folds."""
        return list(range(self.config["split"]["folds"]))

    @cached_property
    def from_table(self) -> bool:
        """Whether the study begins with a finished feature table."""
        return bool(self.config["phenotype"]["table"])

    @cached_property
    def from_reference(self) -> bool:
        """Whether the study begins with scans and given masks."""
        return not self.from_table and self.config["segmentation"]["source"] == "reference"

    @cached_property
    def is_packed(self) -> bool:
        """Whether the run trains nothing, and predicts new patients by a packed model."""
        return bool(self.config["segmentation"]["packed"])

    @cached_property
    def models(self) -> list[str]:
        """The segmentation models that the run predicts by."""
        given = self.from_table or self.from_reference
        return [] if given else self.config["segmentation"]["models"]

    @cached_property
    def trained_models(self) -> list[str]:
        """The segmentation models that the run trains: all of them, but for a packed one."""
        return [] if self.is_packed else self.models

    @cached_property
    def final_model(self) -> str | None:
        """The model whose masks the phenotype is learnt from; None where masks are given."""
        return self.config["segmentation"]["final_model"] if self.models else None

    @cached_property
    def phenotype_mask(self) -> str:
        """The mask that the phenotype is learnt from: a model's, 'reference' or 'table'."""
        return "table" if self.from_table else self.final_model or "reference"

    @cached_property
    def is_compared(self) -> bool:
        """Whether predicted masks' phenotype has that of the reference masks beside it."""
        return bool(self.models) and self.config["phenotype"]["compare_with_reference"]

    @cached_property
    def saves_probabilities(self) -> bool:
        """Whether models save the probability of a lesion."""
        return bool(self.models) and self.config["segmentation"]["lesion_probability"]

    @cached_property
    def aggregation(self) -> str:
        """What the corrected protocol's features are of; the published one's are of the union."""
        if self.from_table:
            return Aggregation.TABLE.value
        phenotype = self.config["phenotype"]
        by_lesion = Protocol.CORRECTED in phenotype["protocols"]
        return phenotype["aggregation"] if by_lesion else Aggregation.UNION.value

    @cached_property
    def is_by_lesion(self) -> bool:
        """Whether the corrected protocol's features come of single lesions."""
        return self.aggregation not in (Aggregation.TABLE, Aggregation.UNION)

    @cached_property
    def harmonisation(self) -> str | list[str]:
        """The table of batches that features are harmonised by; empty where they are not."""
        by = self.config["phenotype"]["harmonisation"]["by"]
        return f"{self.run}/phenotype/harmonisation.tsv" if by else []

    def harmonised_by(self, protocol: str) -> str | list[str]:
        """Return the table of batches that a protocol harmonises features by: the corrected one."""
        return self.harmonisation if protocol == Protocol.CORRECTED else []

    def patients_a_batch(self, protocol: str) -> int | None:
        """Return the patients that each batch needs, where a protocol harmonises by batches."""
        needed = self.config["phenotype"]["harmonisation"]["minimum_patients"]
        return needed if self.harmonised_by(protocol) else None

    def settings(self) -> dict:
        """Return the config without what is no part of a result, or what jobs may take."""
        kept = {key: value for key, value in self.config.items() if key not in NO_RESULT}
        kept["molecular"] = without_files(self.config["molecular"])
        segmentation = self.config["segmentation"]
        networks = {
            key: {name: setting for name, setting in segmentation[key].items() if name != "jobs"}
            for key in ("monai", "nnunet")
            if key in segmentation
        }
        if "nnunet" in networks:
            # Where they lie is nobody's business; their checksums are in model.json.
            networks["nnunet"]["pretrained"] = bool(networks["nnunet"]["pretrained"])
        return kept | {
            "segmentation": segmentation | networks | {"packed": self.is_packed},
            "export": {**self.config["export"], "secret": bool(self.config["export"]["secret"])},
            "phenotype": {**self.config["phenotype"], "table": self.from_table},
        }

    # Series and patients.

    @cached_property
    def rows(self) -> dict[str, dict]:
        """What the sheet says of each series; a dictionary is asked faster than a table."""
        return self.series.to_dict("index")

    @cached_property
    def patients(self) -> dict[str, str]:
        """The patient of each series, of withdrawn ones too that networks are trained on."""
        known = dict(zip(self.series.index, self.series["patient"], strict=True))
        for name in self.needed_training_sets():
            known |= self.ledger.training_sets[name]
        return known

    @cached_property
    def places(self) -> dict[str, str]:
        """The place of each patient: 'test' or the number of a fold."""
        return self.ledger.places

    def place(self, series: str) -> str:
        """Return the place of a series' patient."""
        return self.places[self.patients[series]]

    @cached_property
    def target_series(self) -> list[str]:
        """The series of the target cohort, in the sheet's order."""
        return list(self.series.index[self.series["cohort"] == self.target])

    @cached_property
    def series_to_segment(self) -> list[str]:
        """The series that come with a reference or a liver mask."""
        return [name for name, row in self.rows.items() if row["reference"] or row["liver_mask"]]

    def lesion_free_series(self) -> list[str]:
        """List the series without lesions by the radiology report."""
        return list(self.series.index[self.series["lesions_read"] == "absent"])

    def lesions_read(self) -> dict[str, str]:
        """Return the radiology report's word on the lesions of every series."""
        return {name: row["lesions_read"] for name, row in self.rows.items()}

    def has_reference(self, series: str) -> bool:
        """Tell whether a human has segmented a series' lesions."""
        return bool(self.rows[series]["reference"])

    def kind_of_source(self, series: str) -> str:
        """Say how a series is stored: 'dicom' (a folder) or 'volume' (a file)."""
        return kind_of(self._located(series, "image"))

    def source(self, series: str, column: str = "image") -> str | None:
        """Return the path by which a series' image, reference or liver mask enters the workflow.

        It is a link of the project's own (`livermet.sources`), and of a phantom, which a rule makes
        there, the path itself; None where the series has none.
        """
        if not self.rows[series][column]:
            return None
        path = self._located(series, column)
        return path if self._is_phantom(series) else self._link(series, column)[0]

    def sources(self, names: Iterable[str], column: str) -> list[str]:
        """List the references or liver masks of those series that have one."""
        return [path for name in names if (path := self.source(name, column))]

    def values_of_source(self, series: str, column: str = "image") -> list[str]:
        """List the files beside a source that hold its values, where it is a header alone."""
        path = self.source(series, column)
        if path is None or self._is_phantom(series):
            return []
        return [str(Path(path).with_name(name)) for name in self._values(series, column)]

    def values_of_sources(self, names: Iterable[str], column: str) -> list[str]:
        """List the files beside the references or liver masks of some series, as for one."""
        return [path for name in names for path in self.values_of_source(name, column)]

    def link_sources(self) -> None:
        """Make the links by which sources enter the workflow, or let them lead where they should.

        They are for this machine alone, and lie beside what else is kept for it.
        """
        if self.is_packed:
            make_link(link_of_model(self.config["run"]), self.config["segmentation"]["packed"])
        for series, row in self.rows.items():
            for column in ("image", "reference", "liver_mask"):
                if row[column] and not self._is_phantom(series):
                    path = self._located(series, column)
                    _, link = self._link(series, column)
                    folder = link.endswith(".folder")
                    make_link(link, str(Path(path).parent) if folder else path)

    def _is_phantom(self, series: str) -> bool:
        return self.phantoms is not None and series in self.phantoms.index

    def _located(self, series: str, column: str) -> str:
        return self._once("path", series, column, self._find)

    def _link(self, series: str, column: str) -> tuple[str, str]:
        return self._once("link", series, column, self._find_link)

    def _values(self, series: str, column: str) -> list[str]:
        return self._once("values", series, column, self._find_values)

    def _once(self, what: str, series: str, column: str, find: Callable[[str, str], Any]) -> Any:
        # A disk is slow to ask, and rules ask often.
        key = what, series, column
        if key not in self._found:
            self._found[key] = find(series, column)
        return self._found[key]

    @cached_property
    def _found(self) -> dict[tuple[str, str, str], Any]:
        return {}

    def _find(self, series: str, column: str) -> str:
        name = self.rows[series][column]
        if self._is_phantom(series):
            return str(Path(self.config["data_root"]) / name)
        return located(name, self.config["data_root"])

    def _find_link(self, series: str, column: str) -> tuple[str, str]:
        return link_of(self.config["run"], series, column, self._located(series, column))

    def _find_values(self, series: str, column: str) -> list[str]:
        return values_beside(self._located(series, column))

    def cohorts_and_phases(self) -> dict[str, dict]:
        """Return the cohort and the phase of every series."""
        return {series: self.cohort_and_phase(series) for series in self.rows}

    def cohort_and_phase(self, series: str) -> dict:
        """Return the cohort and the phase of a series."""
        return {key: self.rows[series][key] for key in ("cohort", "phase")}

    def rows_to_match(self) -> list[dict]:
        """Return, of each series, what samples are matched by and the split is counted by."""
        columns = ["series", "patient", "study_date", "cohort", "reference", "lesions_read"]
        columns += [TREATMENT] if TREATMENT in self.series else []
        rows = self.series.reindex(columns=columns).astype({"study_date": str})
        # Where a reference lies decides nothing.
        given = rows["reference"].where(rows["reference"] == "", "yes")
        return rows.assign(reference=given).to_dict("records")

    def rows_to_place(self) -> list[dict]:
        """Return, of each series, whose it is, and whether it is in 'train' or 'test'."""
        rows = self.series[["series", "patient", "cohort"]]
        tested = rows["patient"].map(self.places).eq("test")
        return rows.assign(place=tested.map({True: "test", False: "train"})).to_dict("records")

    def matched(self, series: pd.DataFrame) -> pd.DataFrame:
        """Match each of some target series with its sample, and say who is excluded."""
        return match_samples(
            series,
            self.molecular,
            self.config["matching"]["window_days"],
            self.scores.positive_above,
            self.scores.thresholds,
            self.from_reference,
        )

    # Samples.

    @cached_property
    def scores(self) -> Scores:
        """How the scores of samples come about."""
        return scores_of(self.config)

    def score_files(self, key: str) -> list[str]:
        """List the files 'expression', 'reference' or 'aliases' of the assays that have one."""
        return [one.files[key] for one in self.scores.computed if key in one.files]

    def scores_told(self) -> dict:
        """Return what the job that scores samples has to know, apart from files."""
        return told(self.scores)

    def frozen_scores(self) -> list[str]:
        """List the ledger's table of the scores that are computed; none where all are given."""
        if not self.scores.computed:
            return []
        return [f"{self.config['ledger']}/scores/{self.scores.frozen_as}.tsv"]

    def rows_to_score(self) -> list[dict]:
        """Return the samples whose scores are computed, each with its place in the sheet."""
        assert self.molecular is not None, "only a study with samples scores some"
        rows = self.molecular[self.molecular["sample_type"].isin(self.scores.computed_types)]
        rows = rows.reindex(columns=["sample_type", "sample", "patient", "sample_date"])
        return rows.astype(str).reset_index(names="place").to_dict("records")

    # Phantoms.

    @cached_property
    def phantom_series(self) -> list[str]:
        """The series that rules make as phantoms, in the sheet's order."""
        return [name for name in self.rows if self._is_phantom(name)]

    def phantoms_of(self, kind: str) -> list[str]:
        """List the phantoms that are written as 'nifti' or as 'dicom'."""
        if self.phantoms is None:
            return []
        return list(self.phantoms.index[self.phantoms["kind"] == kind])

    def phantom(self, series: str) -> dict:
        """Return what a phantom shows and its header tells; patient and date are the study's."""
        assert self.phantoms is not None, "only a study of phantoms is asked for one"
        row = self.rows[series]
        study = {"patient": row["patient"], "study_date": f"{row['study_date']:%Y-%m-%d}"}
        return {**self.phantoms.loc[series].to_dict(), **study}

    # Batches.

    @cached_property
    def batches(self) -> dict[str, list[str]]:
        """The ledger's batches, with the series that the sheet still has."""
        found: dict[str, list[str]] = {}
        for series, batch in self.ledger.batches.itertuples(index=False):
            if series in self.rows:
                found.setdefault(batch, []).append(series)
        return found

    def batches_of(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Group series by the ledger's batches, without empty batches."""
        wanted = set(names)
        members = {
            batch: [name for name in series if name in wanted]
            for batch, series in self.batches.items()
        }
        return {batch: found for batch, found in members.items() if found}

    def pictures_of_batch(self, batch: str) -> dict[str, dict]:
        """Say of each series of a batch what its picture is drawn from."""
        segmented = set(self.series_to_segment)
        return {
            series: {"cts": True, "references": series in segmented}
            for series in self.batches[batch]
        }

    # The viewer.

    @cached_property
    def viewed_series(self) -> list[str]:
        """The series that get a page of the viewer, in the sheet's order."""
        wanted = self.config["viewer"]["series"]
        every = [] if self.from_table or wanted == "none" else list(self.rows)
        return [
            name for name in every if wanted == "all" or self.rows[name]["cohort"] == self.target
        ]

    @cached_property
    def viewed_batches(self) -> dict[str, list[str]]:
        """The batches of the series that get a page of the viewer."""
        return self.batches_of(self.viewed_series)

    def view(self, series: str) -> str:
        """Return the viewer's page of a series."""
        return f"{self.run}/viewer/series/{series}.html"

    def views_of_batch(self, batch: str) -> dict[str, dict]:
        """Say of each series of a batch what its page shows, and which inputs have a file of it."""
        segmented = set(self.series_to_segment)
        return {
            series: {
                **self.cohort_and_phase(series),
                "has_lesions": self.has_reference(series),
                "phantom": self._is_phantom(series),
                "kinds": (kinds := self._kinds_of(series)),
                "cts": True,
                "references": series in segmented,
                **{f"predictions_{model}": True for model in kinds},
                **{f"probabilities_{model}": self.saves_probabilities for model in kinds},
            }
            for series in self.viewed_batches[batch]
        }

    def inputs_of_views(self, batch: str) -> dict[str, list[str]]:
        """List what the pages of a batch are made of: volumes by series, detection by model."""
        rows = self.views_of_batch(batch)
        kinds = {model for row in rows.values() for model in row["kinds"]}
        models = [model for model in self.models if model in kinds]
        files = {
            "cts": [self.ct(series) for series in rows],
            "references": [self.reference(s) for s, row in rows.items() if row["references"]],
        }
        for model in models:
            predicted = [series for series, row in rows.items() if model in row["kinds"]]
            files[f"predictions_{model}"] = [self.prediction(model, s) for s in predicted]
            files[f"probabilities_{model}"] = self.probabilities(model, predicted)
        folders = [f"{self.run}/detection/{model}/batches" for model in models]
        for table in ("scans", "lesions", "groups"):
            files[table] = [f"{folder}/{batch}.{table}.tsv" for folder in folders]
        return files

    def _kinds_of(self, series: str) -> dict[str, str]:
        kinds = {model: self.prediction_kind(model, series) for model in self.models}
        return {model: kind for model, kind in kinds.items() if kind}

    # Results as DICOM.

    @cached_property
    def exported_model(self) -> str | None:
        """The model whose results are written as DICOM: the final one, or None."""
        is_wanted = self.config["export"]["dicom"] != ExportedAs.NONE
        return self.final_model if is_wanted else None

    @cached_property
    def exported_series(self) -> list[str]:
        """The predicted series that came from DICOM, in the sheet's order."""
        if not self.exported_model:
            return []
        every = self.predicted_series(self.exported_model)
        return [series for series in every if self.kind_of_source(series) == "dicom"]

    @cached_property
    def exported_batches(self) -> dict[str, list[str]]:
        """The batches of the series that are written as DICOM."""
        return self.batches_of(self.exported_series)

    def without_dicom(self) -> list[str]:
        """List the predicted series that did not come from DICOM, in the sheet's order."""
        if not self.exported_model:
            return []
        known = set(self.exported_series)
        return [name for name in self.predicted_series(self.exported_model) if name not in known]

    def exports_of_batch(self, batch: str) -> dict[str, dict]:
        """Say of each series of a batch whose it is and how it was predicted."""
        assert self.exported_model, "there are batches of an export alone"
        return {
            series: {
                "patient": self.patients[series],
                "study_date": f"{self.rows[series]['study_date']:%Y-%m-%d}",
                "kind": self.prediction_kind(self.exported_model, series),
                **dict.fromkeys(("sources", "cts", "predictions", "qualities"), True),
            }
            for series in self.exported_batches[batch]
        }

    # Training and prediction.

    def needed_training_sets(self) -> list[str]:
        """Name the training sets of the models that the run trains."""
        sets = self.config["training_sets"]
        roles = {training_role(name) for model in self.trained_models for name in lineage(model)}
        return [sets[role] for role in ("base", "finetuned") if role in roles]

    def training_set(self, name: str) -> list[str]:
        """List the series of a training set, those that have left the sheet included."""
        return list(self.ledger.training_sets[name])

    def trained_patients(self, model: str, fold: int | None = None) -> set[str]:
        """Name the patients that a model has seen, and the model that it was fine-tuned from.

        With a fold: those that the network of this fold has seen.
        """
        if model not in self.trained_models:
            # Of a packed model nobody here knows whom it has seen; new patients are none of them.
            return set()
        sets = self.config["training_sets"]
        names = {sets[training_role(name)] for name in lineage(model)}
        patients = {p for name in names for p in self.ledger.training_sets[name].values()}
        return {patient for patient in patients if self.places[patient] != str(fold)}

    @cached_property
    def seen(self) -> dict[str, set[str]]:
        """The patients that each model has seen, all folds together."""
        return {model: self.trained_patients(model) for model in self.models}

    def trained_by_final_model(self) -> list[str]:
        """List the series that the final model's weights were fitted on, all folds together."""
        if self.final_model not in self.trained_models:
            return []
        cases = self.training_set(self.config["training_sets"][training_role(self.final_model)])
        if self.final_model in FOLDED_MODELS:
            return cases
        return [series for series in cases if self.place(series) != str(VALIDATION_FOLD)]

    def planned_leaks(self) -> list[str]:
        """Say which patients the networks of this run would see that they are tested on."""
        networks = [
            (model, fold)
            for model in self.trained_models
            for fold in (self.folds if model in FOLDED_MODELS else [VALIDATION_FOLD])
        ]
        splits = self.ledger.splits
        return [
            sentence
            for model, fold in networks
            for sentence in leaks(
                audit_roles(
                    splits, "segmentation", model, str(fold), self.trained_patients(model, fold)
                )
            )
        ]

    def prediction_kind(self, model: str, series: str) -> str | None:
        """Say how a series is predicted: 'ensemble', 'out_of_fold', 'single', or None: not at all.

        MONAI's networks have one split, so that none of them can score its own patients.
        """
        seen = self.patients[series] in self.seen[model]
        if model in FOLDED_MODELS:
            return "out_of_fold" if seen else "ensemble"
        return None if seen else "single"

    def predicted_series(self, model: str) -> list[str]:
        """List the series that a model predicts, in the sheet's order."""
        return [series for series in self.rows if self.prediction_kind(model, series)]

    @cached_property
    def batches_of_models(self) -> dict[str, dict[str, list[str]]]:
        """The batches of the series that each model predicts."""
        return {model: self.batches_of(self.predicted_series(model)) for model in self.models}

    # Test series by each single fold, as training series are segmented.

    @cached_property
    def single_folds(self) -> dict[str, int]:
        """The folds of the final model that segment test series alone, by kind of prediction."""
        phenotype = self.config["phenotype"]
        asked = phenotype["single_fold_masks"] and Protocol.CORRECTED in phenotype["protocols"]
        by_fold = asked and self.final_model in FOLDED_MODELS and not self.is_packed
        return {f"fold_{fold}": fold for fold in self.folds} if by_fold else {}

    @cached_property
    def fold_masks(self) -> dict[str, str]:
        """The names of these masks, and the kind of prediction that each is."""
        return {f"{self.final_model}_{kind}": kind for kind in self.single_folds}

    @cached_property
    def fold_masked_series(self) -> list[str]:
        """The classified test series, which each single fold segments where it is asked to."""
        if not self.single_folds:
            return []
        included = self.included_series(self.phenotype_mask)
        return [series for series in included if self.place(series) == "test"]

    def kinds_in_folds(self, model: str) -> list[str]:
        """Name the kinds of prediction of a model in folds."""
        single = self.single_folds if model == self.final_model else {}
        return ["ensemble", "out_of_fold", *single]

    def folds_of_kind(self, model: str, kind: str, names: Iterable[str]) -> dict[str, list[int]]:
        """Say which folds predict those of some series that are predicted in a way.

        An ensemble is all folds; out of fold is the one that held the series' patient out.
        """
        if kind in self.single_folds:
            wanted = set(self.fold_masked_series)
            return {series: [self.single_folds[kind]] for series in names if series in wanted}
        of_kind = [series for series in names if self.prediction_kind(model, series) == kind]
        if kind == "ensemble":
            return dict.fromkeys(of_kind, self.folds)
        return {series: [int(self.place(series))] for series in of_kind}

    def prediction_of_kind(self, model: str, kind: str, series: str) -> str:
        """Return a model's prediction of a series in a way."""
        return f"{self.run}/predictions/{model}/{kind}/{series}.nii.gz"

    # A packed model, and the studies of new patients that it judges.

    def packed_checkpoint(self, fold: int) -> str:
        """Return the network of a fold of the packed nnU-Net model."""
        return self._of_packed(SEGMENTATION, CHECKPOINT.format(fold=fold))

    def packed_plan(self) -> dict[str, str]:
        """Return the plan and the description of the packed nnU-Net model."""
        files = {"plan": PLAN, "description": DESCRIPTION}
        return {name: self._of_packed(SEGMENTATION, file) for name, file in files.items()}

    def packed_weights(self) -> str:
        """Return the packed network of MONAI."""
        return self._of_packed(SEGMENTATION, WEIGHTS)

    def packed_manifest(self) -> str | list[str]:
        """Return what the packed model says of itself, where the run has one."""
        return self._of_packed(MANIFEST) if self.is_packed else []

    def packed_phenotype(self) -> list[str]:
        """List the files of the packed classifier; none where the run has none."""
        if not self.is_packed:
            return []
        folder = Path(self.config["segmentation"]["packed"], PHENOTYPE)
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return [self._of_packed(PHENOTYPE, name) for name in names]

    def packed_classifier(self) -> str | list[str]:
        """Return what the packed classifier says of itself, where the run has one."""
        return self._of_packed(PHENOTYPE, RECORD) if self.packed_phenotype() else []

    def _of_packed(self, *names: str) -> str:
        return "/".join((link_of_model(self.config["run"]), *names))

    @cached_property
    def studies(self) -> dict[str, list[str]]:
        """The series of each study of the target cohort, in the sheet's order."""
        target = self.series.loc[self.target_series]
        found: dict[str, list[str]] = {}
        for series, study in zip(target.index, study_names(target), strict=True):
            found.setdefault(study, []).append(series)
        return found

    @cached_property
    def unsampled(self) -> dict[str, str]:
        """The study of each target series that has a mask and no sample of its time.

        None where a run takes no features of scans, or has a packed model, which judges all series.
        """
        if self.from_table or self.is_packed:
            return {}
        target = self.series.loc[self.masked_series(self.phenotype_mask)]
        matched = self.matched(target)
        lacking = matched[matched["excluded_by"].isin(WITHOUT_SAMPLE)]
        return dict(zip(lacking["series"], lacking["study"], strict=True))

    def features_of_unsampled(self, table: str) -> list[str]:
        """List the tables of features of one kind, one a batch, of series without samples."""
        return self._features_of(self.unsampled, table)

    def patient_of_study(self, study: str) -> str:
        """Return the patient of a study."""
        return self.patients[self.studies[study][0]]

    def names_of_study(self, study: str) -> list[str]:
        """List the series of a study."""
        return self.studies[study]

    def series_of_study(self, study: str) -> dict[str, dict]:
        """Say of each series of a study what it is, and which inputs have a file of it."""
        has = dict.fromkeys(("acquisition", "cts", "predictions", "qualities"), True)
        return {series: {**self.cohort_and_phase(series), **has} for series in self.studies[study]}

    def records_of_study(self, study: str, kind: str) -> list[str]:
        """List a study's records of ingest of one kind."""
        return self.records_of_ingest(self.studies[study], kind)

    def cts_of_study(self, study: str) -> list[str]:
        """List the CTs of a study."""
        return [self.ct(series) for series in self.studies[study]]

    def predictions_of_study(self, study: str) -> list[str]:
        """List the final model's predictions of a study."""
        assert self.final_model is not None, "only a run with networks is asked for predictions"
        return [self.prediction(self.final_model, series) for series in self.studies[study]]

    def features_of_study(self, study: str, table: str) -> list[str]:
        """List the tables of features of one kind, one a batch, that hold a study's series."""
        return self._features_of(self.studies[study], table)

    def _features_of(self, names: Iterable[str], table: str) -> list[str]:
        folder = f"{self.run}/radiomics/{self.phenotype_mask}/batches"
        return [f"{folder}/{batch}.{table}.tsv" for batch in self.batches_of(names)]

    def views_of_study(self, study: str) -> list[str]:
        """List the viewer's pages of a study's series, where they get some."""
        return [self.view(series) for series in self._viewed_of(study)]

    def told_of_study(self, study: str, version: str, model: str) -> dict:
        """Return what the page of a study tells beside results; `model` is its name for readers."""
        views = {s: f"../viewer/series/{s}.html" for s in self._viewed_of(study)}
        told = {"run": self.config["run"], "version": version, "model": model}
        return {**told, "phantoms": False, "views": views}

    def _viewed_of(self, study: str) -> list[str]:
        return [series for series in self.studies[study] if series in self._viewed]

    @cached_property
    def _viewed(self) -> frozenset[str]:
        """A look for each study: a list of all series would be walked through each time."""
        return frozenset(self.viewed_series)

    # What is measured of masks.

    def masked_series(self, mask: str) -> list[str]:
        """List the target series that have a mask: all by a model, some by a human or one fold."""
        if mask in self.fold_masks:
            return self.fold_masked_series
        by_model = mask != "reference"
        return [series for series in self.target_series if by_model or self.has_reference(series)]

    @cached_property
    def batches_of_masks(self) -> dict[str, dict[str, list[str]]]:
        """The batches of the target series that have each mask."""
        masks = [*self.models, *self.fold_masks, "reference", "table"]
        return {mask: self.batches_of(self.masked_series(mask)) for mask in masks}

    def included_series(self, mask: str) -> list[str]:
        """List the target series that have a mask and that the matching includes."""
        matched = self.matched(self.series.loc[self.masked_series(mask)])
        return list(matched.loc[matched["included"], "series"])

    def reported_series(self) -> list[str]:
        """List the series whose burden the report needs: of given masks only features tell it."""
        if self.from_table:
            return []
        choose = self.included_series if self.from_reference else self.masked_series
        return choose(self.phenotype_mask)

    @cached_property
    def perturbed_series(self) -> list[str]:
        """The training series that classifiers see, whose masks are perturbed."""
        unlearnt = self.from_table or self.is_packed
        if unlearnt or not self.config["radiomics"]["perturbations"]["count"]:
            return []
        included = self.included_series(self.phenotype_mask)
        return [series for series in included if self.place(series) != "test"]

    @cached_property
    def perturbed_batches(self) -> dict[str, list[str]]:
        """The batches of the series whose masks are perturbed."""
        return self.batches_of(self.perturbed_series)

    # Where results lie.

    def ct(self, series: str) -> str:
        """Return the ingested CT of a series."""
        return f"{self.run}/series/{series}/ct.nii.gz"

    def reference(self, series: str) -> str:
        """Return the ingested reference of a series."""
        return f"{self.run}/series/{series}/reference.nii.gz"

    def records_of_ingest(self, names: Iterable[str], kind: str) -> list[str]:
        """List the records of ingest of one kind: 'acquisition', 'quality' or 'reference'."""
        return [f"{self.run}/series/{series}/{kind}.json" for series in names]

    def prediction(self, model: str, series: str) -> str:
        """Return a model's prediction of a series."""
        return f"{self.run}/predictions/{self._of_prediction(model, series)}"

    def probability(self, model: str, series: str) -> str:
        """Return a model's lesion probabilities of a series."""
        return f"{self.run}/probabilities/{self._of_prediction(model, series)}"

    def _of_prediction(self, model: str, series: str) -> str:
        return f"{model}/{self.prediction_kind(model, series)}/{series}.nii.gz"

    def probabilities(self, model: str, names: Iterable[str]) -> list[str]:
        """List a model's lesion probabilities of some series, where they are saved."""
        return [self.probability(model, s) for s in names] if self.saves_probabilities else []

    def label_map(self, mask: str, series: str) -> str:
        """Return the label map that radiomics of a series is taken from."""
        if mask in self.fold_masks:
            kind = self.fold_masks[mask]
            return self.prediction_of_kind(self.phenotype_mask, kind, series)
        return self.reference(series) if mask == "reference" else self.prediction(mask, series)

    def feature_table(self, mask: str, protocol: str) -> str:
        """Return the feature table of a mask that a protocol learns from."""
        by_lesion = self.is_by_lesion and protocol == Protocol.CORRECTED
        name = features_file(self.aggregation if by_lesion else Aggregation.UNION)
        return f"{self.run}/radiomics/{mask}/{name}"

    def detection_of_mask(self, mask: str, table: str) -> str | list[str]:
        """Return detection's table of a mask: of the reference it is the final model's.

        Empty where masks are given and nothing was detected.
        """
        model = self.final_model if mask == "reference" else mask
        return f"{self.run}/detection/{model}/{table}.tsv" if model in self.models else []

    def scans_of_batch(self, model: str, batch: str) -> dict[str, dict]:
        """Say how each series of a batch that a model predicts is scored."""
        return {
            series: {
                "kind": self.prediction_kind(model, series),
                "reference": self.has_reference(series),
            }
            for series in self.batches_of_models[model][batch]
        }

    def predictions_of_batch(self, model: str, batch: str) -> list[str]:
        """List a model's predictions of a batch."""
        return [self.prediction(model, series) for series in self.batches_of_models[model][batch]]

    def references_of_batch(self, model: str, batch: str) -> list[str]:
        """List the references of the series of a batch that a model predicts."""
        return [self.reference(series) for series in self._scored(model, batch)]

    def probabilities_of_batch(self, model: str, batch: str) -> list[str]:
        """List the lesion probabilities of a batch that can be scored, where they are saved."""
        return self.probabilities(model, self._scored(model, batch))

    def _scored(self, model: str, batch: str) -> list[str]:
        return [s for s in self.batches_of_models[model][batch] if self.has_reference(s)]

    def detection_by_batch(self, model: str, table: str) -> list[str]:
        """List a model's detection tables of one kind, one a batch."""
        folder = f"{self.run}/detection/{model}/batches"
        return [f"{folder}/{batch}.{table}.tsv" for batch in self.batches_of_models[model]]

    def features_by_batch(self, mask: str, table: str) -> list[str]:
        """List a mask's tables of features of one kind, one a batch."""
        folder = f"{self.run}/radiomics/{mask}/batches"
        return [f"{folder}/{batch}.{table}.tsv" for batch in self.batches_of_masks[mask]]

    # What stops a run before its first job.

    def problems(self) -> list[str]:
        """Say what is wrong with sheets and ledger, each held against the other."""
        needed = self.needed_training_sets()
        return [
            *self._wrong_treatments(),
            *lacking(self.series, self.ledger, needed),
            *unusable_sets(self.ledger, needed, len(self.folds)),
            *self._unusable_target(),
            *self._series_without_header(),
            *self._cases_without_liver(),
        ]

    def _wrong_treatments(self) -> list[str]:
        sheets = self.config["sheets"]
        if self.molecular is None:
            return []
        return wrong_treatments(self.series, self.molecular, sheets["series"], sheets["molecular"])

    def _unusable_target(self) -> list[str]:
        if self.is_packed:
            # Nothing is learnt of new patients.
            return []
        target = self.series.loc[self.target_series]
        segmented = target[target["reference"] != ""]
        found = self._unusable(segmented if self.from_reference else target)
        if found or not self.is_compared:
            return found
        return [
            f"Of the series with a reference alone (phenotype.compare_with_reference): {sentence}"
            for sentence in self._unusable(segmented)
        ]

    def _unusable(self, series: pd.DataFrame) -> list[str]:
        return unusable_for_classes(self.matched(series), self.places)

    def _series_without_header(self) -> list[str]:
        if not self.harmonisation or self.from_table:
            return []
        matched = self.matched(self.series.loc[self.target_series])
        included = matched.loc[matched["included"], "series"]
        by = self.config["phenotype"]["harmonisation"]["by"]
        return [
            f"Series '{name}': its image is a volume without a DICOM header, so that its "
            f"{by} is not known and its features cannot be harmonised; name a DICOM "
            "folder, or set phenotype.harmonisation.by to null."
            for name in included
            if self.kind_of_source(name) == "volume"
        ]

    def _cases_without_liver(self) -> list[str]:
        if not self.trained_models or self.config["reference_labels"]["liver"]:
            return []
        bare = self.series[(self.series["reference"] != "") & (self.series["liver_mask"] == "")]
        return [
            f"Series '{name}': its reference holds lesions only (reference_labels.liver is null), "
            "so that networks would learn, and scores count, its liver as background; name a "
            "liver_mask."
            for name in bare.index
        ]


def read_study(config: Mapping[str, Any], verify: bool = True) -> Study:
    """Read a study's sheets and ledger, or check the feature table that it begins with.

    `config` is whole and checked. With `verify` all is held against one another and against the
    files; without, what another process has verified is read again. Raises InputError that tells
    all that is wrong at once.
    """
    if verify:
        stop_on(_paths_with_braces(config))
    if config["phenotype"]["table"]:
        read_feature_table(config["phenotype"]["table"], config["phenotype"]["name"], complete=True)
        series = pd.DataFrame(columns=["patient", "cohort", "series"])
        return Study(config, series, None, None, empty_ledger())
    sheets = config["sheets"]
    phantoms = read_phantoms(sheets["phantoms"]) if sheets["phantoms"] else None
    if verify:
        return _checked_study(config, phantoms)
    scores, ledger = scores_of(config), read_ledger(config["ledger"], verify=False)
    samples = None
    if sheets["molecular"]:
        given = read_molecular(sheets["molecular"], scores.computed_types)
        samples = with_frozen_scores(given, ledger, scores)
    series = read_series(sheets["series"], config["cohorts"].values())
    return Study(config, series, samples, phantoms, ledger)


def _checked_study(config: Mapping[str, Any], phantoms: pd.DataFrame | None) -> Study:
    """Read a study; raise InputError that tells all that is wrong with sheets, files and ledger.

    A row that something is wrong with stops no other row's checks. What is counted over all rows is
    looked at when every row is right.
    """
    sheets = config["sheets"]
    stop_on(missing_sheets(sheets["series"], sheets["molecular"], config["data_root"]))
    series = check_series(sheets["series"], config["cohorts"].values())
    scores = scores_of(config)
    molecular = None
    if sheets["molecular"]:
        molecular = check_molecular(sheets["molecular"], scores.computed_types)
    made = [] if phantoms is None else phantoms.index
    raw = series.table[~series.table["series"].isin(made)]
    series.tell(problems_of_sources(raw, config["data_root"]))
    problems, notes = [*series.problems], [*series.notes]
    if molecular:
        problems += [*molecular.problems, *near_patients(series, molecular)]
        notes += molecular.notes
    try:
        ledger = read_ledger(config["ledger"])
    except InputError as error:
        stop_on([*problems, str(error)])
    study = Study(
        config,
        by_series(series),
        samples_of(molecular) if molecular else None,
        phantoms,
        ledger,
        tuple(notes),
    )
    study = replace(
        study, notes=(*study.notes, *left_behind(study.run, ledger, study.series.index))
    )
    if problems:
        stop_on([*problems, *lacking(study.series, ledger, study.needed_training_sets())])
    if molecular:
        study = replace(study, molecular=_scored(study, scores))
    stop_on(study.problems())
    stop_on(study.planned_leaks())
    return study


def _scored(study: Study, scores: Scores) -> pd.DataFrame:
    """Return a study's samples with the scores that its ledger has frozen.

    Raises InputError where samples, tables or settings are not those that scores were frozen for.
    """
    assert study.molecular is not None, "only a study with samples scores some"
    samples, sheet = study.molecular, study.config["sheets"]["molecular"]
    if scores.computed:
        stop_on(wrong_samples(samples, scores, sheet))
        stop_on(missing_tables(scores))
        stop_on(
            changed_settings(study.ledger, read_measures(scores), scores)
            + lacking_scores(study.ledger, samples, scores)
        )
    return with_frozen_scores(samples, study.ledger, scores)


def _paths_with_braces(config: Mapping[str, Any]) -> list[str]:
    """Name the keys of the config whose path Snakemake would take for a pattern."""
    paths = {f"sheets.{key}": path for key, path in config["sheets"].items()}
    paths |= {"ledger": config["ledger"], "phenotype.table": config["phenotype"]["table"]}
    paths["segmentation.nnunet.pretrained"] = config["segmentation"]["nnunet"]["pretrained"]
    if config["sheets"]["phantoms"]:
        # What rules write there; raw data enter by links, and may lie anywhere.
        paths["data_root"] = config["data_root"]
    return [
        f"The path of the config key {key} holds braces, which Snakemake takes for a wildcard; "
        "rename what it leads to."
        for key, path in paths.items()
        if path and {"{", "}"} & set(str(path))
    ]
