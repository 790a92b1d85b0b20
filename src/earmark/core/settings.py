"""Settings of this machine and user, from the environment and an optional `.env` file.

Field = environment variable = row in `docs/settings.md`. Nothing is read at import: call `settings()`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from earmark.core.errors import ConfigError


def _either(name: str) -> AliasChoices:
    return AliasChoices(f"EARMARK_{name}", name)


class Settings(BaseSettings):
    """Where things lie and how much of the machine to use."""

    model_config = SettingsConfigDict(
        env_prefix="EARMARK_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    data_dir: Annotated[Path | None, Field(description="Folder with local copies of the named corpora")] = None
    weights_dir: Annotated[Path | None, Field(description="Folder with local copies of pretrained weights")] = None
    cache_dir: Annotated[Path, Field(description="Folder for downloads and computed features")] = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("earmark"))
    )
    offline: Annotated[bool, Field(description="Never reach the network, fail with the remedy instead")] = False
    max_workers: Annotated[
        int,
        Field(
            ge=1,
            description="Processes for trials and feature extraction",
            validation_alias=_either("MAX_WORKERS"),
        ),
    ] = 2
    random_seed: Annotated[
        int,
        Field(ge=0, description="Seed where a command is given none", validation_alias=_either("RANDOM_SEED")),
    ] = 0
    default_cv_folds: Annotated[
        int,
        Field(
            ge=2,
            description="Folds where a command is given none",
            validation_alias=_either("DEFAULT_CV_FOLDS"),
        ),
    ] = 5
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(description="Least severe message that is logged", validation_alias=_either("LOG_LEVEL")),
    ] = "WARNING"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once.

    Raises:
        ConfigError: A variable holds a value that its setting does not take.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"environment variable {first['loc'][0]}: found {first['input']!r}; {first['msg']}"
        ) from error
