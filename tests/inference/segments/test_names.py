from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest

from earmark.inference.segments.names import NOISE, UNSURE, Names, clip_stem, folder_names, plain


@hypothesis.given(st.sets(st.text(min_size=1, max_size=80), max_size=6))
def test_every_label_has_a_folder_that_any_system_takes(labels: set[str]) -> None:
    folders = folder_names(labels)
    assert set(folders) == labels
    assert len({folder.casefold() for folder in folders.values()}) == len(labels)
    for folder in folders.values():
        assert len(folder.encode()) < 80
        assert not set(folder) & set('<>:"/\\|?*\0\n\t')
        assert folder == folder.strip()
        assert folder[0] not in "._"
        assert folder.casefold() not in (NOISE, UNSURE, "con", "nul")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("dog", "dog"), ("AC/DC", "AC_DC"), ("con", "con_"), ("..", "unnamed"), ("_noise", "noise"), ("a. ", "a")],
)
def test_plain_names(text: str, expected: str) -> None:
    assert plain(text, 60) == expected


def test_long_names_end_between_characters() -> None:
    assert plain("语" * 50, 10) == "语" * 3


def test_names_stay_apart_where_capitals_do_not_count() -> None:
    assert folder_names(["Dog", "dog", "DOG"]) == {"DOG": "DOG", "Dog": "Dog-2", "dog": "dog-3"}
    names = Names(["a.wav"])
    assert [names.take("a", ".wav"), names.take("A", ".wav")] == ["a-2.wav", "A-3.wav"]


@pytest.mark.parametrize("recording", ["rec/one.wav", "C:\\rec\\one.wav", "gs://bucket/one.wav", "one"])
def test_a_clip_says_recording_time_and_probability(recording: str) -> None:
    assert clip_stem(0.98765, recording, (3725.5, 3728.5), "dog") == "0.988_one_3725.500-3728.500_dog"
