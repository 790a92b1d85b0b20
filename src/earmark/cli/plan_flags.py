"""A plan from a file, from flags, or from both: then flags win over the file, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.cli.many_values import split_values
from earmark.cli.sources import parse_pair, parse_value
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.experiments import ExperimentConfig

WHERE = "earmark experiment run"


def plan_from(path: Path | None, flags: Mapping[str, Any]) -> ExperimentConfig:
    """Return the plan of a file (or of none) with the keys that were given as flags; None means not given.

    Args:
        path: TOML, or the plan.json of a results folder.
        flags: Keys of a plan as typed: lists may hold values separated by commas, `read` holds KEY=VALUE.

    Raises:
        ConfigError: There is neither a file nor data and models, or a key or value is refused.
    """
    from earmark.experiments.plan import parse_plan, read_values, resolve_plan

    typed = {key: value for key, value in flags.items() if value is not None}
    if path is None and not {"dataset", "models"} <= typed.keys():
        missing = [flag for key, flag in (("dataset", "--data"), ("models", "--models")) if key not in typed]
        raise ConfigError(f"{WHERE}: found neither a plan nor {' and '.join(missing)}; give PLAN.toml, or these flags")
    planned = read_values(path) if path is not None else {"name": Path(typed["dataset"]).name or "experiment"}
    values = _kept(planned | _parsed(typed, planned), typed)
    if path is None:
        return parse_plan(values, WHERE)
    return resolve_plan(parse_plan(values, str(path)), path)


def _parsed(typed: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a plan that flags make; paths become absolute, since those of a plan are beside it."""
    values = dict(typed)
    if "dataset" in values and Path(values["dataset"]).exists():
        values["dataset"] = str(Path(values["dataset"]).resolve())
    if "results" in values:
        values["results"] = str(Path(values["results"]).resolve())
    if "models" in values:
        values["models"] = [_planned_model(name, planned) for name in split_values(values["models"])]
    if "targets" in values:
        values["targets"] = split_values(values["targets"])
    if "training_sizes" in values:
        values["training_sizes"] = [_size(text) for text in split_values(values["training_sizes"])]
    if "read" in values:
        values["read"] = dict(planned.get("read") or {}) | _read(values["read"])
    return values


def _planned_model(name: str, planned: Mapping[str, Any]) -> Any:
    """Return the plan's own model of this name, with its options, else the recipe's name."""
    models = planned.get("models")
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict) and (model.get("name") or model.get("recipe")) == name:
            return model
    return name


def _size(text: str) -> Any:
    if text == "all" or text.removeprefix("-").isdecimal():
        return text if text == "all" else int(text)
    raise ConfigError(f'--training-sizes: found "{text}", expected whole numbers from 0, or "all"')


def _read(texts: Sequence[str]) -> dict[str, Any]:
    pairs = dict(parse_pair(text, "--read") for text in texts)
    return {
        key: str(Path(value).resolve()) if key == "audio_dir" else parse_value(value) for key, value in pairs.items()
    }


def _kept(values: dict[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without classes (`zero_shot`) of models and targets that flags took out of the plan."""
    given = values.get("zero_shot")
    if not isinstance(given, dict) or not {"models", "targets"} & typed.keys():
        return values
    models = values["models"] if isinstance(values["models"], list) else []
    names = {
        name
        for model in models
        for name in ([model.get("name"), model.get("recipe")] if isinstance(model, dict) else [model])
    }
    targets = values.get("targets") or None

    def asked(label: str) -> bool:
        return targets is None or label in targets

    kept = {
        key: {label: found for label, found in value.items() if asked(label)} if isinstance(value, dict) else value
        for key, value in given.items()
        if (key in names if isinstance(value, dict) else asked(key))
    }
    return values | {"zero_shot": kept}
