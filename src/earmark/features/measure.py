"""From clips to rows of features: read, change, cut, measure; in this process or in several."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Protocol

import numpy as np

from earmark.audio.stream import stream_audio
from earmark.audio.window import cut_batches
from earmark.core.errors import AudioError, ConfigError, EarmarkError, ModelError
from earmark.features.base import NativeFrontend
from earmark.features.table_file import ClipFeatures

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.data.clip import Clip
    from earmark.features.base import Frontend, FrontendSpec

LEAST_POWER = 1e-10
# Windows that a frontend sees at once. Fixed, and never across clips: numbers must not depend on who shares a batch.
BATCH_WINDOWS = 64
CLIPS_PER_TASK = 16
BLOCK_S = 60.0  # sound held at once: a clip of many hours needs no more memory than one of a minute
NATIVE_BLOCK_S = 10.0  # at its own rate and with all channels it is larger


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
        ConfigError: A transform is asked for, but the frontend is a native one.
        ModelError: The features are not finite or not of the frontend's shape.
    """
    spec = frontend.spec
    if isinstance(frontend, NativeFrontend):
        refuse_transforms(frontend, 0 if transform is None else 1)
        blocks = stream_audio(clip.path, block_s=NATIVE_BLOCK_S, start_s=clip.start_s, duration_s=clip.duration_s)
        return measure_native(blocks, frontend, str(clip.path))[0]
    features, levels_db = [], []
    sound = _sound(clip, spec.rate_hz, transform)
    for windows in cut_batches(sound, spec.window_samples, spec.hop_samples, BATCH_WINDOWS):
        features.append(_checked(frontend(windows), len(windows), spec, str(clip.path)))
        levels_db.append(window_levels_db(windows))
    return ClipFeatures(np.concatenate(features), np.concatenate(levels_db))


def measure_native(
    waveforms: Iterable[Waveform], frontend: NativeFrontend, what: str
) -> tuple[ClipFeatures, NDArray[np.float64]]:
    """Return the features and levels of the windows of a sound, and their begin and end in seconds (n_windows, 2).

    Args:
        waveforms: The sound, piece by piece.
        frontend: Cuts and measures.
        what: The file or sound, for messages.

    Raises:
        AudioError: It cannot be read or measured.
        ModelError: The features are not finite or not of the frontend's shape.
    """
    try:
        windows = list(frontend.measure(waveforms))
    except AudioError as error:
        message = str(error)  # what could not be read is named already
        raise AudioError(message if message.startswith(what) else f"{what}: {message}") from error
    spec = frontend.spec
    if not windows:
        raise ModelError(f'{what}: frontend "{spec.name}" gave no window, expected at least one')
    shapes = {window.features.shape for window in windows}
    wrong = next((shape for shape in shapes if shape != spec.shape), None)
    if wrong is not None:
        raise ModelError(f'{what}: frontend "{spec.name}" gave features of shape {wrong}, expected {spec.shape}')
    features = _checked(np.stack([window.features for window in windows]), len(windows), spec, what)
    levels_db = np.array([window.level_db for window in windows], dtype=np.float32)
    return ClipFeatures(features, levels_db), np.array([[window.start_s, window.end_s] for window in windows])


def refuse_transforms(frontend: Frontend, n_transforms: int) -> None:
    """Raise ConfigError where sound is to be changed before a native frontend: changes are made to mono sound."""
    if n_transforms and frontend.spec.native:
        raise ConfigError(
            f'frontend "{frontend.spec.name}" takes sounds at their own rate and with all channels, but augmentation '
            "changes mono sound at one rate; set copies to 0"
        )


def window_levels_db(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the RMS level of each window in dB re full scale, at least -100, float32 (n_windows,)."""
    power = np.square(windows, dtype=np.float64).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, LEAST_POWER)), dtype=np.float32)


def _sound(clip: Clip, rate_hz: int, transform: ClipTransform | None) -> Iterator[NDArray[np.float32]]:
    """Yield the sound of a clip in blocks, float32 (n_samples,); all at once only where a transform must see it all."""
    blocks = stream_audio(
        clip.path, block_s=BLOCK_S, rate_hz=rate_hz, mono=True, start_s=clip.start_s, duration_s=clip.duration_s
    )
    if transform is None:
        yield from (block.mono() for block in blocks)
    else:
        yield transform(np.concatenate([block.mono() for block in blocks]), rate_hz, clip.id)


def _checked(features: NDArray[np.float32], n_windows: int, spec: FrontendSpec, what: str) -> NDArray[np.float32]:
    if features.shape != (n_windows, *spec.shape):
        raise ModelError(
            f'{what}: frontend "{spec.name}" gave features of shape {features.shape}, '
            f"expected {(n_windows, *spec.shape)}"
        )
    if not np.isfinite(features).all():
        raise ModelError(f'{what}: frontend "{spec.name}" gave NaN or infinite features')
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
            "run again with fewer workers (with a feature store, finished clips are kept); a script of your own needs "
            'its calls below `if __name__ == "__main__":`'
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
