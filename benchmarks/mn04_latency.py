"""How long does mn04 take for a clip of 10 s? Run with ``python -m benchmarks.mn04_latency``.

One thread, one process. Times are of the processor, not of the clock: on a busy machine the clock also counts the turns
of other processes. Decoding starts from a WAV file of 44.1 kHz, 16 bit, stereo, which is mixed down and resampled to
32 kHz. The reference for the mel spectrogram is its published formula written with librosa (STFT, then the mel matrix);
both have to give equal numbers first. Needs the weights of mn04.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import librosa
import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from earmark.audio import read_audio
from earmark.encoders.efficientat import mn04, mn04_graph
from earmark.encoders.session import OnnxGraph
from earmark.features.kaldi_mel import kaldi_filters, kaldi_log_mel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RATE_HZ = 32000
CLIP_S = 10.0
GOALS_MS = {"mn04: mel + network": 15.0, "mn04, decoding included": 35.0}


def librosa_mel(windows: NDArray[np.float32], filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return EfficientAT's log-mel by librosa, float32 (n_windows, 128, n_frames)."""
    emphasised = windows[:, 1:] - np.float32(0.97) * windows[:, :-1]
    spectrum = librosa.stft(
        emphasised, n_fft=1024, hop_length=320, win_length=800, window=np.hanning(800), pad_mode="reflect"
    )
    power = np.abs(spectrum) ** 2
    return np.asarray((np.log(filters @ power + np.float32(1e-5)) + 4.5) / 5, dtype=np.float32)


def sound() -> NDArray[np.float32]:
    """Return 10 s of noise and a gliding tone in stereo at 44.1 kHz, float32 (n_samples, 2)."""
    times_s = np.arange(round(CLIP_S * 44100)) / 44100
    noise = np.random.default_rng(1).standard_normal((times_s.size, 2))
    return (0.05 * noise + 0.2 * np.sin(2 * np.pi * (200 + 300 * times_s) * times_s)[:, None]).astype(np.float32)


def times_ms(tasks: dict[str, Callable[[], Any]], n_rounds: int) -> dict[str, float]:
    """Return the median processor time of each task; tasks take turns."""
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(n_rounds):
        for name, task in tasks.items():
            started_s = time.process_time()
            task()
            found[name].append(1000 * (time.process_time() - started_s))
    return {name: statistics.median(values) for name, values in found.items()}


def run(n_rounds: int) -> dict[str, float]:
    """Return the median time of every part in ms; AssertionError if librosa gives another spectrogram."""
    encoder = mn04(window_s=CLIP_S, hop_s=CLIP_S)
    network = OnnxGraph(mn04_graph())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        soundfile.write(path, sound(), 44100, subtype="PCM_16")

        def decode() -> NDArray[np.float32]:
            return read_audio(path, rate_hz=RATE_HZ, mono=True).samples

        windows = decode()
        mel = kaldi_log_mel(windows)
        filters = kaldi_filters(128, 1024, RATE_HZ, 0, 15000)
        np.testing.assert_allclose(mel, librosa_mel(windows, filters), atol=2e-4)
        tasks: dict[str, Callable[[], Any]] = {
            "decode, mix down and resample": decode,
            "mel": lambda: kaldi_log_mel(windows),
            "mel by librosa": lambda: librosa_mel(windows, filters),
            "network": lambda: network.run(mel[:, np.newaxis], "embedding", "scores"),
            "mn04: mel + network": lambda: encoder.both(windows),
            "mn04, decoding included": lambda: encoder.both(decode()),
        }
        times_ms(tasks, 3)  # warms up
        return times_ms(tasks, n_rounds)


def main(arguments: list[str] | None = None) -> int:
    """Print the times; return 1 if one misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="interleaved repeats (default 40)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    with threadpool_limits(limits=1):
        found = run(chosen.rounds)
    missed = [name for name, goal_ms in GOALS_MS.items() if found[name] > goal_ms]
    if chosen.json:
        print(json.dumps(found))
        return 1 if missed else 0
    print(f"10 s of sound, one thread: processor time, median of {chosen.rounds} rounds")
    for name, time_ms in found.items():
        goal = f"  (goal {GOALS_MS[name]:.0f} ms: {'missed' if name in missed else 'ok'})" if name in GOALS_MS else ""
        print(f"{name:<32} {time_ms:7.2f} ms{goal}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
