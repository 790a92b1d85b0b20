"""Clips with an ordered list of labels: what every split, audit, training and experiment starts from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.core.errors import DataError, did_you_mean
from earmark.core.identity import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.data.clip import Clip

Task = Literal["one", "many"]


@dataclass(frozen=True)
class Dataset:
    """A named set of clips; the order of `labels` is the order of columns everywhere.

    `task` is "one" where each clip has exactly one label and "many" where it may have any number.

    Raises:
        DataError: Two clips share an id, a label is not in `labels`, or a clip of task "one" has not one label.
    """

    name: str
    clips: tuple[Clip, ...]
    labels: tuple[str, ...]
    task: Task = "one"
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        known = set(self.labels)
        if len(known) != len(self.labels):
            raise DataError(f"dataset {self.name}: labels repeat: {', '.join(self.labels)}")
        for identifier, n_clips in Counter(clip.id for clip in self.clips).items():
            if n_clips > 1:
                raise DataError(f'dataset {self.name}: clip id "{identifier}" stands {n_clips} times, expected once')
        for clip in self.clips:
            for label in clip.labels:
                if label not in known:
                    raise DataError(f'{clip.path}: label "{label}" is not in the dataset{did_you_mean(label, known)}')
            if self.task == "one" and len(clip.labels) != 1:
                raise DataError(
                    f'{clip.path}: clip "{clip.id}" has {len(clip.labels)} labels, expected 1; '
                    'use task "many" for clips with none or several'
                )

    @classmethod
    def of(
        cls,
        name: str,
        clips: Sequence[Clip],
        *,
        task: Task | None = None,
        source: str = "",
        licence: str = "",
    ) -> Dataset:
        """Return a dataset with sorted labels and the task that its clips imply."""
        labels = tuple(sorted({label for clip in clips for label in clip.labels}))
        implied: Task = "one" if all(len(clip.labels) == 1 for clip in clips) else "many"
        return cls(name, tuple(clips), labels, task or implied, source, licence)

    @property
    def n_classes(self) -> int:
        """Number of labels."""
        return len(self.labels)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The group of each clip, (n_clips,)."""
        return np.array([clip.group for clip in self.clips], dtype=np.str_)

    @cached_property
    def shared_paths(self) -> frozenset[Path]:
        """The audio files that hold clips of more than one group."""
        group_of: dict[Path, str] = {}
        return frozenset(clip.path for clip in self.clips if group_of.setdefault(clip.path, clip.group) != clip.group)

    @cached_property
    def targets(self) -> NDArray[np.float32]:
        """Float32 (n_clips, n_classes): 1 where the clip has the label, else 0."""
        column = {label: index for index, label in enumerate(self.labels)}
        targets = np.zeros((len(self.clips), self.n_classes), dtype=np.float32)
        for row, clip in enumerate(self.clips):
            for label in clip.labels:
                targets[row, column[label]] = 1.0
        return targets

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of what a result depends on: ids, times, labels, groups, folds (not of where files lie)."""
        rows = [[c.id, c.start_s, c.duration_s, list(c.labels), c.group, c.fold] for c in self.clips]
        return fingerprint({"labels": list(self.labels), "task": self.task, "clips": sorted(rows, key=str)})

    def where(self, keep: Callable[[Clip], bool]) -> Dataset:
        """Return the dataset with only the clips for which `keep` is true; labels stay as they are."""
        return self.with_clips([clip for clip in self.clips if keep(clip)])

    def take(self, rows: NDArray[np.integer] | Sequence[int]) -> Dataset:
        """Return the dataset with only the clips at these positions, in this order; labels stay as they are."""
        return self.with_clips([self.clips[int(row)] for row in rows])

    def with_clips(self, clips: Sequence[Clip]) -> Dataset:
        """Return the dataset with other clips; name, labels and task stay as they are."""
        return Dataset(self.name, tuple(clips), self.labels, self.task, self.source, self.licence)
