"""Recorded digits: the figure of drift stays down on clean speech and goes up when the microphone changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, read_audio
from earmark.inference import Predictor
from earmark.models.top_scores import reference_counts, top_histogram
from earmark.service.monitoring import Monitor
from tests.service.monitoring.test_metrics import read, value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.inference import Prediction

pytestmark = pytest.mark.real

N_REFERENCE, N_COMPARED = 400, 200
Change = "Callable[[Waveform, np.random.Generator], Waveform]"


def clean(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    return waveform


def telephone(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return what passes 300 to 3,400 Hz."""
    from scipy.signal import butter, sosfilt

    band = butter(4, [300, 3400], "bandpass", fs=waveform.rate_hz, output="sos")
    return Waveform(sosfilt(band, waveform.samples, axis=1).astype(np.float32), waveform.rate_hz)


def noisy(waveform: Waveform, rng: np.random.Generator, below_db: float = 10.0) -> Waveform:
    """Return the sound in white noise so many dB below it."""
    level = np.sqrt(np.mean(waveform.samples**2)) * 10 ** (-below_db / 20)
    noise = rng.normal(scale=level, size=waveform.samples.shape).astype(np.float32)
    return Waveform(waveform.samples + noise, waveform.rate_hz)


def noisy_telephone(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    return telephone(noisy(waveform, rng), rng)


def drowned(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    return noisy(waveform, rng, 0.0)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load("digits")


@pytest.fixture
def recordings(fsdd_dir: Path) -> list[Path]:
    """Return recordings of all six speakers, in a mixed order that is always the same."""
    paths = sorted((fsdd_dir / "recordings").glob("*.wav"))
    return [paths[index] for index in np.random.default_rng(4).permutation(len(paths))]


def answers(
    predictor: Predictor, paths: list[Path], change: Callable[[Waveform, np.random.Generator], Waveform]
) -> list[Prediction]:
    rng = np.random.default_rng(5)
    return [predictor.predict(change(read_audio(path, mono=True), rng)) for path in paths]


def test_drift_tells_a_changed_microphone_from_other_recordings(predictor: Predictor, recordings: list[Path]) -> None:
    first = answers(predictor, recordings[:N_REFERENCE], clean)
    table = np.array([list(found.probabilities.values()) for found in first], dtype=np.float32)
    reference = reference_counts({"top_probability": top_histogram(table)})
    found = {}
    for change in (clean, telephone, noisy_telephone, drowned):
        monitor = Monitor()
        monitor.expect("digits", "v", reference)
        for answer in answers(predictor, recordings[N_REFERENCE : N_REFERENCE + N_COMPARED], change):
            at = ("digits", "v", answer.duration_s, answer.label, answer.probability)
            monitor.heard(*at, accepted=answer.accepted, known=answer.known)
        series = read(monitor)
        index = value(series, "score_drift_index", model="digits", reference="bundle")
        surer = value(series, "score_drift_surer_ratio", model="digits", reference="bundle")
        unknown = value(series, "unknown_ratio", model="digits")
        assert index is not None
        assert surer is not None
        assert unknown is not None
        found[change.__name__] = (index, unknown, surer)
    assert found["clean"][0] < 0.1
    assert found["telephone"][0] < 0.25  # rightly: the model is as often right as before
    assert found["noisy_telephone"][0] > 0.25
    assert found["drowned"][0] > found["noisy_telephone"][0]
    assert found["clean"][1] < 0.02
    assert found["drowned"][1] > 0.1
    assert found["clean"][2] == pytest.approx(0.5, abs=0.05)
    assert found["drowned"][2] < found["noisy_telephone"][2] < 0.45
