from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.core.settings import settings
from earmark.data import load_dataset
from earmark.data.digit_voices import DIGIT_WORDS
from earmark.data.word_voices import WORDS, espeak_words

if TYPE_CHECKING:
    from pathlib import Path

HOMOPHONES = {"for", "fore", "won", "to", "too", "ate", "sex", "tree", "oh"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()


def test_no_word_is_or_sounds_like_a_digit() -> None:
    assert len(WORDS) == len(set(WORDS)) > 400
    assert not {*DIGIT_WORDS, *HOMOPHONES} & set(WORDS)


def test_each_voice_says_digits_words_and_phrases() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    dataset = load_dataset(espeak_words(n_voices=2))
    assert len(set(dataset.groups.tolist())) == 2
    labels = Counter(clip.labels[0] for clip in dataset.clips)
    assert {labels[str(digit)] for digit in range(10)} == {4}
    assert labels["phrase"] == 16
    words = {label: n for label, n in labels.items() if label in WORDS}
    assert sum(words.values()) == 90
    assert len(dataset.clips) == 40 + 16 + 90
    again = load_dataset(espeak_words(n_voices=2))
    assert again.fingerprint == dataset.fingerprint


def test_a_number_of_voices_that_there_is_not() -> None:
    with pytest.raises(DataError, match="found 0 voices, expected 1 to"):
        espeak_words(n_voices=0)
