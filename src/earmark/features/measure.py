"""From clips to rows of features: read, change, cut, measure; in this process or in several."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Protocol

import numpy as np

from earmark.audio.read import read_audio
from earmark.audio.window import count_windows, cut_windows
from earmark.core.errors import AudioError, ConfigError, EarmarkError, ModelError
from earmark.features.table_file import ClipFeatures

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from earmark.data.clip import Clip
    from earmark.features.base import Frontend, FrontendSpec

LEAST_POWER = 1e-10
# Windows that a frontend sees at once. Fixed, and never across clips: numbers must not depend on who shares a batch.
BATCH_WINDOWS = 64
CLIPS_PER_TASK = 16


class ClipTransform(Protocol):
    """Changes the sound of a clip before windows are cut. Deterministic: equal arguments give equal sound."""

    @property
    def fingerprint(self) -> str:
        """Name of what it does, part of the name of the features."""
        ...

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, clip_id: str) -> NDArray[np.float32]:
        """Return the changed sound, float32 (n_samples,) of any length above 0, of the same in [-1, 1].

        Raises:
            AudioError: The sound cannot be changed so.
        """
        ...


def measure_clip(clip: Clip, frontend: Frontend, transform: ClipTransform | None = None) -> ClipFeatures:
    """Return the features and levels of every window of a clip.

    Raises:
        AudioError: The clip cannot be read.
        ModelError: The features are not finite or not of the frontend's shape.
    """
    spec = frontend.spec
    sound = read_audio(clip.path, start_s=clip.start_s, duration_s=clip.duration_s, rate_hz=spec.rate_hz, mono=True)
    samples = sound.mono()
    if transform is not None:
        samples = transform(samples, spec.rate_hz, clip.id)
    features, levels_db = [], []
    for windows in _batches(samples, spec):
        features.append(_checked(frontend(windows), len(windows), spec, clip))
        levels_db.append(window_levels_db(windows))
    return ClipFeatures(np.concatenate(features), np.concatenate(levels_db))


def window_levels_db(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the RMS level of each window in dB re full scale, at least -100, float32 (n_windows,)."""
    power = np.square(windows, dtype=np.float64).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, LEAST_POWER)), dtype=np.float32)


def _batches(samples: NDArray[np.float32], spec: FrontendSpec) -> Iterator[NDArray[np.float32]]:
    """Yield windows, float32 (n_windows, n_samples); those of a long clip never lie in memory all at once."""
    window, hop = spec.window_samples, spec.hop_samples
    n_windows = count_windows(samples.size, window, hop)
    for first in range(0, n_windows, BATCH_WINDOWS):
        last = min(first + BATCH_WINDOWS, n_windows) - 1
        yield cut_windows(samples[first * hop : last * hop + window], window, hop)


def _checked(features: NDArray[np.float32], n_windows: int, spec: FrontendSpec, clip: Clip) -> NDArray[np.float32]:
    if features.shape != (n_windows, *spec.shape):
        raise ModelError(
            f'{clip.path}: frontend "{spec.name}" gave features of shape {features.shape}, '
            f"expected {(n_windows, *spec.shape)}"
        )
    if not np.isfinite(features).all():
        raise ModelError(f'{clip.path}: frontend "{spec.name}" gave NaN or infinite features for clip "{clip.id}"')
    return features.astype(np.float32, copy=False)


def measure_clips(
    clips: Sequence[Clip], frontend: Frontend, transform: ClipTransform | None = None, *, workers: int = 1
) -> Generator[ClipFeatures | AudioError, None, None]:
    """Yield the rows of each clip in order, or the AudioError that says why it cannot be read.

    Raises:
        ConfigError: The frontend or transform cannot be sent to worker processes.
        EarmarkError: A worker process was killed.
        ModelError: The frontend breaks its spec.
    """
    n_tasks = -(-len(clips) // CLIPS_PER_TASK)
    if min(workers, n_tasks) < 2:
        for clip in clips:
            yield _rows_or_error(clip, frontend, transform)
        return
    tasks = [clips[first : first + CLIPS_PER_TASK] for first in range(0, len(clips), CLIPS_PER_TASK)]
    context = multiprocessing.get_context("spawn")  # forking a process that has threads (BLAS, ONNX) may deadlock
    pool = ProcessPoolExecutor(
        min(workers, n_tasks), mp_context=context, initializer=_start_worker, initargs=(_packed(frontend, transform),)
    )
    try:
        for results in pool.map(_measure_task, tasks):
            yield from results
    except BrokenProcessPool as error:
        raise EarmarkError(
            f'features "{frontend.spec.name}": a worker process was killed, most often for lack of memory; '
            "run again with fewer workers (with a feature store, finished clips are kept)"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _rows_or_error(clip: Clip, frontend: Frontend, transform: ClipTransform | None) -> ClipFeatures | AudioError:
    try:
        return measure_clip(clip, frontend, transform)
    except AudioError as error:
        return error


def _packed(frontend: Frontend, transform: ClipTransform | None) -> bytes:
    try:
        return pickle.dumps((frontend, transform))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'frontend "{frontend.spec.name}" cannot be sent to worker processes ({error}); use workers=1'
        ) from error


_worker: list[tuple[Frontend, ClipTransform | None]] = []


def _start_worker(packed: bytes) -> None:
    _worker[:] = [pickle.loads(packed)]  # noqa: S301 - packed by the parent process a moment ago


def _measure_task(clips: Sequence[Clip]) -> list[ClipFeatures | AudioError]:
    frontend, transform = _worker[0]
    return [_rows_or_error(clip, frontend, transform) for clip in clips]
