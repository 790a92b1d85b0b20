from __future__ import annotations

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import ConfigError
from earmark.distortion.effects import digital


def test_bits_leave_so_many_steps(music: Waveform, rng: np.random.Generator) -> None:
    done = digital.crush_bits(music, digital.BitCrushParameters(4), rng)
    assert len(np.unique(done.waveform.samples)) <= 2**4 + 1
    assert done.kind == "noise"


def test_a_bit_is_worth_six_decibels(rng: np.random.Generator) -> None:
    noise = Waveform(rng.uniform(-0.9, 0.9, (1, 50_000)).astype(np.float32), 8000)
    for bits in (4, 5, 6):
        done = digital.crush_bits(noise, digital.BitCrushParameters(bits), rng)
        assert 40 - 40 * done.severity == pytest.approx(6.02 * bits, abs=0.2)


@pytest.mark.parametrize("fill", digital.FILLS)
def test_drop_outs_take_their_share(fill: digital.Fill, music: Waveform, rng: np.random.Generator) -> None:
    done = digital.drop_out(music, digital.DropOutParameters(0.1, 20.0, fill), rng)
    gain = 10 ** (done.gain_db / 20)
    changed = np.abs(done.waveform.samples / gain - music.samples).max(axis=0) > 1e-5
    assert changed.mean() == pytest.approx(0.1, abs=0.005)
    assert done.parameters["fill"] == fill


def test_drop_outs_of_silence_are_silent(music: Waveform, rng: np.random.Generator) -> None:
    done = digital.drop_out(music, digital.DropOutParameters(0.1, 20.0, "silence"), rng)
    silent = ~done.waveform.samples.any(axis=0)
    assert silent.mean() == pytest.approx(0.1, abs=0.005)
    assert np.flatnonzero(np.diff(silent.astype(int))).size <= 2 * 5 + 1


def test_one_sample_is_the_least_that_drops_out(music: Waveform, rng: np.random.Generator) -> None:
    done = digital.drop_out(music, digital.DropOutParameters(1e-9, 10.0, "silence"), rng)
    assert np.count_nonzero(~done.waveform.samples.any(axis=0)) == 1


def test_clicks_are_counted_and_sized(rng: np.random.Generator) -> None:
    quiet = np.full((2, 80_000), 1e-3, dtype=np.float32)
    quiet[:, ::2] *= -1
    quiet[:, 0] = 0.5
    done = digital.add_clicks(Waveform(quiet, 8000), digital.ClickParameters(2.0, -6.0), rng)
    loud = np.flatnonzero(np.abs(done.waveform.samples[0]) > 0.5 * np.abs(done.waveform.samples[0, 1:]).max())
    starts = loud[np.insert(np.diff(loud) > 16, 0, True)]
    assert 17 <= len(starts) <= 21  # 20, and what was there
    assert np.array_equal(*(done.waveform.samples - done.waveform.samples.mean(axis=0)))


def test_a_fraction_of_a_click_has_that_fraction_of_the_power(music: Waveform) -> None:
    half, whole = (
        digital.add_clicks(music, digital.ClickParameters(per_s), np.random.default_rng(1)).severity
        for per_s in (0.5, 1.0)
    )
    assert 40 * (whole - half) == pytest.approx(3.01, abs=0.2)


def test_wrong_numbers_are_told(music: Waveform, rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match="bit-crush: found bits=0"):
        digital.crush_bits(music, digital.BitCrushParameters(0), rng)
    with pytest.raises(ConfigError, match="drop-outs: found share=1"):
        digital.drop_out(music, digital.DropOutParameters(1.0), rng)
    with pytest.raises(ConfigError, match="clicks: found level_db=30"):
        digital.add_clicks(music, digital.ClickParameters(1, 30), rng)
