from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from earmark.service.feedback.choose import choose
from earmark.service.feedback.entries import Entry

KEPT = {"a" * 64: "aa/a.wav", "b" * 64: "bb/b.wav"}


def entry(sound: str = "a", label: str = "cat", span: tuple[float, float] | None = None, **changes: Any) -> Entry:
    start_s, end_s = span or (None, None)
    known: dict[str, Any] = {
        "id": f"{sound}-{label}-{span}",
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "who": "ada",
        "model": "pets",
        "model_version": "1",
        "said": "dog",
        "probability": 0.6,
        "verdict": "wrong",
        "label": label,
        "start_s": start_s,
        "end_s": end_s,
        "comment": "",
        "recording": "",
        "audio_sha256": sound * 64,
        "consent": True,
        "audio_kept": True,
        "current": True,
    }
    return Entry(**known | changes)


def labels(*entries: Entry, **options: Any) -> list[str]:
    return sorted(example.label for example in choose(entries, KEPT, {}, **options).examples)


def test_each_last_word_becomes_an_example() -> None:
    chosen = choose([entry("a"), entry("b", "dog")], KEPT, {"a" * 64: "tape 4"})
    assert [(e.label, e.group) for e in chosen.examples] == [("cat", "tape 4"), ("dog", f"sound-{'b' * 16}")]
    assert (chosen.left_out, chosen.n_repeated) == ({}, 0)


def test_what_has_no_sound_is_counted() -> None:
    assert choose([entry("c"), entry("a")], KEPT, {}).left_out == {"no_sound": 1}


def test_none_of_the_labels_is_counted_or_named_or_empty() -> None:
    assert choose([entry(label="")], KEPT, {}).left_out == {"none_of_the_labels": 1}
    assert labels(entry(label=""), none_as="other") == ["other"]
    assert labels(entry(label=""), many=True) == [""]


def test_what_contradicts_is_left_out_on_both_sides() -> None:
    chosen = choose([entry(), entry(label="dog", model="animals"), entry("b")], KEPT, {})
    assert [e.entry.audio_sha256[0] for e in chosen.examples] == ["b"]
    assert chosen.left_out == {"conflict": 2}


def test_spans_contradict_where_they_overlap() -> None:
    assert labels(entry(span=(0, 1)), entry(label="dog", span=(1, 2))) == ["cat", "dog"]
    assert labels(entry(span=(0, 1.1)), entry(label="dog", span=(1, 2))) == []
    assert labels(entry(), entry(label="dog", span=(1, 2))) == []
    assert labels(entry(), entry(label="cat", span=(1, 2))) == ["cat", "cat"]


def test_several_labels_may_overlap_but_not_on_the_same_stretch() -> None:
    assert labels(entry(span=(0, 2)), entry(label="dog", span=(1, 2)), many=True) == ["cat", "dog"]
    assert labels(entry(span=(1, 2)), entry(label="dog", span=(1, 2)), many=True) == []


def test_what_two_models_were_told_alike_is_one_example() -> None:
    chosen = choose([entry(), entry(model="animals")], KEPT, {})
    assert [e.entry.model for e in chosen.examples] == ["animals"]
    assert (chosen.n_repeated, chosen.left_out) == (1, {})
