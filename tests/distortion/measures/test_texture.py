"""The texture of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.measures.block import cut_blocks
from earmark.distortion.measures.spectra import take_spectra
from earmark.distortion.measures.texture import (
    AMPLITUDES_DB,
    HIGHEST_HZ,
    LOWEST_HZ,
    N_BANDS,
    N_FINE_BANDS,
    TEXTURE_NAMES,
    texture_of,
)
from earmark.features.testing import noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.distortion.conftest import Make


def texture(samples: NDArray[np.floating[Any]], rate_hz: int = 44_100) -> dict[str, float]:
    (block,) = cut_blocks([Waveform(np.atleast_2d(samples).astype(np.float32), rate_hz)])
    return dict(zip(TEXTURE_NAMES, texture_of(block, take_spectra(block)).tolist(), strict=True))


def gaussian() -> NDArray[np.float32]:
    return np.random.default_rng(8).standard_normal(88_200).astype(np.float32)


def band_at(frequency_hz: float, n_bands: int = N_BANDS) -> int:
    return int(n_bands * np.log(frequency_hz / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ))


def test_names_are_unique() -> None:
    assert len(set(TEXTURE_NAMES)) == len(TEXTURE_NAMES)


def test_level_changes_nothing(make: Make) -> None:
    sound = make(2, 44_100, 3.0).samples
    loud, quiet = texture(sound), texture(sound / 8)
    assert quiet == pytest.approx(loud, rel=2e-3, abs=2e-3, nan_ok=True)


def test_noise_is_flat_and_restless_and_a_tone_is_not() -> None:
    seconds = np.arange(88_200) / 44_100
    tone, hiss = texture(0.3 * np.sin(2 * np.pi * 1000 * seconds)), texture(0.1 * noise(1, 88_200, 44_100).samples)
    band = band_at(5000)
    assert hiss[f"flatness:{band}"] == pytest.approx(-0.577, abs=0.05)  # Euler's constant: of chi-squared powers
    assert tone[f"flatness:{band_at(1000)}"] < -3
    assert hiss[f"flux:{band}"] > 0.1 > tone[f"flux:{band_at(1000)}"]
    assert tone[f"level_50:{band_at(1000)}"] == pytest.approx(0, abs=2.5)
    assert tone[f"level_50:{band}"] < -15


def test_a_resonance_stands_out_of_its_neighbours() -> None:
    sound = 0.05 * noise(1, 88_200, 44_100).samples[0]
    ringing = sound + 0.2 * np.sin(2 * np.pi * 3000 * np.arange(88_200) / 44_100)
    narrow = band_at(3000, N_FINE_BANDS)
    assert texture(ringing)[f"ripple:{narrow}"] > 3
    assert abs(texture(sound)[f"ripple:{narrow}"]) < 1


def test_channels_are_compared_band_by_band() -> None:
    left = noise(1, 88_200, 44_100).samples[0]
    turned, apart = texture(np.stack([left, -0.5 * left])), texture(np.stack([left, gaussian()]))
    band = band_at(2000)
    assert turned[f"in_phase:{band}"] == pytest.approx(-1, abs=1e-3)
    assert turned[f"coherence:{band}"] == pytest.approx(1, abs=1e-3)
    assert turned[f"balance:{band}"] == pytest.approx(np.log(4), abs=1e-3)
    assert apart[f"coherence:{band}"] < 0.3


def test_amplitudes_heap_up_where_peaks_are_cut() -> None:
    sound = 0.2 * gaussian()
    top = f"above_{AMPLITUDES_DB[-1]}_db"
    assert texture(np.clip(sound, -0.2, 0.2))[top] > -3 > texture(sound)[top]


def test_a_click_is_the_sharpest_bend() -> None:
    sound = 0.3 * np.sin(2 * np.pi * 200 * np.arange(88_200) / 44_100)
    clicked = sound.copy()
    clicked[40_000] += 0.5
    assert texture(clicked)["bend_100"] > texture(sound)["bend_100"] + 3
    assert texture(clicked)["bend_99"] == pytest.approx(texture(sound)["bend_99"], abs=0.05)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 64, 5000])
@pytest.mark.parametrize("rate_hz", [4000, 22_050, 192_000])
def test_any_length_and_rate_gives_numbers_or_nothing(n_samples: int, rate_hz: int) -> None:
    rows = texture(noise(2, n_samples, rate_hz).samples, rate_hz)
    values = np.array(list(rows.values()))
    assert not np.isinf(values).any()
    told = [name for name, value in rows.items() if name.startswith("level_50:") and not np.isnan(value)]
    assert len(told) == (N_BANDS if rate_hz > 2 * HIGHEST_HZ else band_at(rate_hz / 2))


def test_of_silence_nothing_is_told() -> None:
    assert np.isnan(list(texture(np.zeros((2, 44_100))).values())).all()
