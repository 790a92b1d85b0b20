from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.effects.clipping import (
    ClippingParameters,
    Shape,
    bend,
    ceiling_for_share,
    clip_hard,
    clip_resampled,
    clip_soft,
)

if TYPE_CHECKING:
    from earmark.audio import Waveform


def sdr_db(clean: np.ndarray, whole: np.ndarray) -> float:
    """Return the ratio by the cosine of the angle between the two, another way than the package's."""
    clean, whole = clean.astype(float).ravel(), whole.astype(float).ravel()
    cosine = clean @ whole / np.linalg.norm(clean) / np.linalg.norm(whole)
    return float(10 * np.log10(cosine**2 / (1 - cosine**2)))


def test_hard_clipping_by_share_makes_that_share_flat(music: Waveform, rng: np.random.Generator) -> None:
    done = clip_hard(music, ClippingParameters(share=0.2), rng)
    peak = np.abs(done.waveform.samples).max()
    assert np.mean(np.abs(done.waveform.samples) > 0.99999 * peak) == pytest.approx(0.2, abs=1e-3)
    assert done.parameters["share"] == pytest.approx(0.2, abs=1e-3)
    assert peak < np.abs(music.samples).max()


def test_hard_clipping_by_drive_puts_the_ceiling_there(music: Waveform, rng: np.random.Generator) -> None:
    done = clip_hard(music, ClippingParameters(drive_db=6), rng)
    expected = np.clip(music.samples, *(np.array([-1, 1]) * np.abs(music.samples).max() * 10 ** (-6 / 20)))
    gain = np.linalg.norm(music.samples) / np.linalg.norm(expected)
    assert done.waveform.samples == pytest.approx(gain * expected, abs=1e-5)


@pytest.mark.parametrize("clip", [clip_hard, clip_soft, clip_resampled])
@pytest.mark.parametrize("target_db", [30.0, 10.0])
def test_every_clipping_meets_a_ratio(clip: type, target_db: float, music: Waveform) -> None:
    done = clip(music, ClippingParameters(sdr_db=target_db), np.random.default_rng(1))
    found_db = sdr_db(music.samples, done.waveform.samples)
    assert found_db == pytest.approx(target_db, abs=0.2)
    assert done.severity == pytest.approx((40 - found_db) / 35, abs=1e-3)
    assert done.parameters["sdr_db"] == pytest.approx(found_db, abs=0.01)


def test_no_drive_leaves_hard_clipping_without_effect(music: Waveform, rng: np.random.Generator) -> None:
    done = clip_hard(music, ClippingParameters(drive_db=0), rng)
    assert done.severity == 0
    assert done.parameters["sdr_db"] == 120
    assert done.waveform.samples == pytest.approx(music.samples, abs=1e-6)


def test_tops_of_resampled_clipping_are_not_flat(music: Waveform, rng: np.random.Generator) -> None:
    hard = clip_hard(music, ClippingParameters(share=0.1), rng).waveform.samples
    ringing = clip_resampled(music, ClippingParameters(share=0.1, oversampling=1.7), rng).waveform.samples

    def flat(samples: np.ndarray) -> float:
        return float(np.mean(np.abs(samples) > 0.9999 * np.abs(samples).max()))

    assert flat(hard) > 0.09
    assert flat(ringing) < 0.005


@pytest.mark.parametrize("shape", ["hard", "tanh", "cubic"])
def test_curves_are_odd_rise_and_stay_below_the_ceiling(shape: Shape) -> None:
    samples = np.linspace(-3, 3, 601, dtype=np.float32)[np.newaxis]
    bent = bend(samples, 0.5, shape)
    assert bent.dtype == np.float32
    assert bent == pytest.approx(-bent[:, ::-1], abs=1e-6)
    assert np.all(np.diff(bent) >= -1e-6)
    assert np.abs(bent).max() <= 0.5 + 1e-6
    assert bend(samples * np.float32(1e-3), 0.5, shape) == pytest.approx(samples * 1e-3, abs=1e-5)


def test_the_soft_curve_is_drawn_unless_told(music: Waveform) -> None:
    drawn = {
        clip_soft(music, ClippingParameters(drive_db=3), np.random.default_rng(seed)).parameters["shape"]
        for seed in range(8)
    }
    assert drawn == {"tanh", "cubic"}
    told = clip_soft(music, ClippingParameters(drive_db=3, shape="cubic"), np.random.default_rng(0))
    assert told.parameters["shape"] == "cubic"


@pytest.mark.parametrize("values", [{}, {"share": 0.1, "drive_db": 3.0}])
def test_how_much_is_told_in_one_way(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="exactly one of share, drive_db and sdr_db"):
        ClippingParameters(**values)


@pytest.mark.parametrize(
    "values",
    [{"share": 0.0}, {"share": 1.0}, {"drive_db": 200.0}, {"sdr_db": 200.0}, {"drive_db": 1, "oversampling": 1}],
)
def test_numbers_out_of_range_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="clipping: found"):
        ClippingParameters(**values)


def test_the_ceiling_is_reached_by_the_share() -> None:
    samples = np.array([[0.1, -0.2, 0.3, -0.4]], dtype=np.float32)
    assert ceiling_for_share(samples, 0.5) == pytest.approx(0.3)
    assert ceiling_for_share(samples, 0.001) == pytest.approx(0.4)


def test_silence_between_sounds_cannot_be_clipped() -> None:
    samples = np.array([[0, 0, 0, 0.5]], dtype=np.float32)
    with pytest.raises(AudioError, match=r"50.0% of the samples cannot be clipped"):
        ceiling_for_share(samples, 0.5)
