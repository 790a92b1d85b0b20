"""Features of every window of every clip of a dataset: computed once, by any number of workers."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError
from earmark.core.identity import fingerprint
from earmark.core.progress import SILENT
from earmark.features.measure import measure_clips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.data.clip import Clip
    from earmark.data.dataset import Dataset
    from earmark.features.base import Frontend
    from earmark.features.measure import ClipTransform
    from earmark.features.store import FeatureStore
    from earmark.features.table_file import ClipFeatures

# A killed run loses no more than this: what it computed since it last wrote a part.
PART_BYTES = 64 << 20
PART_SECONDS = 20.0
N_FAILURES_SHOWN = 3


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """The windows of a dataset as rows, clip after clip.

    Attributes:
        features: float32 (n_rows, *shape), possibly a read-only map of a file.
        clip_rows: int64 (n_rows,), the position in the dataset of the clip that each row was cut from, ascending.
        levels_db: float32 (n_rows,), each window's RMS level in dB re full scale, at least -100.
    """

    features: NDArray[np.float32]
    clip_rows: NDArray[np.int64]
    levels_db: NDArray[np.float32]

    def rows_of(self, clips: NDArray[np.integer] | Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of the clips at these positions, in the order of the clips."""
        wanted = np.asarray(clips, dtype=np.int64)
        starts = np.searchsorted(self.clip_rows, wanted, side="left")
        counts = np.searchsorted(self.clip_rows, wanted, side="right") - starts
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.asarray(np.repeat(starts, counts) + within, dtype=np.int64)


@dataclass(frozen=True)
class _Job:
    """One extraction: what is measured, how, and who is told."""

    dataset: Dataset
    frontend: Frontend
    transform: ClipTransform | None
    workers: int
    progress: Progress

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frontend.spec.shape

    @property
    def fingerprint(self) -> str:
        return self.frontend.spec.fingerprint


def extract_features(
    dataset: Dataset,
    frontend: Frontend,
    *,
    store: FeatureStore | None = None,
    workers: int = 1,
    progress: Progress = SILENT,
    transform: ClipTransform | None = None,
) -> FeatureTable:
    """Return the features of every window of every clip.

    Numbers do not depend on `workers`, on what the store holds already or on the other clips.

    Args:
        dataset: The clips.
        frontend: Measures their windows; must be picklable for several workers.
        store: Keeps what is computed: a second call with equal sound and frontend only maps a file.
        workers: Processes that read and measure.
        progress: Told of each clip.
        transform: Changes the sound of each clip before windows are cut, such as an augmentation.

    Raises:
        AudioError: Clips cannot be read; all are tried, the message names the first few and counts the rest.
        ConfigError: The frontend or transform cannot be sent to worker processes.
        ModelError: The frontend gives features that are not finite or not of its shape.
        StoreError: The store cannot be read or written.
        EarmarkError: A worker process was killed.
    """
    progress.start(f"features {frontend.spec.name}", len(dataset.clips))
    job = _Job(dataset, frontend, transform, workers, progress)
    if store is None:
        return _in_memory(job)
    keys = _clip_keys(job, store)
    table = store.find_table(job.fingerprint, job.shape, keys)
    if table is None:
        table = store.put_table(job.fingerprint, job.shape, keys, _clip_features(job, store, keys))
    else:
        progress.advance(len(keys))
    return FeatureTable(table.features, _clip_rows(table.n_rows), table.levels_db)


def _in_memory(job: _Job) -> FeatureTable:
    measured: list[ClipFeatures] = []
    failures: list[str] = []
    for result in measure_clips(job.dataset.clips, job.frontend, job.transform, workers=job.workers):
        job.progress.advance()
        if isinstance(result, AudioError):
            failures.append(str(result))
        else:
            measured.append(result)
    _refuse(failures, f"{len(failures)} of {len(job.dataset.clips)} clips", job.dataset)
    nothing = np.empty((0, *job.shape), dtype=np.float32)
    return FeatureTable(
        features=np.concatenate([rows.features for rows in measured]) if measured else nothing,
        clip_rows=_clip_rows(np.array([len(rows.levels_db) for rows in measured], dtype=np.int64)),
        levels_db=np.concatenate([rows.levels_db for rows in measured]) if measured else np.empty(0, dtype=np.float32),
    )


def _clip_features(job: _Job, store: FeatureStore, keys: list[str]) -> dict[str, ClipFeatures]:
    """Return the rows of every key: found in the store, or computed and kept in parts on the way."""
    store.check_writable()
    clips: dict[str, Clip] = {}
    for key, clip in zip(keys, job.dataset.clips, strict=True):
        clips.setdefault(key, clip)  # clips with equal sound share one key
    found = store.find_clips(job.fingerprint, job.shape, keys)
    missing = {key: clip for key, clip in clips.items() if key not in found}
    job.progress.advance(len(keys) - len(missing))
    computed, failures = _compute(job, store, missing)
    reports = [
        failures[key] if clip is clips[key] else f"{clip.path}: the same sound as {clips[key].path}"
        for key, clip in zip(keys, job.dataset.clips, strict=True)
        if key in failures
    ]
    _refuse(reports, f"{len(reports)} of {len(keys)} clips", job.dataset)
    return found | computed


def _compute(job: _Job, store: FeatureStore, clips: dict[str, Clip]) -> tuple[dict[str, ClipFeatures], dict[str, str]]:
    """Return the rows of each clip, and why some have none; whatever ends the run, what is done is in the store."""
    written: dict[str, ClipFeatures] = {}
    fresh: dict[str, ClipFeatures] = {}
    failures: dict[str, str] = {}
    n_bytes, written_s = 0, time.monotonic()
    whole = False
    measured = measure_clips(list(clips.values()), job.frontend, job.transform, workers=job.workers)
    try:
        with contextlib.closing(measured):
            for key, result in zip(clips, measured, strict=True):
                job.progress.advance()
                if isinstance(result, AudioError):
                    failures[key] = str(result)
                    continue
                fresh[key] = result
                n_bytes += result.features.nbytes
                if n_bytes > PART_BYTES or time.monotonic() - written_s > PART_SECONDS:
                    written.update(store.put_part(job.fingerprint, job.shape, fresh).clips())
                    fresh, n_bytes, written_s = {}, 0, time.monotonic()
        whole = not failures
    finally:
        if fresh and not whole:
            store.put_part(job.fingerprint, job.shape, fresh)
    return written | fresh, failures


def _clip_keys(job: _Job, store: FeatureStore) -> list[str]:
    """Return what the store calls each clip: its sound, its place in the file and what changes it."""
    audio_keys, failures = store.audio_keys([clip.path for clip in job.dataset.clips])
    _refuse(failures, f"{len(failures)} of {len(audio_keys) + len(failures)} files", job.dataset)
    return [_clip_key(audio_keys[clip.path], clip, job.transform) for clip in job.dataset.clips]


def _clip_key(audio_key: str, clip: Clip, transform: ClipTransform | None) -> str:
    changed = None if transform is None else [transform.fingerprint, clip.id]
    return fingerprint([audio_key, clip.start_s, clip.duration_s, changed])


def _clip_rows(n_rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.repeat(np.arange(n_rows.size, dtype=np.int64), n_rows)


def _refuse(failures: list[str], which: str, dataset: Dataset) -> None:
    if not failures:
        return
    shown = "; ".join(failures[:N_FAILURES_SHOWN])
    more = f"; and {len(failures) - N_FAILURES_SHOWN} more" if len(failures) > N_FAILURES_SHOWN else ""
    raise AudioError(
        f"dataset {dataset.name}: {which} cannot be used: {shown}{more}; repair these files or leave them out"
    )
