from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, read_audio, write_audio
from earmark.core.errors import DataError
from earmark.distortion.corpus.render_pieces import Piece, list_pieces
from earmark.distortion.corpus.render_track import dithered, render_piece, set_level, take_stretch

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.distortion.corpus.sources import Source


def tone(duration_s: float = 3.0, rate_hz: int = 8000, n_channels: int = 2, peak: float = 0.1) -> Waveform:
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = peak * np.sin(2 * np.pi * np.array([[300.0], [301.0]])[:n_channels] * times_s)
    return Waveform(wave.astype(np.float32), rate_hz)


def test_a_stretch_leaves_silence_out_and_comes_from_the_middle() -> None:
    samples = np.zeros((2, 10_000), dtype=np.float32)
    samples[0, 1000:9000] = 0.5
    whole = take_stretch(Waveform(samples, 1000), longest_s=20.0)
    assert whole.n_samples == 8000
    ramp = Waveform(np.linspace(0.1, 0.5, 10_000, dtype=np.float32)[None], 1000)
    middle = take_stretch(ramp, longest_s=2.0).samples
    assert middle.shape == (1, 2000)
    assert middle[0, 0] == pytest.approx(0.1 + 0.4 * 0.4, abs=0.001)
    ramp.samples[0, 2000:8000] = 0
    elsewhere = take_stretch(ramp, longest_s=2.0).samples
    assert elsewhere[0, 0] == pytest.approx(0.1 + 0.4 * 0.04, abs=0.001)
    with pytest.raises(DataError, match="only silence"):
        take_stretch(Waveform(np.zeros((1, 100), dtype=np.float32), 1000), longest_s=1.0)


def test_levels_are_drawn_between_9_and_half_a_db_below_full_scale() -> None:
    peaks = [
        20 * np.log10(np.abs(set_level(tone(0.1), np.random.default_rng(seed)).samples).max()) for seed in range(50)
    ]
    assert -9.01 < min(peaks) < -7
    assert -2 < max(peaks) < -0.49


def test_dither_is_two_steps_wide_and_never_clips() -> None:
    quiet = Waveform(np.zeros((1, 100_000), dtype=np.float32), 8000)
    noise = 32768 * dithered(quiet, np.random.default_rng(0)).samples
    assert noise.std() == pytest.approx(np.sqrt(1 / 6), rel=0.02)
    assert np.abs(noise).max() < 1.0
    loud = Waveform(np.ones((1, 1000), dtype=np.float32), 8000)
    assert dithered(loud, np.random.default_rng(0)).samples.max() == 1.0


def piece_of(rows: dict[str, Source], name: str, fetched: Path, index: int = 0) -> Piece:
    return list_pieces(rows[name], fetched)[index]


def test_lossy_files_keep_rate_channels_and_level_and_tell_their_bit_rate(
    rows: dict[str, Source], fetched: Path, tmp_path: Path
) -> None:
    for name in ("lossy", "zipped"):
        track = render_piece(piece_of(rows, name, fetched), tmp_path, np.random.default_rng(0), longest_s=2.0)
        size = (fetched / "lossy" / "music" / "one.ogg").stat().st_size
        assert track.kbps == pytest.approx(size * 8 / 3000, abs=0.06)
        assert (track.codec, track.lossless) == ("vorbis", False)
        assert (track.rate_hz, track.n_channels, track.duration_s) == (8000, 2, 2.0)
        assert np.abs(read_audio(track.path).samples).max() == pytest.approx(0.5, abs=0.05)


def test_stems_are_summed_and_turned_down_where_they_would_clip(
    rows: dict[str, Source], fetched: Path, tmp_path: Path
) -> None:
    for name in ("song", "guitar"):
        write_audio(fetched / "stems" / "first" / f"{name}.ogg", tone(peak=0.9))
    mix = render_piece(piece_of(rows, "stems", fetched), tmp_path, np.random.default_rng(0), longest_s=2.0)
    assert np.abs(read_audio(mix.path).samples).max() == pytest.approx(0.99, abs=0.001)
    write_audio(fetched / "stems" / "first" / "guitar.ogg", tone(rate_hz=16_000))
    with pytest.raises(DataError, match="stems differ"):
        render_piece(piece_of(rows, "stems", fetched), tmp_path, np.random.default_rng(0), longest_s=2.0)


def test_a_lossless_recording_is_no_lossy_one(rows: dict[str, Source], fetched: Path, tmp_path: Path) -> None:
    piece = list_pieces(replace(rows["lossy"], packages=("kits",), pattern="A/one.wav"), fetched)[0]
    track = render_piece(piece, tmp_path, np.random.default_rng(0), longest_s=2.0)
    assert (track.lossless, track.codec, track.kbps) == (True, "flac", 0.0)


def test_pieces_that_are_too_short_or_lack_a_soundfont_are_refused(
    rows: dict[str, Source], fetched: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    short = replace(piece_of(rows, "lossy", fetched), source=replace(rows["lossy"], least_s=15.0))
    with pytest.raises(DataError, match=r"found 2\.0 s of sound, expected 15 s"):
        render_piece(short, tmp_path, rng, longest_s=2.0)
    with pytest.raises(DataError, match="has no soundfont"):
        render_piece(replace(piece_of(rows, "songs", fetched), soundfont_path=None), tmp_path, rng, longest_s=2.0)
