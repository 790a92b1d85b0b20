"""Held to librosa: scripts/make_feature_goldens.py wrote the numbers, librosa's version is in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.features import LogMelFrontend, MfccFrontend, log_mel, mfcc

GOLDENS = Path(__file__).parents[1] / "golden" / "features" / "librosa.npz"
SIGNALS = ("tone", "chirp", "noise", "impulse", "silence", "speech", "very_quiet")
# In dB and MFCC units: 1e-4, and the last digit of float32 where values reach a thousand (silence: -1131).
ABSOLUTE, RELATIVE = 1e-4, 1e-6


def _about() -> dict[str, Any]:
    with np.load(GOLDENS) as goldens:
        about: dict[str, Any] = json.loads(str(goldens["about"]))
    return about


ABOUT = _about()


def _frontend(case: dict[str, Any], n_samples: int) -> MfccFrontend | LogMelFrontend:
    options = {key: value for key, value in case.items() if key != "frontend"}
    window_s = n_samples / options["rate_hz"]
    if case["frontend"] == "mfcc":
        return mfcc(**options, window_s=window_s, hop_s=window_s)
    return log_mel(**options, window_s=window_s, hop_s=window_s)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("case_name", sorted(ABOUT["cases"]))
def test_features_equal_those_of_librosa(case_name: str, signal: str) -> None:
    with np.load(GOLDENS) as goldens:
        samples = (goldens[f"signal/{signal}"] * goldens[f"scale/{signal}"]).astype(np.float32)
        expected = goldens[f"{case_name}/{signal}"]
    found = _frontend(ABOUT["cases"][case_name], samples.size)(samples[None])[0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=ABSOLUTE, rtol=RELATIVE)


def test_goldens_say_who_wrote_them_and_are_small() -> None:
    assert ABOUT["versions"]["librosa"]
    assert GOLDENS.stat().st_size < 300_000


def test_goldens_are_not_trivial() -> None:
    with np.load(GOLDENS) as goldens:
        for case_name in ABOUT["cases"]:
            assert np.ptp(goldens[f"{case_name}/speech"]) > 20
            assert not np.allclose(goldens[f"{case_name}/speech"], goldens[f"{case_name}/noise"], atol=1)
