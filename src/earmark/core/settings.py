"""Settings of this machine and user, from environment variables.

Field `cache_dir` = variable `EARMARK_CACHE_DIR` = row in `docs/settings.md`. A few may also be given without the
prefix; the prefixed name wins. An empty variable counts as not set. Nothing is read at import: call `settings()`.
"""

from __future__ import annotations

import difflib
import os
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "EARMARK_"
ALSO_WITHOUT_PREFIX = frozenset(
    {
        "max_workers",
        "random_seed",
        "default_cv_folds",
        "log_level",
        "gcp_project_id",
        "gcs_bucket_name",
        "google_application_credentials",
    }
)
# What is filled in to addresses.
PLACES = {"species_audio_url": ("bucket", "species", "folder"), "results_url": ("bucket",)}

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
    gcp_project_id: Annotated[str | None, Field(description="Google Cloud project that requests are made for")] = None
    gcs_bucket_name: Annotated[str | None, Field(description="What {bucket} stands for in the addresses below")] = None
    google_application_credentials: Annotated[
        _Folder | None, Field(description="Key file for Google Cloud; not set: what gcloud logged in as")
    ] = None
    species_audio_url: Annotated[str, Field(description="Where the recordings of a species lie")] = (
        "gs://{bucket}/soundhub/data/audio/{species}/{folder}"
    )
    results_url: Annotated[str, Field(description="Where results that are shared lie")] = (
        "gs://{bucket}/soundhub/results/"
    )
    storage_concurrency: Annotated[int, Field(ge=1, le=256, description="Objects that are moved at once")] = 16
    storage_retries: Annotated[int, Field(ge=0, le=20, description="New tries where object storage fails")] = 5
    storage_timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False, description="Longest silence of a server")] = (
        60.0
    )

    @field_validator(*PLACES)
    @classmethod
    def _fill_in_only_what_is_known(cls, address: str, info: ValidationInfo) -> str:
        places = PLACES[info.field_name or ""]
        found = {name for _, name, _, _ in Formatter().parse(address) if name is not None}
        if "://" not in address or not found <= set(places):
            known = ", ".join(f"{{{place}}}" for place in places)
            raise ValueError(f"should be an address such as gs://..., in which only {known} is filled in")
        return address


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
