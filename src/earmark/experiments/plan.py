"""What an experiment compares: models x targets x training sizes x folds x seeds on one dataset, read from a file.

Paths in a plan are relative to the folder of the plan file, so a plan means the same from everywhere. Besides TOML a
plan may be the `plan.json` that every results folder holds, which repeats that experiment.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from earmark.core.config import Config, parse_config, read_toml
from earmark.core.errors import ConfigError, StoreError, did_you_mean
from earmark.core.files import read_json
from earmark.core.identity import fingerprint
from earmark.core.settings import settings
from earmark.data.options import LoadOptions
from earmark.evaluation.metrics import Metric
from earmark.experiments.zero_shot_keys import check_given, check_names
from earmark.models.aggregate import Aggregate
from earmark.models.table import find_recipe
from earmark.training.options import TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.models.base import Recipe

Size = int | Literal["all"]
ClassNames = tuple[str, ...]

JOURNAL_FILE = "plan.json"
NULL = "null"  # TOML has no word for none
DETECTION_METRIC = "roc_auc"  # does not depend on how rare the target is in the test set

# What decides how a plan is carried out or shown, but never a number in it.
_NOT_IN_FINGERPRINT = {"name", "metric", "workers", "results", "results_mirror", "executor", "plugins"}
# Keys that came later: left out where they are not used, so that plans from before keep their fingerprint.
_LATER = ("targets", "zero_shot")


class ModelPlan(Config):
    """One model of an experiment; in a plan either the bare name of a recipe or a table with these keys."""

    recipe: str = Field(description="Name in the table of recipes")
    name: str = Field(default="", description="What tables and figures call it (empty: the recipe)")
    frontend: dict[str, Any] = Field(default_factory=dict, description="Options of the recipe's frontend")
    classifier: dict[str, Any] = Field(default_factory=dict, description="Options of the recipe's classifier")
    aggregate: Aggregate = Field(default="mean", description="From the windows of a clip to the clip")
    augmentation: str = Field(default="none", description="Name in the table of augmentations")
    copies: int = Field(default=0, ge=0, le=50, description="Augmented copies of each training clip")

    @field_validator("frontend", "classifier")
    @classmethod
    def _unset(cls, options: dict[str, Any]) -> dict[str, Any]:
        return {key: None if value == NULL else value for key, value in options.items()}

    @property
    def title(self) -> str:
        """What tables and figures call it."""
        return self.name or self.recipe

    def found_recipe(self) -> Recipe:
        """Return its recipe. Raises ConfigError if no recipe has the name."""
        return find_recipe(self.recipe)

    def training_options(self, seed: int, workers: int = 1) -> TrainingOptions:
        """Return what `earmark.training` takes; `seed` is the experiment's."""
        mine = self.model_dump(exclude={"name"})
        return TrainingOptions.model_validate(mine | {"seed": seed, "workers": workers})


class ExperimentConfig(Config):
    """A plan; every field is a TOML key and a row in docs/experiment.md."""

    name: str = Field(min_length=1, description="Title of the report, and the results folder if none is given")
    dataset: str = Field(min_length=1, description="Named corpus, folder or manifest")
    group_by: str | None = Field(
        default=None, description="Column, parent, file or pattern that names each clip's group"
    )
    read: dict[str, Any] = Field(default_factory=dict, description="How the dataset is read, such as label_column")
    models: tuple[ModelPlan, ...] = Field(min_length=1, description="Recipe names, or tables with options")
    targets: tuple[str, ...] = Field(default=(), description="Labels to detect one at a time (empty: all at once)")
    training_sizes: tuple[Size, ...] = Field(
        default=("all",), min_length=1, description='Numbers of training clips, 0 for zero-shot, or "all"'
    )
    zero_shot: dict[str, ClassNames | dict[str, ClassNames]] = Field(
        default_factory=dict, description="The encoders' classes that stand for a target, for all models or for one"
    )
    folds: str = Field(default="grouped:5", description='"leave-one-group-out", "grouped:5" or "given"')
    allow_shared_groups: str = Field(default="", description="Why given folds may share groups (empty: they may not)")
    seeds: tuple[int, ...] = Field(
        default=(0,), min_length=1, description="Seeds of subsets and models: a list, or how many"
    )
    metric: str = Field(
        default="accuracy", description="What the report compares first (with targets the default is roc_auc)"
    )
    seed: int = Field(default_factory=lambda: settings().random_seed, ge=0, description="Seed of folds and copies")
    workers: int = Field(default_factory=lambda: settings().max_workers, ge=1, description="Processes")
    executor: str = Field(default="local", description="Where trials run")
    results: Path | None = Field(default=None, description="Results folder (none: results/<name>)")
    results_mirror: str = Field(
        default="", description="Address in object storage to share results at, or a name below EARMARK_RESULTS_URL"
    )
    plugins: tuple[str, ...] = Field(
        default=(), description="Modules to import first, which register recipes of your own"
    )

    @model_validator(mode="before")
    @classmethod
    def _measure_detection(cls, values: Any) -> Any:
        detects = isinstance(values, dict) and bool(values.get("targets")) and "metric" not in values
        return {**values, "metric": DETECTION_METRIC} if detects else values

    @field_validator("models", mode="before")
    @classmethod
    def _name_models(cls, models: Any) -> Any:
        if not isinstance(models, list | tuple):
            return models
        return tuple(_model(value, f"models[{number}]") for number, value in enumerate(models, start=1))

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_seeds(cls, seeds: Any) -> Any:
        return tuple(range(seeds)) if isinstance(seeds, int) and not isinstance(seeds, bool) else seeds

    @field_validator("zero_shot", mode="before")
    @classmethod
    def _list_classes(cls, given: Any) -> Any:
        return check_given(given)

    @field_validator("read")
    @classmethod
    def _check_read(cls, read: dict[str, Any]) -> dict[str, Any]:
        known = [part.name for part in dataclasses.fields(LoadOptions)]
        for key in read:
            if key not in known:
                raise ConfigError(f'read: key "{key}" is not known{did_you_mean(key, known)}')
        return read

    @field_validator("training_sizes")
    @classmethod
    def _order_sizes(cls, sizes: tuple[Size, ...]) -> tuple[Size, ...]:
        for size in sizes:
            if size != "all" and size < 0:
                raise ValueError(f'a training size is {size}; expected 0 (zero-shot) or more, or "all"')
        numbers: tuple[Size, ...] = tuple(sorted({size for size in sizes if size != "all"}))
        return (*numbers, "all") if "all" in sizes else numbers

    @model_validator(mode="after")
    def _check_together(self) -> ExperimentConfig:
        if len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds are {list(self.seeds)}; expected different numbers from 0 up")
        for title, n_models in Counter(model.title for model in self.models).items():
            if n_models > 1:
                raise ValueError(f'{n_models} models are called "{title}"; give each its own name')
        for module in self.plugins:
            _import_plugin(module)
        for model in self.models:
            model.found_recipe()
        Metric(self.metric)
        check_names(
            self.zero_shot, {name for model in self.models for name in (model.title, model.recipe)}, self.targets
        )
        return self

    @model_validator(mode="after")
    def _check_targets(self) -> ExperimentConfig:
        for target, n_times in Counter(self.targets).items():
            if n_times > 1 or not target:
                raise ValueError(f'the target "{target}" stands {n_times} times; expected different labels')
        odd = [size for size in self.training_sizes if self.targets and size != "all" and size % 2]
        if odd:
            raise ValueError(
                f"with targets one half of the training clips has the target, so sizes are even; found {odd[0]}, "
                f"use {odd[0] + 1}"
            )
        return self

    @property
    def fingerprint(self) -> str:
        """Name of what it computes: equal for plans that differ only in how they are carried out or shown."""
        values = self.model_dump(mode="json", exclude=_NOT_IN_FINGERPRINT)
        return fingerprint({name: value for name, value in values.items() if value or name not in _LATER})

    @property
    def folder(self) -> Path:
        """The results folder."""
        return self.results or Path("results") / _file_name(self.name)

    def load_options(self) -> LoadOptions:
        """Return how the dataset is read. Raises ConfigError for a value out of range."""
        values = {"group_by": self.group_by} | self.read
        if values.get("audio_dir") is not None:
            values["audio_dir"] = Path(values["audio_dir"])
        return LoadOptions(**values)


def parse_plan(values: Mapping[str, Any], where: str) -> ExperimentConfig:
    """Return the plan that a mapping describes.

    Raises:
        ConfigError: A key is not known, missing or refused; the message begins with `where`.
    """
    try:
        return parse_config(ExperimentConfig, values, where)
    except ConfigError as error:
        raise error if str(error).startswith(where) else ConfigError(f"{where}: {error}") from error


def read_plan(path: Path) -> ExperimentConfig:
    """Return the plan in a TOML file or in the plan.json of a results folder, its paths resolved from its folder.

    Raises:
        ConfigError: The file is missing or not a plan, or a key is not known, missing or refused.
    """
    return resolve_plan(parse_plan(read_values(path), str(path)), path)


def read_values(path: Path) -> dict[str, Any]:
    """Return the keys and values of a plan file, unchecked.

    Raises:
        ConfigError: The file is missing, or neither TOML nor the plan.json of a results folder.
    """
    if path.suffix.lower() != ".json":
        return read_toml(path)
    try:
        values = read_json(path)
    except StoreError as error:
        raise ConfigError(str(error)) from error
    plan = values.get("plan") if isinstance(values, dict) else None
    if not isinstance(plan, dict):
        raise ConfigError(f"{path}: holds no plan; expected TOML, or the {JOURNAL_FILE} of a results folder")
    return plan | {"results": str(path.resolve().parent)}


def resolve_plan(plan: ExperimentConfig, path: Path) -> ExperimentConfig:
    """Return the plan with its paths resolved from the folder of the file that it came from."""
    base = path.resolve().parent
    changes: dict[str, Any] = {"results": base / (plan.results or plan.folder)}
    if (base / plan.dataset).exists():
        changes["dataset"] = str(base / plan.dataset)
    if plan.read.get("audio_dir") is not None:
        changes["read"] = plan.read | {"audio_dir": str(base / plan.read["audio_dir"])}
    return plan.model_copy(update=changes)


def plan_of(
    dataset: str, models: Sequence[str | Mapping[str, Any]], *, name: str = "experiment", **keys: Any
) -> ExperimentConfig:
    """Return a plan from Python values; `keys` are the other keys of a plan.

    Raises:
        ConfigError: A key is not known or refused.
    """
    return parse_plan({"name": name, "dataset": dataset, "models": list(models), **keys}, "plan")


def _import_plugin(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f'plugin "{module}" cannot be imported ({error}); install it or set PYTHONPATH') from error


def _model(value: Any, where: str) -> Any:
    if isinstance(value, str):
        return ModelPlan(recipe=value)
    return parse_config(ModelPlan, value, where) if isinstance(value, dict) else value


def _file_name(name: str) -> str:
    kept = "".join(character if character.isalnum() or character in "-_." else "-" for character in name)
    return kept.strip(".-") or "experiment"
