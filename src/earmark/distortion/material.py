"""A corpus as a design sees it: features of each clip beside its truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import DataError
from earmark.core.progress import SILENT
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.distortion.corpus.manifest import read_rows, targets_of
from earmark.distortion.severity import KINDS
from earmark.features.extract import extract_features

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.distortion.corpus.manifest import CorpusRow
    from earmark.features.base import Frontend
    from earmark.features.store import FeatureStore


@dataclass(frozen=True, eq=False)
class CorpusMaterial:
    """Clips with their features and truth.

    Attributes:
        rows: The clips.
        features: float32 (n_clips, *shape).
        presence: float32 (n_clips, 5), NaN where not asked.
        severity: float32 (n_clips, 5), NaN where not known.
    """

    rows: tuple[CorpusRow, ...]
    features: NDArray[np.float32]
    presence: NDArray[np.float32]
    severity: NDArray[np.float32]

    @property
    def groups(self) -> NDArray[np.str_]:
        """The piece of each clip (n_clips,)."""
        return np.array([row.track for row in self.rows], dtype=np.str_)

    def of(self, *splits: str) -> CorpusMaterial:
        """Return the clips of some splits.

        Raises:
            DataError: There is none.
        """
        chosen = np.array([row.split in splits for row in self.rows], dtype=np.bool_)
        if not chosen.any():
            raise DataError(f"corpus: found no clips for {' and '.join(splits)}; build a corpus that has some")
        return self.where(chosen)

    def where(self, chosen: NDArray[np.bool_]) -> CorpusMaterial:
        """Return some of the clips."""
        places = np.flatnonzero(chosen)
        return replace(
            self,
            rows=tuple(self.rows[place] for place in places),
            features=self.features[places],
            presence=self.presence[places],
            severity=self.severity[places],
        )


def corpus_dataset(folder: Path, rows: Sequence[CorpusRow]) -> Dataset:
    """Return the clips of a corpus as a dataset of five labels; what is not asked counts as not there."""
    clips = [
        Clip(
            id=row.id,
            path=folder / row.file,
            start_s=0.0,
            duration_s=None,
            labels=tuple(kind for kind in KINDS if row.presence[kind] == 1),
            group=row.track,
            fold=row.split,
        )
        for row in rows
    ]
    return Dataset(name=folder.name, clips=tuple(clips), labels=KINDS, task="many")


def load_material(
    folder: Path,
    frontend: Frontend,
    *,
    splits: Sequence[str] = (),
    store: FeatureStore | None = None,
    workers: int = 1,
    progress: Progress = SILENT,
) -> CorpusMaterial:
    """Return the clips of a corpus with their features, measured or from the store.

    Args:
        folder: The corpus.
        frontend: Measures a clip; one window each.
        splits: Those wanted; none means all.
        store: Keeps features.
        workers: Processes.
        progress: Told of each clip.

    Raises:
        DataError: There is no corpus, none of these splits in it, or the frontend gives several windows for a clip.
        AudioError: Clips cannot be read.
    """
    rows = [row for row in read_rows(folder) if not splits or row.split in splits]
    if not rows:
        raise DataError(f"{folder}: found no clips for {' and '.join(splits)}; build a corpus that has some")
    table = extract_features(corpus_dataset(folder, rows), frontend, store=store, workers=workers, progress=progress)
    if len(table.clip_rows) != len(rows):
        raise DataError(
            f'{folder}: frontend "{frontend.spec.name}" gives {len(table.clip_rows)} rows for {len(rows)} clips, '
            "expected one each; use clips of at most its window"
        )
    presence, severity = targets_of(rows)
    return CorpusMaterial(tuple(rows), np.asarray(table.features), presence, severity)
