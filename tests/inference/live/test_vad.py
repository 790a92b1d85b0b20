from __future__ import annotations

import numpy as np
import pytest

from earmark.core.errors import ConfigError
from earmark.inference.live.vad import DETECTORS, FRAME_SAMPLES, EnergyDetector, SpeechDetector, build_detector


def noise(level: float, n_frames: int, rng: np.random.Generator) -> np.ndarray:
    return (level * rng.normal(size=(n_frames, FRAME_SAMPLES))).astype(np.float32)


class DetectorContract:
    """What every detector does; subclasses name one."""

    def detector(self) -> SpeechDetector:
        raise NotImplementedError

    def test_probabilities_of_each_frame(self, rng: np.random.Generator) -> None:
        found = self.detector()(noise(0.1, 7, rng))
        assert found.shape == (7,)
        assert found.dtype == np.float32
        assert ((found >= 0) & (found <= 1)).all()

    def test_no_frames_give_none(self) -> None:
        assert self.detector()(np.empty((0, FRAME_SAMPLES), dtype=np.float32)).shape == (0,)

    def test_chunking_changes_nothing(self, rng: np.random.Generator) -> None:
        frames = np.concatenate([noise(0.001, 20, rng), noise(0.2, 9, rng)])
        whole, parts = self.detector()(frames), self.detector()
        assert np.allclose(np.concatenate([parts(frames[:3]), parts(frames[3:4]), parts(frames[4:])]), whole, atol=1e-5)

    def test_after_a_reset_it_is_as_new(self, rng: np.random.Generator) -> None:
        frames, used = noise(0.05, 12, rng), self.detector()
        used(noise(0.3, 30, rng))
        used.reset()
        assert np.allclose(used(frames), self.detector()(frames), atol=1e-6)


class TestEnergy(DetectorContract):
    def detector(self) -> SpeechDetector:
        return EnergyDetector()

    def test_what_stands_out_of_the_noise_is_speech(self, rng: np.random.Generator) -> None:
        detector = EnergyDetector()
        assert detector(noise(0.01, 60, rng)).max() < 0.1
        assert detector(noise(0.1, 10, rng)).min() > 0.9  # 20 dB more
        assert detector(noise(0.01, 10, rng)).max() < 0.1

    def test_noise_that_stays_becomes_the_floor(self, rng: np.random.Generator) -> None:
        detector = EnergyDetector()
        detector(noise(0.001, 100, rng))
        assert detector(noise(0.03, 130, rng))[-1] < 0.1
        assert detector.floor_db == pytest.approx(-30.5, abs=1)

    def test_an_offset_of_the_card_is_no_sound(self) -> None:
        detector = EnergyDetector()
        detector(np.zeros((20, FRAME_SAMPLES), dtype=np.float32))
        assert detector(np.full((5, FRAME_SAMPLES), 0.2, dtype=np.float32)).max() < 0.01


class TestEverything(DetectorContract):
    def detector(self) -> SpeechDetector:
        return build_detector("off")


def test_an_unknown_detector_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r'vad "silera" is not known; did you mean "silero"'):
        build_detector("silera")
    assert set(DETECTORS) == {"silero", "energy", "off"}
