"""Neither loudness nor place of a word matters, and every option is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError
from earmark.encoders.speech import BATCH, speech_embedding
from earmark.features.testing import FrontendContract

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.encoders.speech import SpeechEmbedding
    from earmark.features.base import Frontend

RATE_HZ = 16000
WINDOW = 38400
WORD = 8000


class TestSpeechEmbedding(FrontendContract):
    tolerance = 1e-5  # ONNX Runtime adds up in another order for another batch

    def frontend(self) -> Frontend:
        return speech_embedding()


class TestSpeechEmbeddingOfOtherLengths(FrontendContract):
    tolerance = 1e-5

    def frontend(self) -> Frontend:
        return speech_embedding(window_s=1.0, hop_s=0.5, focus_s=0.8, level=0.05)


@pytest.fixture(scope="module")
def embed() -> SpeechEmbedding:
    return speech_embedding()


@pytest.fixture(scope="module")
def word() -> NDArray[np.float32]:
    """Return half a second of something like a vowel that glides."""
    times_s = np.arange(WORD) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(130 + 40 * times_s) / RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.hanning(WORD)
    return (0.1 * voice).astype(np.float32)


def window_with(word: NDArray[np.float32], start: int) -> NDArray[np.float32]:
    samples = np.zeros((1, WINDOW), np.float32)
    samples[0, start : start + word.size] = word
    return samples


def difference(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_shape_is_eleven_embeddings_of_96(embed: SpeechEmbedding) -> None:
    assert embed.spec.shape == (11, 96)
    assert (embed.spec.rate_hz, embed.spec.window_samples, embed.spec.hop_samples) == (16000, WINDOW, 12800)
    assert embed(np.zeros((3, WINDOW), np.float32)).shape == (3, 11, 96)


@pytest.mark.parametrize("gain_db", [-40, -20, -6, 6])
def test_loudness_does_not_matter(embed: SpeechEmbedding, word: NDArray[np.float32], gain_db: int) -> None:
    windows = window_with(word, 15000)
    louder = windows * np.float32(10 ** (gain_db / 20))
    assert difference(embed(louder), embed(windows)) < 1e-3


@pytest.mark.parametrize("start", [0, 1234, 8000, 22222, WINDOW - WORD])
def test_place_does_not_matter(embed: SpeechEmbedding, word: NDArray[np.float32], start: int) -> None:
    assert difference(embed(window_with(word, start)), embed(window_with(word, 15200))) < 0.05


def test_another_word_gives_other_numbers(embed: SpeechEmbedding, word: NDArray[np.float32]) -> None:
    assert difference(embed(window_with(word[::-2], 15200)), embed(window_with(word, 15200))) > 0.2


@pytest.mark.parametrize("kind", ["silence", "constant", "clipped", "impulse", "faint"])
def test_odd_sound_gives_finite_numbers(embed: SpeechEmbedding, kind: str) -> None:
    square = np.sign(np.sin(np.arange(WINDOW) / 20)).astype(np.float32)
    impulse = np.zeros(WINDOW, np.float32)
    impulse[-1] = 1.0
    silence = np.zeros(WINDOW, np.float32)
    sounds = {
        "silence": silence,
        "constant": silence + 1,
        "clipped": square,
        "impulse": impulse,
        "faint": 1e-9 * square,
    }
    assert np.isfinite(embed(sounds[kind][np.newaxis])).all()


def test_more_windows_than_a_batch_are_taken(embed: SpeechEmbedding, word: NDArray[np.float32]) -> None:
    windows = np.repeat(window_with(word, 9000), BATCH + 1, axis=0)
    assert difference(embed(windows)[-1], embed(windows[:1])[0]) < 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"focus_s": 0.7}, r"focus_s is 0.7, expected 0.8 to window_s \(2.4\)"),
        ({"focus_s": 3.0}, r"focus_s is 3.0, expected 0.8 to window_s \(2.4\)"),
        ({"hop_s": 2.5}, r"hop_s is 2.5, expected one sample to window_s \(2.4\)"),
        ({"hop_s": 1e-9}, "hop_s is 1e-09, expected one sample"),
        ({"hop_s": 0}, 'key "hop_s": found 0'),
        ({"level": 2.0}, 'key "level": found 2.0'),
        ({"level": "loud"}, "key \"level\": found 'loud'"),
        ({"focus_s": float("nan")}, 'key "focus_s": found nan'),
        ({"window": 2.0}, 'key "window" is not known; did you mean "window_s"'),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f'frontend "speech_embedding": {message}'):
        speech_embedding(**options)


def test_whole_numbers_and_their_floats_are_one_frontend() -> None:
    assert speech_embedding(window_s=2, hop_s=1).spec == speech_embedding(window_s=2.0, hop_s=1.0).spec


@pytest.mark.real
def test_one_speaker_saying_one_digit_twice_is_nearer_than_two_digits(embed: SpeechEmbedding, fsdd_dir: Path) -> None:
    from earmark.audio import read_audio

    def embedding(digit: int, take: int) -> NDArray[np.float32]:
        path = fsdd_dir / "recordings" / f"{digit}_george_{take}.wav"
        samples = read_audio(path, rate_hz=RATE_HZ, mono=True).samples
        return embed(np.pad(samples, ((0, 0), (0, WINDOW - samples.shape[1]))))

    takes = {(digit, take): embedding(digit, take) for digit in range(10) for take in range(2)}
    for digit in range(10):
        distances = [difference(takes[digit, 0], takes[other, 1]) for other in range(10)]
        assert int(np.argmin(distances)) == digit
