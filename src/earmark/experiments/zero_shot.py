"""Training size 0: models whose encoder knows classes of its own answer without a training clip.

Their features are the encoder's class scores (frontend option `output = "scores"`), kept in the feature store beside
its embeddings. A clip's score is that of its loudest claim, the largest over windows, whatever `aggregate` says for
trained models: a class that is heard in one window is heard in the clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import ConfigError
from earmark.core.identity import fingerprint
from earmark.experiments.zero_shot_keys import check_names
from earmark.models.table import build_frontend
from earmark.models.zero_shot import match_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.experiments.plan import ExperimentConfig, ModelPlan

AGGREGATE = "max"
CLASSIFIER = "earmark.models.zero_shot:ZeroShot"
Columns = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Contender:
    """A model as the trials of a grid name it.

    Attributes:
        title: What the plan calls it.
        definition: Fingerprint of all but its features.
        frontend: Fingerprint of its features.
        columns: The encoder's classes that stand for each label, where it is not trained.
    """

    title: str
    definition: str
    frontend: str
    columns: Columns = ()


def scores_model(model: ModelPlan) -> ModelPlan:
    """Return the model with its encoder's class scores as features, never augmented."""
    return model.model_copy(
        update={
            "frontend": model.frontend | {"output": "scores"},
            "aggregate": AGGREGATE,
            "augmentation": "none",
            "copies": 0,
        }
    )


def untrained(
    config: ExperimentConfig, questions: dict[str, tuple[str, ...]]
) -> tuple[dict[str, list[Contender]], tuple[str, ...]]:
    """Return the models that answer each question without training, and notes on those that do not.

    Args:
        config: The plan.
        questions: The labels asked for, by target.

    Raises:
        ConfigError: A class that the plan names does not exist.
        ModelError: An encoder's weights are missing.
    """
    titles = {name for model in config.models for name in (model.title, model.recipe)}
    check_names(config.zero_shot, titles, [label for labels in questions.values() for label in labels])
    able = [model for model in config.models if model.found_recipe().zero_shot]
    found: dict[str, list[Contender]] = {target: [] for target in questions}
    notes: list[str] = []
    if len(able) < len(config.models):
        rest = ", ".join(model.title for model in config.models if model not in able)
        notes.append(f"size 0 needs classes of the model's own: {rest} must be trained and start with the next size")
    fits: set[str] = set()
    for model in able:
        recipe = model.found_recipe()
        options = recipe.frontend_options | scores_model(model).frontend
        frontend = build_frontend(recipe.frontend, options)
        classes: tuple[str, ...] = tuple(getattr(frontend, "class_names", ()))
        unknown = []
        for target, labels in questions.items():
            columns = _columns(config, model, labels, classes, fits)
            if len(columns) < len(labels):
                unknown += [label for label in labels if label not in columns]
                continue
            chosen = tuple(columns[label] for label in labels)
            definition = fingerprint({"classifier": CLASSIFIER, "columns": chosen, "aggregate": AGGREGATE})
            found[target].append(Contender(model.title, definition, frontend.spec.fingerprint, chosen))
        if unknown:
            notes.append(_unknown_note(model.title, unknown, len(classes)))
    _check_used(config, fits, bool(able))
    return found, tuple(notes)


def _columns(
    config: ExperimentConfig, model: ModelPlan, labels: Sequence[str], classes: tuple[str, ...], fits: set[str]
) -> dict[str, tuple[int, ...]]:
    """Return the model's classes by label, without labels that no class stands for; note in `fits` what was used."""
    own = _own(config, model)
    found = {}
    for label in labels:
        shared = config.zero_shot.get(label)
        if label in own:
            fits.add(label)
            found[label] = match_classes([label], classes, {label: own[label]})[0]
        elif isinstance(shared, tuple) and (columns := _matched(label, classes, {label: shared})):
            fits.add(label)
            found[label] = columns
        elif columns := _matched(label, classes, {}):
            found[label] = columns
    return found


def _matched(label: str, classes: tuple[str, ...], given: dict[str, tuple[str, ...]]) -> tuple[int, ...]:
    """Return the columns of a label; none where what is given for all models does not fit this one."""
    try:
        return match_classes([label], classes, given)[0]
    except ConfigError:
        return ()


def _own(config: ExperimentConfig, model: ModelPlan) -> dict[str, tuple[str, ...]]:
    for name in (model.title, model.recipe):
        given = config.zero_shot.get(name)
        if isinstance(given, dict):
            return given
    return {}


def _check_used(config: ExperimentConfig, fits: set[str], any_able: bool) -> None:
    for label, names in config.zero_shot.items():
        if any_able and isinstance(names, tuple) and label not in fits:
            raise ConfigError(
                f'zero_shot: no model of the plan has the classes {", ".join(names)} that stand for "{label}"; name '
                "classes of one of them, or drop the key"
            )


def _unknown_note(title: str, labels: Sequence[str], n_classes: int) -> str:
    different = list(dict.fromkeys(labels))
    it = "it" if len(different) == 1 else "them"
    return (
        f"size 0 of {title} was left out for {', '.join(different)}: none of its {n_classes:,} classes clearly stands "
        f"for {it}; name its classes in a plan file under zero_shot.{title}"
    )
