from __future__ import annotations

import numpy as np
import pytest

from earmark.core.errors import AudioError
from earmark.features import FrontendSpec, LevelFrontend, check_windows

SPEC = FrontendSpec("example", 8000, 0.5, 0.25, (3,), {"rate_hz": 8000})


def test_spec_counts_windows_and_hops_in_samples() -> None:
    assert (SPEC.window_samples, SPEC.hop_samples) == (4000, 2000)


def test_fingerprint_depends_on_name_and_configuration_only() -> None:
    same = FrontendSpec("example", 16000, 1.0, 1.0, (9,), {"rate_hz": 8000})
    assert same.fingerprint == SPEC.fingerprint
    assert FrontendSpec("other", 8000, 0.5, 0.25, (3,), {"rate_hz": 8000}).fingerprint != SPEC.fingerprint
    assert FrontendSpec("example", 8000, 0.5, 0.25, (3,), {"rate_hz": 9000}).fingerprint != SPEC.fingerprint


def test_level_frontend_tells_the_level_of_each_part() -> None:
    windows = np.zeros((1, 4000), dtype=np.float32)
    windows[0, :500] = 1.0
    windows[0, 500:1000] = 0.1
    np.testing.assert_allclose(LevelFrontend()(windows)[0], [0, -20, *[-100] * 6], atol=1e-3)


def test_windows_of_another_length_are_refused_with_the_expected_one() -> None:
    with pytest.raises(AudioError, match=r'"example": found windows of shape \(2, 10\), expected \(n_windows, 4000\)'):
        check_windows(np.zeros((2, 10), dtype=np.float32), SPEC)


def test_windows_of_another_type_are_refused() -> None:
    with pytest.raises(AudioError, match="found windows of int16, expected float32 with full"):
        check_windows(np.zeros((2, 4000), dtype=np.int16), SPEC)


def test_window_that_holds_nan_is_named() -> None:
    windows = np.zeros((3, 4000), dtype=np.float32)
    windows[2, 17] = np.nan
    with pytest.raises(AudioError, match="window 2 holds NaN or infinite samples"):
        check_windows(windows, SPEC)
