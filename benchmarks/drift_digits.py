"""Does drift tell a changed microphone from a new speaker? Digits of speakers that the bundle never heard.

    python -m benchmarks.drift_digits

Three times a bundle is trained without two of the six speakers of fsdd, on 220 recordings of each other one; the
reference is what it said of its own speakers left out, as `earmark train` writes it. Then 200 recordings of each
speaker left out are heard as they are, through a telephone's band with noise 10 dB below, and in noise as loud as the
speech.
`surer` is how often an answer is surer than one of the reference.

Needs fsdd in EARMARK_DATA_DIR; some minutes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import Waveform, read_audio
from earmark.data import load_dataset
from earmark.features import default_store
from earmark.inference import Predictor
from earmark.models.top_scores import reference_counts
from earmark.service.monitoring.drift import Drift
from earmark.training import TrainingOptions, prepare, save_trained, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.data.clip import Clip
    from earmark.data.dataset import Dataset

    Change = Callable[[Waveform, np.random.Generator], Waveform]

N_LEARNT, N_HEARD = 220, 200
BAND_HZ = (300, 3400)
OPTIONS = TrainingOptions(
    recipe="speech_embedding", folds="leave-one-group-out", aggregate="loudest", classifier={"C": 0.001}
)


def clean(waveform: Waveform, _rng: np.random.Generator) -> Waveform:
    """Return the recording as it is."""
    return waveform


def telephone(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return what passes a telephone's band, of the recording in noise 10 dB below."""
    from scipy.signal import butter, sosfilt

    noisy = in_noise(waveform, rng, 10.0)
    band = butter(4, BAND_HZ, "bandpass", fs=waveform.rate_hz, output="sos")
    return Waveform(sosfilt(band, noisy.samples, axis=1).astype(np.float32), waveform.rate_hz)


def drowned(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return the recording in noise as loud as it."""
    return in_noise(waveform, rng, 0.0)


def in_noise(waveform: Waveform, rng: np.random.Generator, below_db: float) -> Waveform:
    """Return a recording in white noise so many dB below its level."""
    level = np.sqrt(np.mean(waveform.samples**2)) * 10 ** (-below_db / 20)
    noise = rng.normal(scale=level, size=waveform.samples.shape).astype(np.float32)
    return Waveform(waveform.samples + noise, waveform.rate_hz)


def some_of_each(dataset: Dataset) -> Dataset:
    """Return as many recordings of each speaker."""
    order = np.random.default_rng(0).permutation(len(dataset.clips))
    kept: list[Clip] = []
    for speaker in sorted(set(dataset.groups.tolist())):
        kept += [dataset.clips[i] for i in order if dataset.clips[i].group == speaker][:N_LEARNT]
    return dataset.with_clips(kept)


def heard(predictor: Predictor, clips: list[Clip], change: Change) -> tuple[float, float, float]:
    """Return index, surer ratio and share of right answers for changed recordings."""
    drift, rng = Drift(reference_counts(predictor.bundle.spec.metrics)), np.random.default_rng(1)
    right = 0
    for clip in clips:
        found = predictor.predict(change(read_audio(clip.path, mono=True), rng))
        drift.add(found.probability, known=found.known)
        right += found.label == clip.labels[0]
    assert drift.index is not None
    assert drift.surer_ratio is not None
    return drift.index, drift.surer_ratio, right / len(clips)


def main() -> None:
    """Print a row for each speaker and condition."""
    dataset = some_of_each(load_dataset("fsdd"))
    speakers = sorted(set(dataset.groups.tolist()))
    print(f"{'speaker':10} {'condition':10} {'index':>6} {'surer':>6} {'right':>6}")
    for first in range(0, len(speakers), 2):
        left_out = speakers[first : first + 2]
        learnt = dataset.where(lambda clip, left_out=left_out: clip.group not in left_out)  # type: ignore[misc]
        trained = train(prepare(learnt, OPTIONS, store=default_store()), OPTIONS, "cv")
        with tempfile.TemporaryDirectory() as folder:
            predictor = Predictor(save_trained(trained, Path(folder) / "digits", "digits"))
            for speaker in left_out:
                clips = [clip for clip in dataset.clips if clip.group == speaker][:N_HEARD]
                for change in (clean, telephone, drowned):
                    index, surer, right = heard(predictor, clips, change)
                    print(f"{speaker:10} {change.__name__:10} {index:6.2f} {surer:6.2f} {right:6.3f}", flush=True)


if __name__ == "__main__":
    main()
