from __future__ import annotations

import sys

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError, MissingExtraError
from earmark.distortion.effects.codecs import CODECS, code, coding_rate, possible_kbps, realign
from earmark.distortion.effects.compression import CompressionParameters, compress, kbps_for_severity
from earmark.distortion.severity import MP3_EQUIVALENCE, compression_severity, distortion_ratio_db
from tests.distortion.conftest import make_music

AT_44_KHZ = make_music(rate_hz=44_100, duration_s=0.6)


def test_every_codec_has_an_equivalent() -> None:
    assert set(CODECS) == set(MP3_EQUIVALENCE)


@pytest.mark.parametrize("name", CODECS)
def test_coded_sound_is_in_step_to_the_sample(name: str) -> None:
    kbps = possible_kbps(name, 256, 2, 44_100)
    decoded = code(AT_44_KHZ.samples, 44_100, name, kbps)
    assert decoded.shape == AT_44_KHZ.samples.shape
    assert decoded.dtype == np.float32
    ratios_db = [distortion_ratio_db(AT_44_KHZ.samples, np.roll(decoded, shift, axis=1)) for shift in (-1, 0, 1)]
    assert ratios_db[1] == max(ratios_db)
    assert ratios_db[1] > 12


@pytest.mark.parametrize("name", ["mp3", "vorbis", "opus", "aac"])
def test_fewer_bits_leave_less(name: str) -> None:
    kept_db = [
        distortion_ratio_db(AT_44_KHZ.samples, code(AT_44_KHZ.samples, 44_100, name, kbps)) for kbps in (320, 128, 64)
    ]
    assert kept_db == sorted(kept_db, reverse=True)


@pytest.mark.parametrize("name", ["mp3", "mp3-vbr", "vorbis", "opus", "aac", "ac3", "mp2"])
@pytest.mark.parametrize(("n_channels", "rate_hz"), [(1, 8000), (3, 22_050), (1, 96_000)])
def test_any_rate_and_number_of_channels_comes_through(name: str, n_channels: int, rate_hz: int) -> None:
    music = make_music(n_channels, rate_hz, 0.3)
    decoded = code(music.samples, rate_hz, name, possible_kbps(name, 64 * n_channels, n_channels, rate_hz))
    assert decoded.shape == music.samples.shape
    assert distortion_ratio_db(music.samples, decoded) > 3


@pytest.mark.parametrize("name", ["mp3", "opus", "aac"])
def test_sound_beyond_full_scale_is_not_clipped_by_the_encoder(name: str) -> None:
    loud = 4 * AT_44_KHZ.samples
    decoded = code(loud, 44_100, name, 256)
    assert np.abs(decoded).max() > 0.8 * np.abs(loud).max()
    assert distortion_ratio_db(loud, decoded) > 12


def test_coding_twice_gives_the_same_sound() -> None:
    for name in ("mp3", "aac", "opus"):
        first, second = (code(AT_44_KHZ.samples, 44_100, name, 96) for _ in range(2))
        assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "wanted", "n_channels", "rate_hz", "given"),
    [
        ("mp3", 100, 2, 44_100, 96),
        ("mp3", 500, 2, 44_100, 320),
        ("mp3", 24, 2, 44_100, 24),
        ("mp3", 128, 1, 44_100, 128),
        ("mp3", 320, 1, 44_100, 160),
        ("mp3", 128, 2, 8000, 64),
        ("mp3", 512, 8, 44_100, 512),
        ("mp3-vbr", 128, 2, 44_100, 128),
        ("mp3-vbr", 32, 2, 44_100, 65),
        ("mp3-vbr", 128, 2, 16_000, 122.5),
        ("vorbis", 48, 2, 44_100, 64),
        ("opus", 48, 2, 44_100, 48),
        ("aac", 77.7, 2, 44_100, 77.7),
        ("ac3", 100, 2, 48_000, 96),
        ("mp2", 30, 2, 48_000, 64),
        ("mp2", 30, 1, 48_000, 32),
    ],
)
def test_a_bit_rate_becomes_one_that_there_is(
    name: str, wanted: float, n_channels: int, rate_hz: int, given: float
) -> None:
    assert possible_kbps(name, wanted, n_channels, rate_hz) == pytest.approx(given)


@pytest.mark.parametrize(
    ("name", "rate_hz", "kbps", "coded_hz"),
    [
        ("mp3", 44_100, 128, 44_100),
        ("mp3", 44_100, 24, 24_000),
        ("mp3", 96_000, 128, 48_000),
        ("mp3", 37_000, 128, 44_100),
        ("opus", 44_100, 128, 48_000),
        ("vorbis", 37_000, 128, 37_000),
        ("vorbis", 192_000, 128, 48_000),
        ("ac3", 8000, 64, 32_000),
    ],
)
def test_sound_is_coded_at_the_nearest_rate(name: str, rate_hz: int, kbps: float, coded_hz: int) -> None:
    assert coding_rate(CODECS[name], rate_hz, kbps) == coded_hz


@pytest.mark.parametrize("delay", [0, 7, 1105, -40])
def test_a_delay_is_found_and_taken_out(delay: int, music: Waveform) -> None:
    late = np.pad(music.samples, ((0, 0), (max(0, delay), 500)))[:, max(0, -delay) :]
    back = realign(music.samples, late, 0)
    kept = slice(max(0, -delay), None)
    assert np.array_equal(back[:, kept], music.samples[:, kept])


def test_among_equal_delays_of_a_tone_the_expected_one_is_taken() -> None:
    tone = np.sin(2 * np.pi * np.arange(20_000) / 40).astype(np.float32)[np.newaxis]
    late = np.pad(tone, ((0, 0), (400, 0)))
    back = realign(tone, late, 400)
    assert back[:, :19_000] == pytest.approx(tone[:, :19_000], abs=1e-6)


def test_what_the_decoder_lost_is_zero(music: Waveform) -> None:
    back = realign(music.samples, music.samples[:, :-100], 0)
    assert np.array_equal(back[:, :-100], music.samples[:, :-100])
    assert not back[:, -100:].any()


def test_compression_tells_the_severity_of_its_bit_rate(rng: np.random.Generator) -> None:
    done = compress(AT_44_KHZ, CompressionParameters("mp3", 70), rng)
    assert done.parameters == {"codec": "mp3", "kbps": 64}
    assert (done.effect, done.kind) == ("mp3", "compression")
    assert done.severity == pytest.approx(np.log2(256 / 64) / 3)


def test_compression_of_mono_counts_for_two(rng: np.random.Generator, mono: Waveform) -> None:
    at_44_khz = Waveform(mono.samples, 44_100)
    assert compress(at_44_khz, CompressionParameters("opus", 32), rng).severity == pytest.approx(np.log2(256 / 96) / 3)


def test_the_bit_rate_for_a_severity_has_that_severity(music: Waveform) -> None:
    for codec in CODECS:
        kbps = kbps_for_severity(codec, 0.4, music)
        assert compression_severity(codec, kbps, n_channels=2, rate_hz=22_050) == pytest.approx(0.4)


def test_an_unknown_codec_is_named(music: Waveform, rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match='codec "op" is not known'):
        compress(music, CompressionParameters("op", 64), rng)
    with pytest.raises(ConfigError, match="mp3: found kbps=1, expected 4 to 2560"):
        compress(music, CompressionParameters("mp3", 1), rng)


@pytest.mark.parametrize("codec", ["mp3", "opus"])
def test_three_samples_come_through(codec: str) -> None:
    tiny = np.array([[0.5, -0.5, 0.25]], dtype=np.float32)
    assert code(tiny, 44_100, codec, 64).shape == (1, 3)


def test_a_missing_pyav_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"Coding aac needs the package av.*earmark\[av\]"):
        code(AT_44_KHZ.samples, 44_100, "aac", 128)


def test_what_an_encoder_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    for name, part in (("mp3", {"rates_hz": (96_000,)}), ("mp2", {"rates_hz": (8000,)})):
        monkeypatch.setitem(CODECS, name, dataclasses.replace(CODECS[name], **part))  # type: ignore[arg-type]
        with pytest.raises(AudioError, match=r"refuses \d+ samples in 2 channels.*choose another codec"):
            code(AT_44_KHZ.samples, 44_100, name, 128)
