"""The frontend `measures`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import ConfigError
from earmark.distortion.frontend import MeasuresFrontend, measures
from earmark.distortion.measures import NAMES, measure
from earmark.distortion.measures.block import cut_blocks
from earmark.distortion.measures.spectra import take_spectra
from earmark.distortion.measures.texture import TEXTURE_NAMES, texture_of
from earmark.features.testing import NativeFrontendContract, noise

if TYPE_CHECKING:
    from earmark.features.base import NativeFrontend


class TestMeasures(NativeFrontendContract):
    def frontend(self) -> NativeFrontend:
        return measures()


def test_a_row_is_measures_and_texture_and_their_mask() -> None:
    sound = noise(1, 100_000, 44_100)
    (window,) = MeasuresFrontend().measure([sound])
    values, mask = np.split(window.features, 2)
    found = measure(sound)
    np.testing.assert_array_equal(values[: len(NAMES)], found.values)
    np.testing.assert_array_equal(mask[: len(NAMES)] == 1, found.assessable)
    (block,) = cut_blocks([sound])
    texture = texture_of(block, take_spectra(block))
    np.testing.assert_array_equal(mask[len(NAMES) :] == 1, np.isfinite(texture))
    np.testing.assert_array_equal(values[len(NAMES) :], np.nan_to_num(texture))
    assert np.isnan(texture).sum() == sum(
        name.startswith(("coherence", "in_phase", "balance")) for name in TEXTURE_NAMES
    )


def test_there_is_a_row_for_each_block_of_ten_seconds() -> None:
    rows = list(measures().measure([noise(1, round(20.9 * 8000), 8000)]))
    assert [(row.start_s, row.end_s) for row in rows] == [(0, 10), (10, pytest.approx(20.9))]


def test_silence_is_not_assessable_and_zero() -> None:
    (window,) = measures().measure([Waveform(np.zeros((2, 44_100), dtype=np.float32), 44_100)])
    row = dict(zip([*NAMES, *TEXTURE_NAMES], window.features.reshape(2, -1).T.tolist(), strict=True))
    assert row["silence_share"] == [1, 1]
    assert row["snr_db"] == row["correlation"] == row["mp3_trace"] == row["flux:3"] == [0, 0]


def test_it_has_no_options() -> None:
    with pytest.raises(ConfigError, match='frontend "measures"'):
        measures(rate_hz=16_000)
