"""What is kept of the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError
from earmark.distortion.frontend import measures
from earmark.distortion.heard import MOST_MOMENTS, listen
from earmark.distortion.measures import MEASURES, measure
from earmark.distortion.severity import stereo_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.distortion.conftest import Hear, Make


def test_one_block_is_what_measuring_gives(music: Waveform) -> None:
    heard, found = listen([music]), measure(music)
    assert heard.measures() == {name: found[name] for name in MEASURES}
    np.testing.assert_array_equal(heard.line, found.line)
    np.testing.assert_array_equal(heard.rows()[0], next(measures().measure([music])).features)
    assert (heard.rate_hz, heard.n_channels, heard.duration_s) == (22_050, 2, 1.0)


def test_pieces_of_any_length_give_the_same(make: Make) -> None:
    sound = Waveform(np.tile(make(2, 8000, 1.3).samples, 18), 8000)
    cut = [Waveform(piece, 8000) for piece in np.split(sound.samples, [7, 4000, 100_001, 100_001], axis=1)]
    whole, pieces = listen([sound]), listen(cut)
    np.testing.assert_array_equal(whole.values, pieces.values)
    np.testing.assert_array_equal(whole.line, pieces.line)
    assert whole.blocks_s.tolist() == [[0, 10], [10, 20], [20, 23.4]]
    assert whole.block_of.tolist() == [0] * 10 + [1] * 10 + [2] * 3
    assert whole.moments == pieces.moments


def test_blocks_without_sound_are_told_apart(make: Make) -> None:
    quiet = np.concatenate([np.zeros((2, 80_000), np.float32), np.tile(make(2, 8000, 2.0).samples, 5)], axis=1)
    heard = listen([Waveform(quiet, 8000)])
    assert heard.silences == ("the file is silent", None)
    assert heard.silence is None
    assert heard.with_sound.tolist() == [1]


def test_the_fold_down_loss_is_that_of_the_whole_file(make: Make) -> None:
    sound = Waveform(np.tile(make(2, 8000, 2.0).samples, 12), 8000)
    loud_and_wide = sound.samples * np.where(np.arange(sound.n_samples) < 40_000, 0.1, 1).astype(np.float32)
    loud_and_wide[1, 100_000:] *= -1
    found = Waveform(loud_and_wide, 8000)
    assert listen([found]).fold_down_loss_db == pytest.approx(stereo_image(found).fold_down_loss_db, abs=0.01)


def test_one_channel_and_silence_have_no_fold_down_loss(mono: Waveform) -> None:
    assert listen([mono]).fold_down_loss_db is None
    assert listen([Waveform(np.zeros((2, 8000), np.float32), 8000)]).fold_down_loss_db is None


def test_the_file_has_the_highest_peak_the_mean_share_and_the_median_of_the_rest(hear: Hear) -> None:
    heard = hear(
        {"peak_dbfs": -3, "flat_top_share": 0.1, "snr_db": 10, "hum_50_db": 2},
        {"peak_dbfs": -1, "flat_top_share": 0.0, "snr_db": 50},
        {"peak_dbfs": -9, "flat_top_share": 0.2, "snr_db": 40},
    )
    found = heard.measures()
    assert found["peak_dbfs"] == -1
    assert found["flat_top_share"] == pytest.approx(0.1)
    assert found["snr_db"] == 40
    assert found["hum_50_db"] == 2
    assert found["correlation"] is None


def test_moments_are_kept_with_their_times_the_strongest_of_a_long_file(make: Make) -> None:
    rng = np.random.default_rng(2)
    samples = np.tile(make(1, 8000, 2.0).samples, 30) * np.float32(0.05)
    places = np.arange(400, samples.shape[1], 800)  # ten a second
    samples[0, places] += rng.uniform(0.4, 0.9, len(places)).astype(np.float32)
    clicked = Waveform(samples, 8000)
    heard = listen([clicked])
    assert MOST_MOMENTS / 2 < len(heard.moments) <= MOST_MOMENTS
    again = listen([clicked, clicked])
    assert len([moment for moment in again.moments if moment.measure == "clicks_per_s"]) == MOST_MOMENTS
    assert max(moment.end_s for moment in again.moments) > 100
    assert [moment.start_s for moment in again.moments] == sorted(moment.start_s for moment in again.moments)


def test_memory_does_not_grow_with_evidence_or_sound() -> None:
    import tracemalloc

    def hiss() -> Iterator[Waveform]:
        rng = np.random.default_rng(0)
        for _ in range(12):
            yield Waveform(rng.uniform(-1, 1, (1, 80_000)).astype(np.float32), 8000)

    listen([next(hiss())])
    tracemalloc.start()
    heard = listen(hiss())
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert heard.duration_s == 120
    assert kept < 500_000


@pytest.mark.parametrize("samples", [np.zeros((1, 0)), np.array([[0.1, np.nan]]), np.array([[np.inf, 0.0]])])
def test_no_sample_and_no_number_are_errors(samples: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    with pytest.raises(AudioError, match=r"found no samples|finite numbers"):
        listen([Waveform(samples.astype(np.float32), 8000)])
