"""The key `zero_shot` of a plan: which of an encoder's classes stand for a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def check_given(given: Any) -> Any:
    """Return the plan's `zero_shot` with single names made tuples.

    Raises:
        ConfigError: A value is no list of names and no table of such.
    """
    if not isinstance(given, dict):
        raise ConfigError(f'zero_shot: found {given!r}, expected a table such as {{bullfrog = ["American Bullfrog"]}}')
    return {
        key: {label: _names(f"{key}.{label}", names) for label, names in value.items()}
        if isinstance(value, dict)
        else _names(key, value)
        for key, value in given.items()
    }


def _names(where: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(
            f'zero_shot.{where}: found {value!r}, expected names of classes such as ["American Bullfrog"]'
        )
    return tuple(names)


def check_names(given: dict[str, Any], models: Iterable[str], labels: Sequence[str]) -> None:
    """Raise ConfigError where the plan's `zero_shot` names a model that it does not have, or a label not asked for."""
    known = sorted(models)
    for key, value in given.items():
        if isinstance(value, dict) and key not in known:
            raise ConfigError(f'zero_shot: "{key}" is not a model of the plan{did_you_mean(key, known)}')
        for label in value if isinstance(value, dict) else (key,):
            if labels and label not in labels:
                raise ConfigError(
                    f'zero_shot: "{label}" is not a label that the plan asks for{did_you_mean(label, labels)}'
                )
