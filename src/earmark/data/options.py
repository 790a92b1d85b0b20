"""How a dataset is read: names of columns, where groups come from, how long annotations become clips."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.dataset import Task

MissingFiles = Literal["error", "skip", "keep"]
GROUP_BY_FILE = "file"
GROUP_BY_PARENT = "parent"


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """Everything that `load_dataset` can be told.

    A column left at None is found by its usual names (see `earmark.data.manifest.COLUMNS`).

    Attributes:
        path_column: The audio file, relative to the manifest or absolute.
        label_column: The label; in Raven tables the annotation column.
        fold_column: The name of a split that comes with the data.
        id_column: A unique name for each clip.
        start_column: Where the clip begins, in seconds.
        duration_column: How long it is, in seconds; only read where there is a start, or where it is named here.
        end_column: Where it ends, in seconds.
        label_separator: Splits a cell into several labels, such as ``";"``.
        group_by: A column, ``"parent"`` (folder), ``"file"`` (recording) or a pattern with ``(?P<group>...)`` that is
            searched in the file name. None takes the column "group" if there is one, else the recording.
        audio_dir: Where relative paths begin, if not beside the manifest.
        task: "one" or "many" labels per clip, or None for what the clips imply.
        window_s: Cut recordings into windows of this length; None keeps clips and annotations as they are.
        hop_s: From one window to the next; None for `window_s` (no overlap).
        min_overlap_s: A window carries a label once an annotation overlaps it by this much ...
        min_overlap_fraction: ... or by this part of the annotation's own length, whichever is less.
        keep_negatives: Keep windows, recordings and rows without any label as explicit negatives.
        missing: What to do about audio files that are not there.
        encoding: Of text files; a byte order mark wins over it.

    Raises:
        ConfigError: A number is out of range or the pattern is not valid.
    """

    path_column: str | None = None
    label_column: str | None = None
    fold_column: str | None = None
    id_column: str | None = None
    start_column: str | None = None
    duration_column: str | None = None
    end_column: str | None = None
    label_separator: str | None = None
    group_by: str | None = None
    audio_dir: Path | None = None
    task: Task | None = None
    window_s: float | None = None
    hop_s: float | None = None
    min_overlap_s: float = 0.5
    min_overlap_fraction: float = 0.5
    keep_negatives: bool = False
    missing: MissingFiles = "error"
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        _check_positive("window_s", self.window_s)
        _check_positive("hop_s", self.hop_s)
        _check_positive("min_overlap_s", self.min_overlap_s)
        if self.hop_s is not None and self.window_s is None:
            raise ConfigError(f"hop_s: found {self.hop_s} without window_s; give both or neither")
        if not 0 < self.min_overlap_fraction <= 1:
            raise ConfigError(
                f"min_overlap_fraction: found {self.min_overlap_fraction}, expected above 0 and at most 1"
            )
        if self.label_separator == "":
            raise ConfigError('label_separator: found an empty text, expected a character such as ";"')
        if self.missing not in {"error", "skip", "keep"}:
            raise ConfigError(f'missing: found "{self.missing}", expected "error", "skip" or "keep"')
        if is_pattern(self.group_by):
            _check_pattern(self.group_by or "")


def is_pattern(group_by: str | None) -> bool:
    """Return whether a grouping rule is a regular expression (and not a column or a keyword)."""
    return group_by is not None and "(?" in group_by


def _check_positive(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise ConfigError(f"{name}: found {value}, expected a positive number of seconds")


def _check_pattern(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f'group_by: "{pattern}" is not a regular expression ({error})') from error
    if "group" not in compiled.groupindex:
        raise ConfigError(f'group_by: the pattern "{pattern}" has no (?P<group>...), the part that names the group')
