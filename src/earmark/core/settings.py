"""Settings of this machine and user, from environment variables.

Field `cache_dir` = variable `EARMARK_CACHE_DIR` = row in `docs/settings.md`. A few may also be given without the
prefix; the prefixed name wins. An empty variable counts as not set. Nothing is read at import: call `settings()`.
"""

from __future__ import annotations

import difflib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "EARMARK_"
ALSO_WITHOUT_PREFIX = frozenset({"max_workers", "random_seed", "default_cv_folds", "log_level"})

# Docker and CI hand "~" over as it stands, where a shell would have replaced it.
_Folder = Annotated[Path, AfterValidator(Path.expanduser)]


def _user_cache() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("earmark"))


class Settings(BaseModel):
    """Where things lie and how much of the machine to use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Annotated[_Folder | None, Field(description="Folder with local copies of the named corpora")] = None
    weights_dir: Annotated[_Folder | None, Field(description="Folder with local copies of pretrained weights")] = None
    cache_dir: Annotated[
        _Folder, Field(description="Folder for downloads and computed features", default_factory=_user_cache)
    ]
    offline: Annotated[bool, Field(description="Never reach the network, fail with the remedy instead")] = False
    max_workers: Annotated[int, Field(ge=1, description="Processes for trials and feature extraction")] = 2
    random_seed: Annotated[int, Field(ge=0, description="Seed where a command is given none")] = 0
    default_cv_folds: Annotated[int, Field(ge=2, description="Folds where a command is given none")] = 5
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
        Field(description="Least severe message that is logged"),
    ] = "WARNING"


def variables(field: str) -> tuple[str, ...]:
    """Return the environment variables that set a field, the one that wins first.

    Example:
        >>> variables("data_dir"), variables("log_level")
        (('EARMARK_DATA_DIR',), ('EARMARK_LOG_LEVEL', 'LOG_LEVEL'))
    """
    bare = field.upper()
    return (PREFIX + bare, bare) if field in ALSO_WITHOUT_PREFIX else (PREFIX + bare,)


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Return the settings that an environment asks for.

    Raises:
        ConfigError: A variable holds a value that its setting does not take, or its name looks misspelt.
    """
    _refuse_misspelt(environment)
    given = {
        field: name for field in Settings.model_fields for name in reversed(variables(field)) if environment.get(name)
    }
    try:
        return Settings.model_validate({field: environment[name] for field, name in given.items()})
    except ValidationError as error:
        wrong = "; ".join(
            f'environment variable {given[str(item["loc"][0])]}: found "{item["input"]}"; '
            f"{item['msg'][:1].lower()}{item['msg'][1:]}"
            for item in error.errors()
        )
        raise ConfigError(f"{wrong}; correct or unset it (docs/settings.md)") from error


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    known = [name.upper() for name in Settings.model_fields]
    for name in sorted(environment):
        bare = name.removeprefix(PREFIX)
        if bare == name or bare in known:
            continue
        # Kubernetes puts EARMARK_PORT and EARMARK_SERVICE_HOST into every pod beside a service called earmark.
        if close := difflib.get_close_matches(bare, known, n=1, cutoff=0.7):
            raise ConfigError(f"environment variable {name}: is not a setting; did you mean {PREFIX}{close[0]}?")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once.

    Raises:
        ConfigError: A variable holds a value that its setting does not take, or its name looks misspelt.
    """
    return settings_from(os.environ)
