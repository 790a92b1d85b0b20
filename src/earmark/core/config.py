"""Configuration from TOML, JSON and flags: one model, errors that name the key and the nearest known one."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from earmark.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


class Config(BaseModel):
    """Base of everything that a user configures: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


C = TypeVar("C", bound=Config)


def parse_config(model: type[C], values: Mapping[str, Any], where: str) -> C:
    """Return the validated configuration.

    Args:
        model: What to make of the values.
        values: Keys and values as read.
        where: The start of every message, such as a file name.

    Raises:
        ConfigError: A key is not known or a value is refused.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        # a misspelt key explains the missing one, so it is told first
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise ConfigError(f"{where}: {_explanation(first, model)}") from error


def _explanation(problem: ErrorDetails, model: type[BaseModel]) -> str:
    place = ".".join(str(part) for part in problem["loc"] if not _names_a_type(part))
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(str(problem["loc"][-1]), _keys_beside(model, problem["loc"]))
        return f'key "{place}" is not known{hint}'
    if problem["type"] == "missing":
        return f'key "{place}" is missing; add it'
    message = problem["msg"].removeprefix("Value error, ")
    if not place:  # about several keys together
        return message
    return f'key "{place}": found {problem["input"]!r}; {message[:1].lower()}{message[1:]}'


def _names_a_type(part: int | str) -> bool:
    """Return whether a part of a place is not a key but the member of a union that pydantic tried."""
    return part in {"int", "float", "str", "bool"} or str(part).startswith("literal[")


def _keys_beside(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section that a wrong key stands in."""
    for part in place[:-1]:
        field = model.model_fields.get(str(part))  # None for a position in a list of sections
        annotation = field.annotation if field else None
        for inner in (annotation, *get_args(annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                model = inner
    return list(model.model_fields)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        ConfigError: It is missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid TOML ({error})") from error
