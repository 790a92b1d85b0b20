from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError
from earmark.service.auth import Caller
from earmark.service.database import Database, database_url
from earmark.service.feedback import FeedbackStore, SoundShelf, parse_correction
from tests.service.feedback.conftest import fields, wav

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture
def say(tmp_path: Path) -> Callable[..., str]:
    """Return a function that stores feedback in the state folder of the test."""

    def store(number: int, *, keep: bool = True, **given: Any) -> str:
        database = Database(database_url("", str(tmp_path)))
        database.open()
        correction = parse_correction(fields(wav(number), consent=str(keep).lower(), **given))
        audio = io.BytesIO(wav(number)) if keep else None
        stored = FeedbackStore(database, SoundShelf(tmp_path)).add(correction, Caller("ada", None), audio)
        database.close()
        return stored.id

    return store


def test_feedback_is_listed(run: Run, say: Callable[..., str], tmp_path: Path) -> None:
    first = say(1, recording="tape 4", start_s="0.1", end_s="0.2")
    say(2, label="")
    shown = run("feedback", "list", "--state-dir", tmp_path).output
    assert all(text in shown for text in (first, "ada", "tape 4", "0.1-0.2 s", "(none)", "kept"))
    listed = json.loads(run("feedback", "list", "--state-dir", tmp_path, "--model", "tones", "--json").stdout)
    assert [entry["label"] for entry in listed] == ["quiet", ""]
    assert json.loads(run("feedback", "list", "--state-dir", tmp_path, "--since", "2999-01-01", "--json").stdout) == []


def test_history_is_shown_when_asked_for(run: Run, say: Callable[..., str], tmp_path: Path) -> None:
    say(1)
    say(1, label="middle")
    assert "quiet" not in run("feedback", "list", "--state-dir", tmp_path).output.replace("(replaced)", "")
    assert "quiet (replaced)" in run("feedback", "list", "--state-dir", tmp_path, "--history").output


def test_export_writes_a_manifest_and_says_what_was_left_out(run: Run, say: Callable[..., str], tmp_path: Path) -> None:
    say(1)
    say(2, keep=False)
    say(3, label="")
    out = tmp_path / "out"
    done = run("feedback", "export", out, "--state-dir", tmp_path)
    assert f"{out / 'feedback-v1.csv'}: new, 1 clip of 1 group" in done.stdout
    assert f"--also {out / 'feedback-v1.csv'}" in done.stdout
    assert "left out 1 whose sound is not kept" in done.stderr
    assert "left out 1 that are none of the labels (--many or --none-as keeps them)" in done.stderr
    with (out / "feedback-v1.csv").open() as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["quiet"]
    again = json.loads(run("feedback", "export", out, "--state-dir", tmp_path, "--json").stdout)
    assert (again["version"], again["is_new"], again["left_out"]) == (
        1,
        False,
        {"no_sound": 1, "none_of_the_labels": 1},
    )
    named = json.loads(run("feedback", "export", out, "--state-dir", tmp_path, "--none-as", "other", "--json").stdout)
    assert (named["version"], named["labels"]) == (2, {"other": 1, "quiet": 1})
    many = json.loads(run("feedback", "export", out, "--state-dir", tmp_path, "--many", "--json").stdout)
    assert (many["version"], many["n_clips"]) == (3, 2)


def test_an_export_of_nothing_fails(run: Run, tmp_path: Path) -> None:
    assert (
        "no feedback to export" in run("feedback", "export", tmp_path / "out", "--state-dir", tmp_path, code=1).stderr
    )


def test_feedback_is_deleted_with_its_sound(run: Run, say: Callable[..., str], tmp_path: Path) -> None:
    first, _ = say(1), say(2)
    done = run("feedback", "delete", first, "--state-dir", tmp_path)
    assert "deleted: 1 feedback, 1 sound" in done.stdout
    assert len(list(tmp_path.glob("audio/??/*"))) == 1
    assert "deleted: 0 feedback" in run("feedback", "delete", "--before", "2001-01-01", "--state-dir", tmp_path).stdout
    done = run("feedback", "delete", "--before", "2999-01-01", "--state-dir", tmp_path, "--json")
    assert len(json.loads(done.stdout)["sounds"]) == 1
    assert not list(tmp_path.glob("audio/??/*"))


def test_a_sound_that_lies_elsewhere_is_told(run: Run, say: Callable[..., str], tmp_path: Path) -> None:
    identifier = say(1)
    where = ("--database", f"sqlite:///{tmp_path / 'earmark.sqlite3'}", "--state-dir", tmp_path / "other")
    done = run("feedback", "delete", identifier, *where)
    assert "there was no sound at" in done.stderr
    assert "--state-dir" in done.stderr


@pytest.mark.parametrize("words", [[], ["abc", "--before", "2026-01-01"]])
def test_delete_wants_to_know_what(run: Run, tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(ConfigError, match="give the numbers of feedback, or --before"):
        run("feedback", "delete", *words, "--state-dir", tmp_path)


def test_a_day_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='--since: found "yesterday"'):
        run("feedback", "list", "--since", "yesterday", "--state-dir", tmp_path)
