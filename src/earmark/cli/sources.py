"""Options that say how to read a dataset, the same for every command that takes one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.core.progress import Progress
    from earmark.data import Dataset

Source = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="Corpus name, folder per class, CSV, TSV, JSON, JSONL, Raven or Audacity table, hf:owner/name, "
        "gs://... or s3://...",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option("--group-by", help="Column, 'parent', 'file', or a pattern with (?P<group>...) on the file name."),
]
Read = Annotated[
    list[str] | None,
    typer.Option("--read", metavar="KEY=VALUE", help="How to read the dataset, such as label_column=species."),
]


def open_dataset(
    source: str, progress: Progress, group_by: str | None, read: Sequence[str] | None, **fixed: str
) -> Dataset:
    """Return the dataset that the options describe; `fixed` are options that the command itself decides.

    Raises:
        ConfigError: A key of `--read` is not known or a value is refused.
        DataError: The dataset cannot be read.
    """
    from dataclasses import fields

    from earmark.data import LoadOptions, load_dataset

    known = [field.name for field in fields(LoadOptions)]
    values: dict[str, Any] = {"group_by": group_by, **fixed}
    for text in read or ():
        key, value = parse_pair(text, "--read")
        if key not in known:
            raise ConfigError(f'--read {text}: key "{key}" is not known{did_you_mean(key, known)}')
        values[key] = Path(value) if key == "audio_dir" else parse_value(value)
    try:
        options = LoadOptions(**values)
    except TypeError as error:  # such as text where a number belongs
        raise ConfigError(f"--read {' '.join(read or ())}: a value is of the wrong kind ({error})") from error
    return load_dataset(source, options, progress)


def parse_pair(text: str, flag: str) -> tuple[str, str]:
    """Return key and value of KEY=VALUE. Raises ConfigError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f'{flag} {text}: found no "=", expected KEY=VALUE')
    return key.strip(), value.strip()


def parse_value(text: str) -> Any:
    """Return a value as TOML reads it, None for `null`, and the text itself where TOML cannot read it."""
    if text == "null":
        return None
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text
