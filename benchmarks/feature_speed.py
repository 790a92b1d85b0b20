"""How much faster than librosa are MFCC and log-mel? Run with ``python -m benchmarks.feature_speed``.

One thread, one process, both sides on the same windows in turn. Times are of the processor, not of the clock: on a
busy machine the clock also counts the turns of other processes. The number that counts is the median over rounds of
librosa's time over ours; both sides give equal features (checked first).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from earmark.features import log_mel, mfcc

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RATE_HZ = 16000
GOAL = 2.0
MEL: dict[str, Any] = {"sr": RATE_HZ, "n_fft": 1024, "hop_length": 256, "n_mels": 128}


@dataclass(frozen=True)
class Comparison:
    """Median times of one task on both sides and the median ratio."""

    task: str
    librosa_ms: float
    earmark_ms: float
    ratio: float


def librosa_log_mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-mel as librosa's users write it, float32 (n_windows, n_frames, n_mels)."""
    each = [librosa.power_to_db(librosa.feature.melspectrogram(y=window, **MEL)).T for window in windows]
    return np.stack(each)


def librosa_mfcc(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 40 MFCC with deltas and delta-deltas, float32 (n_windows, n_frames, 120)."""
    each = []
    for window in windows:
        static = librosa.feature.mfcc(y=window, n_mfcc=40, **MEL)
        first, second = librosa.feature.delta(static), librosa.feature.delta(static, order=2)
        each.append(np.concatenate([static, first, second]).T)
    return np.stack(each)


def compare(
    task: str,
    reference: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ours: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    windows: NDArray[np.float32],
    n_rounds: int,
) -> Comparison:
    """Time both sides in turn; AssertionError if their features differ."""
    np.testing.assert_allclose(ours(windows), reference(windows), atol=1e-4, rtol=1e-6)
    times_s: list[tuple[float, float]] = []
    for _ in range(n_rounds):
        started_s = time.process_time()
        reference(windows)
        between_s = time.process_time()
        ours(windows)
        times_s.append((between_s - started_s, time.process_time() - between_s))
    return Comparison(
        task,
        librosa_ms=1000 * statistics.median(theirs for theirs, _ in times_s),
        earmark_ms=1000 * statistics.median(own for _, own in times_s),
        ratio=statistics.median(theirs / own for theirs, own in times_s),
    )


def run(n_rounds: int) -> list[Comparison]:
    """Return all comparisons: one window of 10 s, and a batch of 32 windows of 1 s, of noise at 16 kHz."""
    rng = np.random.default_rng(1)
    results = []
    for name, n_windows, window_s in (("10 s clip", 1, 10.0), ("32 clips of 1 s", 32, 1.0)):
        windows = np.float32(0.1) * rng.standard_normal((n_windows, round(window_s * RATE_HZ)), dtype=np.float32)
        options: dict[str, Any] = {"rate_hz": RATE_HZ, "window_s": window_s, "hop_s": window_s, "fft_samples": 1024}
        results.append(compare(f"log-mel 128, {name}", librosa_log_mel, log_mel(**options), windows, n_rounds))
        results.append(compare(f"MFCC 40 + 2 deltas, {name}", librosa_mfcc, mfcc(**options), windows, n_rounds))
    return results


def main(arguments: list[str] | None = None) -> int:
    """Print the comparisons; return 1 if one misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="interleaved repeats (default 40)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    warnings.simplefilter("ignore", FutureWarning)  # librosa's, about its own dependencies
    with threadpool_limits(limits=1):
        results = run(chosen.rounds)
    if chosen.json:
        print(json.dumps([vars(result) for result in results]))
    else:
        print(f"librosa {version('librosa')}, earmark, one thread: processor time, median of {chosen.rounds} rounds")
        for result in results:
            print(
                f"{result.task:<36} {result.librosa_ms:8.2f} ms {result.earmark_ms:8.2f} ms  {result.ratio:5.2f}x"
                f"  {'ok' if result.ratio >= GOAL else f'below {GOAL}x'}"
            )
    return 0 if all(result.ratio >= GOAL for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
