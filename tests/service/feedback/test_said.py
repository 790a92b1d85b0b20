from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from earmark.service.feedback import parse_correction
from earmark.service.problems import Problem
from tests.service.feedback.conftest import answer, fields

EVENTS = [
    {"start_s": 0.1, "end_s": 0.2, "label": "quiet", "probability": 0.9},
    {"start_s": 0.3, "end_s": 0.4, "label": "loud", "probability": 0.8},
]


def test_a_correction_holds_who_said_what_of_which_sound() -> None:
    found = parse_correction(fields(b"x", comment=" barely heard ", recording="tape 4", consent="true"))
    assert (found.model, found.model_version) == ("tones", "3f1c9a5be2d4")
    assert (found.said, found.probability, found.scores) == ("loud", 0.75, {"loud": 0.75, "quiet": 0.25})
    assert (found.verdict, found.label, found.start_s, found.end_s) == ("wrong", "quiet", None, None)
    assert (found.comment, found.recording, found.consent) == ("barely heard", "tape 4", True)


def test_what_is_right_follows_from_what_was_said() -> None:
    right = parse_correction({"result": json.dumps(answer()), "verdict": "correct"})
    assert (right.said, right.label) == ("loud", "loud")
    nothing = parse_correction({"result": json.dumps(answer(accepted=False)), "verdict": "correct"})
    assert (nothing.said, nothing.label, nothing.probability) == ("", "", 0.75)
    missed = parse_correction(fields(result=answer(accepted=False), label="loud"))
    assert (missed.said, missed.label) == ("", "loud")
    assert parse_correction(fields(label="")).label == ""


def test_a_word_on_an_event_is_about_what_was_said_of_the_event() -> None:
    found = parse_correction(fields(result=answer(events=EVENTS), label="loud", start_s="0.1", end_s="0.2"))
    assert (found.said, found.probability, found.label) == ("quiet", 0.9, "loud")
    assert (found.start_s, found.end_s) == (0.1, 0.2)
    other = parse_correction(fields(result=answer(events=EVENTS), start_s="0.15", end_s="0.2"))
    assert (other.said, other.probability) == ("loud", 0.75)


def test_the_likeliest_scores_are_kept() -> None:
    scores = {f"label {number}": number / 1000 for number in range(500)}
    found = parse_correction(fields(result=answer(scores=scores)))
    assert list(found.scores.items())[:2] == [("label 499", 0.499), ("label 498", 0.498)]
    assert len(found.scores) == 20


def test_the_subject_is_model_sound_and_span() -> None:
    whole = parse_correction(fields(b"a"))
    assert parse_correction(fields(b"a", label="middle", comment="no", consent="true")).subject == whole.subject
    others = [
        fields(b"b"),
        fields(b"a", start_s="0", end_s="0.5"),
        fields(result=answer(b"a", model={"name": "digits", "version": "3f1c9a5be2d4"})),
    ]
    assert len({whole.subject, *(parse_correction(other).subject for other in others)}) == 4
    newer = fields(result=answer(b"a", model={"name": "tones", "version": "000000000000"}))
    assert parse_correction(newer).subject == whole.subject


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"verdict": "maybe"}, "'correct' or 'wrong'"),
        ({"verdict": ""}, "'correct' or 'wrong'"),
        ({"label": "loud"}, "which was the answer"),
        ({"label": "x" * 201}, "at most 200"),
        ({"label": "a\x00b"}, "plain text"),
        ({"label": "a\ud800b"}, "plain text"),
        ({"verdict": "correct"}, 'with label "quiet", but the answer was "loud"'),
        ({"start_s": "0.1"}, "go together"),
        ({"end_s": "0.1"}, "go together"),
        ({"start_s": "0.2", "end_s": "0.1"}, "not inside"),
        ({"start_s": "0.1", "end_s": "0.1"}, "not inside"),
        ({"start_s": "0.1", "end_s": "0.6"}, "not inside"),
        ({"start_s": "-1", "end_s": "0.2"}, "greater than or equal"),
        ({"start_s": "nan", "end_s": "0.2"}, "finite"),
        ({"start_s": "soon", "end_s": "0.2"}, "valid number"),
        ({"consent": "perhaps"}, "boolean"),
        ({"comment": "x" * 2001}, "at most 2000"),
        ({"result": "{"}, "not an answer"),
        ({"result": "[]"}, "not an answer"),
        ({"result": json.dumps(answer(probability=1.5))}, '"probability"'),
        ({"result": json.dumps(answer(label="\ud800"))}, "not an answer"),
        ({"result": json.dumps(answer() | {"audio": {"sha256": "../../etc/passwd", "duration_s": 1}})}, "sha256"),
        ({"result": json.dumps(answer(scores={"loud": float("nan")}))}, "not an answer"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(given: dict[str, str], reason: str) -> None:
    with pytest.raises(Problem, match=reason) as caught:
        parse_correction(fields() | given)
    assert caught.value.status == 422


@pytest.mark.parametrize("name", ["result", "verdict", "label"])
def test_a_missing_field_is_named(name: str) -> None:
    given = fields()
    del given[name]
    with pytest.raises(Problem, match=f'field "{name}" is missing'):
        parse_correction(given)


def test_a_long_field_is_not_repeated() -> None:
    with pytest.raises(Problem) as caught:
        parse_correction(fields(result=answer(label="secret" * 1000)))
    assert len(caught.value.detail) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*answer(), "name", "sha256"]) | st.text(), inner),
    max_leaves=20,
)


@hypothesis.given(
    value=JSON, extra=st.dictionaries(st.sampled_from(["label", "start_s", "end_s", "consent"]), st.text())
)
def test_anything_else_is_refused_and_nothing_else_happens(value: Any, extra: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        parse_correction({"result": json.dumps(value), "verdict": "wrong", "label": "", **extra})
    assert caught.value.status == 422
