from __future__ import annotations

import io
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, StoreError
from earmark.service.database import Database
from earmark.service.feedback import (
    FeedbackStore,
    SoundShelf,
    Wanted,
    delete_feedback,
    find_old,
    list_feedback,
    parse_correction,
)
from tests.service.feedback.conftest import ADA, BEN, Desk, answer, fields, sha256_of, wav

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = Wanted(history=True)


def test_a_correction_is_kept_with_who_and_when(desk: Desk) -> None:
    stored = desk.say(wav(), label="quiet", comment="größer 🎧", recording="tape 4", start_s="0.1", end_s="0.25")
    (entry,) = list_feedback(desk.database)
    assert entry.id == stored.id
    assert (entry.who, entry.model, entry.said, entry.probability, entry.label) == (
        "ada",
        "tones",
        "loud",
        0.75,
        "quiet",
    )
    assert (entry.comment, entry.recording, entry.start_s, entry.end_s) == ("größer 🎧", "tape 4", 0.1, 0.25)
    assert entry.created_at.tzinfo is not None
    assert entry.to_dict()["created_at"].endswith("+00:00")


def test_a_sound_is_kept_only_with_consent(desk: Desk) -> None:
    assert not desk.say(wav(1), keep=False).audio_kept
    correction = parse_correction(fields(wav(2), consent="false"))
    assert not desk.store.add(correction, ADA, io.BytesIO(wav(2))).audio_kept
    assert desk.files() == []
    assert desk.say(wav(3)).audio_kept
    assert desk.files() == [sha256_of(wav(3))]


def test_a_kept_sound_is_private_and_whole(small: Desk) -> None:
    small.say(wav())
    (file,) = small.state_dir.glob("audio/??/*.wav")
    assert file.read_bytes() == wav()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((small.state_dir / "audio").stat().st_mode) == 0o700
    assert not list(small.state_dir.glob("audio/**/.writing-*"))


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    first = desk.say(wav(), comment="a")
    assert desk.say(wav(), comment="a") == first
    assert len(list_feedback(desk.database, EVERYTHING)) == 1


def test_consent_may_come_later(desk: Desk) -> None:
    first = desk.say(wav(), keep=False)
    second = desk.say(wav())
    assert (second.id, second.audio_kept) == (first.id, True)
    assert desk.say(wav(), keep=False) == second  # it is taken back by deleting
    assert len(list_feedback(desk.database, EVERYTHING)) == 1


def test_a_later_word_counts_and_the_earlier_one_is_history(desk: Desk) -> None:
    first = desk.say(wav(), label="quiet")
    second = desk.say(wav(), BEN, label="middle")
    third = desk.say(wav(), label="quiet")
    assert len({first.id, second.id, third.id}) == 3
    assert [entry.id for entry in list_feedback(desk.database)] == [third.id]
    assert [entry.current for entry in list_feedback(desk.database, EVERYTHING)] == [False, False, True]


def test_other_spans_and_other_models_are_other_questions(desk: Desk) -> None:
    desk.say(wav())
    desk.say(wav(), start_s="0", end_s="0.2")
    desk.say(wav(), result=answer(wav(), model={"name": "digits", "version": "000000000000"}))
    assert len(list_feedback(desk.database)) == 3
    assert len(list_feedback(desk.database, Wanted(model="digits"))) == 1


def test_many_who_speak_at_once_leave_one_last_word(desk: Desk) -> None:
    other = FeedbackStore(Database(desk.database.url), SoundShelf(desk.state_dir))
    together = threading.Barrier(8)

    def say(number: int) -> str:
        store = (desk.store, other)[number % 2]
        together.wait()
        correction = parse_correction(fields(wav(), label=f"label {number % 4}", consent="true"))
        return store.add(correction, ADA, io.BytesIO(wav())).id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(say, range(8)))
    entries = list_feedback(desk.database, EVERYTHING)
    assert {entry.id for entry in entries} == ids
    assert sum(entry.current for entry in entries) == 1
    assert all(entry.audio_kept for entry in entries)
    assert desk.files() == [sha256_of(wav())]
    other._database.close()


def test_deleting_takes_the_sound_with_the_last_that_tells_of_it(desk: Desk) -> None:
    first = desk.say(wav(), label="quiet")
    second = desk.say(wav(), label="middle")
    deleted = delete_feedback(desk.database, desk.shelf, [second.id])
    assert (deleted.ids, deleted.sounds) == ([second.id], [])
    (left,) = list_feedback(desk.database)
    assert (left.id, left.label, left.current) == (first.id, "quiet", True)
    deleted = delete_feedback(desk.database, desk.shelf, [first.id])
    assert len(deleted.sounds) == 1
    assert desk.files() == []
    assert list_feedback(desk.database, EVERYTHING) == []


def test_deleting_history_leaves_the_last_word(desk: Desk) -> None:
    first, second = desk.say(wav(), label="quiet"), desk.say(wav(), label="middle")
    delete_feedback(desk.database, desk.shelf, [first.id])
    assert [entry.id for entry in list_feedback(desk.database)] == [second.id]
    assert desk.files()


def test_what_is_not_there_is_told(desk: Desk) -> None:
    with pytest.raises(ConfigError, match='no feedback "nothing"'):
        delete_feedback(desk.database, desk.shelf, ["nothing"])
    stored = desk.say(wav())
    next(desk.state_dir.glob("audio/??/*")).unlink()
    assert len(delete_feedback(desk.database, desk.shelf, [stored.id]).absent) == 1


def test_old_feedback_is_found_with_its_history(desk: Desk) -> None:
    desk.say(wav(), label="quiet")
    desk.say(wav(), label="middle")
    now = list_feedback(desk.database)[0].created_at
    assert len(find_old(desk.database, now)) == 1


def test_a_sound_that_cannot_be_written_leaves_nothing_behind_that_the_next_try_does_not_mend(
    small: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: SoundShelf, _place: str, _content: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(SoundShelf, "keep", full)
        with pytest.raises(StoreError, match="disk full"):
            small.say(wav())
    (entry,) = list_feedback(small.database)
    assert not entry.audio_kept
    assert small.say(wav()).audio_kept
    assert [found.id for found in list_feedback(small.database, EVERYTHING)] == [entry.id]


def test_a_sound_whose_feedback_is_deleted_meanwhile_does_not_stay(
    small: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = SoundShelf.keep

    def deleted_meanwhile(self: SoundShelf, place: str, content: io.BytesIO) -> None:
        delete_feedback(small.database, self, [list_feedback(small.database)[0].id])
        keep(self, place, content)

    monkeypatch.setattr(SoundShelf, "keep", deleted_meanwhile)
    assert not small.say(wav()).audio_kept
    assert small.files() == []


def test_a_sound_that_cannot_be_deleted_keeps_its_feedback(small: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = small.say(wav())

    def refuse(_self: SoundShelf, _place: str) -> bool:
        raise StoreError("no right to delete")

    monkeypatch.setattr(SoundShelf, "remove", refuse)
    with pytest.raises(StoreError, match="no right"):
        delete_feedback(small.database, small.shelf, [stored.id])
    assert [entry.id for entry in list_feedback(small.database)] == [stored.id]


def test_a_crash_before_the_sound_is_noted_is_mended_by_the_next_try(
    small: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FeedbackStore, "_settle", die)
        with pytest.raises(KeyboardInterrupt):
            small.say(wav())
    assert small.files()
    elsewhere = SoundShelf(tmp_path / "elsewhere")  # even one that keeps new sounds in another place
    again = FeedbackStore(small.database, elsewhere).add(
        parse_correction(fields(wav(), consent="true")), ADA, io.BytesIO(wav())
    )
    assert again.audio_kept
    deleted = delete_feedback(small.database, small.shelf, [again.id])
    assert len(deleted.sounds) == 1
    assert small.files() == []
