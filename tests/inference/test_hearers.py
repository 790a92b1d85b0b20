from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import AudioError, ModelError
from earmark.encoders.base import OnnxEncoder
from earmark.features.base import FrontendSpec, LevelFrontend
from earmark.inference.hearers import (
    DEFAULT_CONFIDENCE,
    BundleHearer,
    EncoderHearer,
    ModelChoice,
    names_of,
    open_hearer,
    tagging_encoders,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.inference import Predictor


class ThreeTones:
    """An encoder with two classes of one common name."""

    scientific_names = ("Rana", "Strix", "Bubo")

    def __init__(self, class_names: tuple[str, ...] = ("Frog", "Owl", "Owl")) -> None:
        self.class_names = class_names
        self.spec: FrontendSpec = LevelFrontend(n_parts=3).spec

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.array([0.1, 0.5, 0.9], dtype=np.float32), (len(windows), 1))

    def both(self, windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self(windows), self(windows)


def test_an_encoder_gives_its_scores_under_names_that_differ() -> None:
    hearer = EncoderHearer(ThreeTones())
    assert hearer.labels == ("Frog", "Owl (Strix)", "Owl (Bubo)")
    assert hearer.thresholds.tolist() == [DEFAULT_CONFIDENCE] * 3
    windows = np.zeros((2, hearer.spec.window_samples), dtype=np.float32)
    assert hearer.probabilities(hearer.features(windows)).shape == (2, 3)
    assert names_of(hearer.labels, ThreeTones())[1] == ("Owl (Strix)", "Owl", "Strix", "Strix_Owl")


class Halves:
    """A graph that adds up what it is given, in batches of two at most."""

    def run(self, values: NDArray[np.float32], *names: str) -> list[NDArray[np.float32]]:
        assert len(values) <= 2
        return [values.sum(axis=1, keepdims=True) for _ in names]


def test_an_encoder_that_prepares_is_heard_in_two_stages(rng: np.random.Generator) -> None:
    spec = FrontendSpec("halves", 8000, 0.5, 0.5, (1,), {})
    encoder = OnnxEncoder(spec, Halves(), "scores", ("loud",), prepare=lambda windows: windows[:, ::2], batch=2)
    hearer = EncoderHearer(encoder)
    windows = rng.standard_normal((5, 4000)).astype(np.float32)
    features = hearer.features(windows)
    assert (hearer.prepares, hearer.at_once) == (True, 1)
    np.testing.assert_array_equal(features, windows[:, ::2])
    np.testing.assert_array_equal(hearer.probabilities(features), encoder(windows))
    assert hearer.features(windows[:0]).shape == (0, 2000)
    with pytest.raises(AudioError, match="4000"):
        hearer.features(windows[:, 1:])
    plain = EncoderHearer(OnnxEncoder(spec, Halves(), "scores", ("loud",), batch=2))
    assert not plain.prepares
    assert plain.features(windows) is windows
    np.testing.assert_array_equal(plain.probabilities(windows), windows.sum(axis=1, keepdims=True))


def test_an_encoder_without_classes_is_refused() -> None:
    with pytest.raises(ModelError, match='encoder "level" has no classes of its own'):
        EncoderHearer(ThreeTones(()))


def test_a_bundle_gives_its_calibrated_probabilities(
    bundle_folder: Path, predictor: Predictor, rng: np.random.Generator
) -> None:
    from earmark.audio import Waveform

    hearer, names = open_hearer(ModelChoice(bundle_folder))
    assert isinstance(hearer, BundleHearer)
    assert names == (("loud",), ("quiet",))
    samples = 0.1 * rng.standard_normal((1, hearer.spec.window_samples)).astype(np.float32)
    found = hearer.probabilities(hearer.features(samples))
    np.testing.assert_array_equal(found, predictor.scores(Waveform(samples, hearer.spec.rate_hz)).values)
    assert hearer.thresholds.tolist() == pytest.approx(list(predictor.bundle.spec.thresholds.values))
    assert hearer.exclusive


def test_a_bundle_with_a_rejection_refuses_what_is_none_of_its_labels(
    bundle_folder: Path, rng: np.random.Generator
) -> None:
    hearer, _ = open_hearer(ModelChoice("digits"))
    noise = 0.1 * rng.standard_normal((4, hearer.spec.window_samples)).astype(np.float32)
    assert hearer.refused(hearer.features(noise)).all()
    without, _ = open_hearer(ModelChoice(bundle_folder))
    assert not without.refused(without.features(noise[:, : without.spec.window_samples])).any()


def test_the_encoders_with_classes_are_those_that_score_without_training() -> None:
    assert {"birdnet", "yamnet", "mn04", "perch", "panns_cnn14"} <= set(tagging_encoders())
    assert "speech_embedding" not in tagging_encoders()


@pytest.mark.real
@pytest.mark.parametrize(("model", "n_classes"), [("yamnet", 521), ("mn04", 527)])
def test_taggers_hear_dogs(model: str, n_classes: int, esc50_dir: Path) -> None:
    from earmark.audio import cut_windows, read_audio
    from earmark.encoders.weights import weights_at_hand

    if weights_at_hand(model) is None:
        pytest.skip(f"the weights {model} are not on this machine")
    with (esc50_dir / "clips.csv").open(encoding="utf-8", newline="") as file:
        paths = [esc50_dir / row["path"] for row in csv.DictReader(file) if row["label"] == "dog"][:5]
    hearer, _ = open_hearer(ModelChoice(model))
    assert len(hearer.labels) == n_classes
    n_right = 0
    for path in paths:
        sound = read_audio(path, rate_hz=hearer.spec.rate_hz, mono=True).mono()
        windows = cut_windows(sound, hearer.spec.window_samples, hearer.spec.hop_samples)
        best = hearer.probabilities(hearer.features(windows)).max(axis=0)
        n_right += "Dog" in [hearer.labels[place] for place in np.argsort(-best)[:5]]
    assert n_right >= 4
