"""Every frontend of this floor keeps the contract, in every shape that it can give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import AudioError
from earmark.features import Frontend, FrontendSpec, LevelFrontend, log_mel, mfcc
from earmark.features.base import check_windows
from earmark.features.testing import FrontendContract

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TestLevelFrontend(FrontendContract):
    def frontend(self) -> Frontend:
        return LevelFrontend()


class TestMfccWithDeltas(FrontendContract):
    def frontend(self) -> Frontend:
        return mfcc(rate_hz=8000, window_s=0.5, hop_s=0.25, fft_samples=512)


class TestMfccOfALongWindow(FrontendContract):
    """More frames than one block holds."""

    def frontend(self) -> Frontend:
        return mfcc(rate_hz=8000, window_s=2.5, hop_s=0.25, fft_samples=1024, frame_hop_samples=100, n_mels=64)


class TestMfccOfTheActivePart(FrontendContract):
    def frontend(self) -> Frontend:
        return mfcc(
            rate_hz=8000,
            window_s=0.5,
            hop_s=0.25,
            fft_samples=512,
            pooling="length_normalised",
            n_frames=12,
            normalisation="mean_variance",
        )


class TestMfccOverTime(FrontendContract):
    def frontend(self) -> Frontend:
        return mfcc(rate_hz=8000, window_s=0.5, hop_s=0.25, fft_samples=512, pooling="mean_std", pool_over="active")


class TestLogMel(FrontendContract):
    def frontend(self) -> Frontend:
        return log_mel(rate_hz=16000, window_s=0.4, hop_s=0.4)


class TestLogMelOfShortWindows(FrontendContract):
    """Several windows share a block."""

    def frontend(self) -> Frontend:
        return log_mel(
            rate_hz=8000,
            window_s=0.1,
            hop_s=0.05,
            fft_samples=512,
            n_frames=6,
            n_mels=32,
            normalisation="window_standard",
        )


class _Broken:
    """A frontend that breaks one rule at a time."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.spec = FrontendSpec("broken", 8000, 0.5, 0.25, (2,), {"rule": rule})

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.rule == "is silent about its name" and windows.ndim != 2:
            raise AudioError("no")
        if self.rule != "takes anything":
            check_windows(windows, self.spec)
        features = np.stack([windows.max(axis=-1), windows.min(axis=-1)], axis=-1)
        if self.rule == "looks at the batch":
            features = features - features.mean(axis=0)
        if self.rule == "is not finite":
            features = np.full_like(features, np.nan)
        return features


@pytest.mark.parametrize(
    ("rule", "test"),
    [
        ("looks at the batch", "test_features_of_a_window_do_not_depend_on_the_batch"),
        ("is not finite", "test_features_are_finite_float32_of_the_shape_in_the_spec"),
        ("takes anything", "test_refuses_windows_that_break_the_spec"),
        ("is silent about its name", "test_refuses_windows_that_break_the_spec"),
    ],
)
def test_contract_catches_a_frontend_that(rule: str, test: str) -> None:
    class Contract(FrontendContract):
        def frontend(self) -> Frontend:
            return _Broken(rule)

    with pytest.raises(AssertionError):
        getattr(Contract(), test)()


def test_contract_without_a_frontend_fails() -> None:
    with pytest.raises(NotImplementedError):
        FrontendContract().test_survives_pickling()
