"""Small real bundles that tell loud from quiet, in versions whose labels differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile

from earmark.audio import Waveform
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.models.bundle import GRAPH_FILE, save_bundle
from earmark.training import TrainingOptions, prepare, save_trained, train

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.models.bundle import Bundle

RATE_HZ = 8000


def hum(level: float, duration_s: float = 0.5, rate_hz: int = RATE_HZ) -> Waveform:
    """Return a tone of a level."""
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return Waveform((level * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32)[np.newaxis], rate_hz)


def train_tones(folder: Path, name: str = "tones") -> Bundle:
    """Return a bundle of this name that was trained on a few tones."""
    rng, clips = np.random.default_rng(1), []
    for group in ("ada", "ben", "cleo", "dan"):
        for label, level in {"loud": 0.5, "quiet": 0.01}.items():
            for take in range(2):
                path = folder / f"{group}-{label}-{take}.wav"
                soundfile.write(path, hum(level * rng.uniform(0.6, 1.5)).samples[0], RATE_HZ)
                clips.append(Clip(path.name, path, (label,), group))
    options = TrainingOptions(recipe="level", folds="grouped:2", aggregate="loudest")
    trained = train(prepare(Dataset.of("tones", clips, licence="CC0-1.0"), options), options, "cv")
    return save_trained(trained, folder / name, name)


def put_version(bundle: Bundle, folder: Path, version: str, *, name: str | None = None) -> Bundle:
    """Write a version of a bundle into a folder; its labels end with the version: "loud-2"."""
    labels = tuple(f"{label}-{version}" for label in bundle.spec.labels)
    spec = bundle.spec.model_copy(update={"labels": labels, "name": name or bundle.spec.name})
    return save_bundle(folder, spec, (bundle.folder / GRAPH_FILE).read_bytes())


def copy_files(source: Path, target: Path, *names: str) -> None:
    """Copy files one by one into a folder, as people do; the folder may hold those of another version."""
    target.mkdir(exist_ok=True)
    for name in names or ("model.onnx", "bundle.json"):
        (target / name).write_bytes((source / name).read_bytes())
