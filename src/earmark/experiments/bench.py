"""What a worker does with a job: take the features from the store, run the trial, write the result."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from earmark.core.errors import ConfigError, EarmarkError
from earmark.experiments.grid import canonical_positions
from earmark.experiments.results import ResultsStore
from earmark.experiments.targets import target_view
from earmark.experiments.trial import run_trial
from earmark.experiments.zero_shot import scores_model
from earmark.features.store import default_store
from earmark.models import table
from earmark.training.material import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset
    from earmark.experiments.plan import ExperimentConfig, ModelPlan
    from earmark.experiments.trial import Job, Trial
    from earmark.training.material import Material

OutcomeKind = Literal["done", "failed", "refused"]


@dataclass(frozen=True, eq=False)
class Work:
    """Everything that the trials of an experiment share; sent to each worker once.

    Attributes:
        config: The plan.
        dataset: The clips.
        folder: The results folder.
        recipes: The recipes that the plan names; a worker may not have registered them.
        frontends: Their frontends.
    """

    config: ExperimentConfig
    dataset: Dataset
    folder: Path
    recipes: dict[str, Any]
    frontends: dict[str, Any]

    @classmethod
    def of(cls, config: ExperimentConfig, dataset: Dataset, folder: Path) -> Work:
        """Return the work of a plan.

        Raises:
            ConfigError: A recipe of the plan cannot be sent to another process.
        """
        recipes = {model.recipe: model.found_recipe() for model in config.models}
        frontends = {recipe.frontend: table.FRONTENDS[recipe.frontend] for recipe in recipes.values()}
        for name, recipe in recipes.items():
            try:
                pickle.dumps((recipe, frontends[recipe.frontend]))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise ConfigError(
                    f'recipe "{name}" cannot be sent to a worker process ({error}); name its classifier and frontend '
                    'as "module:name", or define them at the top of a module'
                ) from error
        return cls(config, dataset, folder, recipes, frontends)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a job; "refused" means that results cannot be written, so that going on is useless."""

    job: Job
    kind: OutcomeKind
    message: str = ""


class Bench:
    """Runs jobs of one experiment in this process."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._results = ResultsStore(work.folder)
        self._positions = canonical_positions(work.dataset)
        self._models = {model.title: model for model in work.config.models}
        self._materials: dict[str, Material] = {}
        self._views: dict[str, Dataset] = {}
        # by title and whether untrained; building a frontend to name its features can take as long as a trial
        self._names: dict[tuple[str, bool], str] = {}
        for name, build in work.frontends.items():
            table.FRONTENDS.setdefault(name, build)
        for name, recipe in work.recipes.items():
            table.RECIPES.setdefault(name, recipe)

    def do(self, job: Job) -> Outcome:
        """Run a trial and keep its result, unless another process has done so meanwhile."""
        if self._results.is_done(job.trial.key):
            return Outcome(job, "done")
        model = model_of(self._models[job.trial.model], job.trial)
        try:
            result = run_trial(job, self._material(model, job.trial), model.training_options(self._work.config.seed))
        except EarmarkError as error:
            return Outcome(job, "failed", str(error))
        except Exception as error:  # whatever a model of a third party does, the other trials go on
            return Outcome(job, "failed", f"{type(error).__name__}: {error}")
        try:
            self._results.save(result, self._positions)
        except EarmarkError as error:
            return Outcome(job, "refused", str(error))
        return Outcome(job, "done")

    def _material(self, model: ModelPlan, trial: Trial) -> Material:
        place = trial.model, trial.is_zero_shot
        if place not in self._names:
            self._names[place] = material_name(model)
        name = self._names[place]
        if name not in self._materials:
            self._materials[name] = find_material(self._work.config, model, self._work.dataset)
        if trial.target not in self._views:
            self._views[trial.target] = target_view(self._work.dataset, trial.target)
        return replace(self._materials[name], dataset=self._views[trial.target])


def model_of(model: ModelPlan, trial: Trial) -> ModelPlan:
    """Return the model as it takes part in a trial: with its encoder's class scores where it is not trained."""
    return scores_model(model) if trial.is_zero_shot else model


def material_name(model: ModelPlan) -> str:
    """Return what models that train on the same features have in common."""
    recipe = model.found_recipe()
    frontend = table.build_frontend(recipe.frontend, recipe.frontend_options | model.frontend)
    return f"{frontend.spec.fingerprint} {model.augmentation if model.copies else ''} {model.copies}"


def find_material(
    config: ExperimentConfig, model: ModelPlan, dataset: Dataset, *, progress: Progress | None = None, workers: int = 1
) -> Material:
    """Return the features of a model, computed or mapped from the feature store.

    Raises:
        AudioError: Clips cannot be read.
        ModelError: The frontend's weights are missing.
        StoreError: The feature store cannot be read or written.
    """
    from earmark.core.progress import SILENT

    options = model.training_options(config.seed, workers)
    return prepare(dataset, options, store=default_store(), progress=progress or SILENT)
