from __future__ import annotations

import csv
import fcntl
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import DataError, StoreError
from earmark.core.identity import file_sha256
from earmark.data import LoadOptions, check_leaks, load_dataset, make_folds
from earmark.service.feedback import (
    ExportOptions,
    SoundShelf,
    Wanted,
    delete_feedback,
    export_feedback,
    list_feedback,
)
from earmark.service.feedback import export as module
from tests.service.feedback.conftest import ADA, BEN, Desk, answer, sha256_of, wav

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


def rows(manifest: Path | None) -> list[dict[str, str]]:
    assert manifest is not None
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_manifest_says_who_said_what_when_and_what_the_model_said(desk: Desk, tmp_path: Path) -> None:
    desk.say(wav(1), BEN, label="quiet", recording="tape 4", comment='"a", b\n=c')
    desk.say(wav(2), label="middle", start_s="0.1", end_s="0.35")
    exported = export_feedback(desk.database, desk.shelf, tmp_path / "out")
    assert exported.manifest == tmp_path / "out" / "feedback-v1.csv"
    first, second = rows(exported.manifest)
    assert first["path"] == f"audio/{sha256_of(wav(1))[:2]}/{sha256_of(wav(1))}.wav"
    assert (first["label"], first["group"], first["start_s"], first["duration_s"]) == ("quiet", "tape 4", "", "")
    assert (first["who"], first["said"], first["probability"]) == ("ben", "loud", "0.75")
    assert (first["model"], first["model_version"], first["comment"]) == ("tones", "3f1c9a5be2d4", '"a", b\n=c')
    assert first["when"].endswith("+00:00")
    assert (second["start_s"], second["duration_s"]) == ("0.1", "0.25")
    assert second["group"] == f"sound-{sha256_of(wav(2))[:16]}"
    assert {entry.id for entry in list_feedback(desk.database)} == {first["feedback"], second["feedback"]}


def test_the_manifest_reads_as_a_dataset(small: Desk, tmp_path: Path, rng: np.random.Generator) -> None:
    for number in range(8):
        small.say(wav(number), label=("quiet", "middle")[number % 2], recording=f"tape {number // 2}")
    small.say(wav(0), label="middle", start_s="0.1", end_s="0.2", result=answer(wav(0), label="quiet"))
    exported = export_feedback(small.database, small.shelf, tmp_path / "out")
    dataset = load_dataset(str(exported.manifest))
    assert (dataset.name, dataset.labels, dataset.task) == ("feedback-v1", ("middle", "quiet"), "one")
    assert len(dataset.clips) == exported.n_clips == 7  # of the first sound two words contradict each other
    assert exported.left_out == {"conflict": 2}
    assert exported.labels == {"middle": 4, "quiet": 3}
    assert exported.n_groups == 4
    assert all(file_sha256(clip.path) == clip.path.stem for clip in dataset.clips)
    for fold in make_folds(dataset, "leave-one-group-out", rng):
        check_leaks(dataset, fold.train, fold.test)


def test_one_sound_has_one_group_however_it_was_called(small: Desk, tmp_path: Path) -> None:
    small.say(wav(), recording="tape 4", start_s="0", end_s="0.2")
    small.say(wav(), recording="Tape four", start_s="0.2", end_s="0.4")
    small.say(wav(), start_s="0.4", end_s="0.5")
    exported = export_feedback(small.database, small.shelf, tmp_path / "out")
    assert [row["group"] for row in rows(exported.manifest)] == ["Tape four"] * 3


def test_an_equal_export_changes_nothing_and_another_is_the_next_version(small: Desk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small.say(wav(1))
    first = export_feedback(small.database, small.shelf, out)
    before = files(out)
    again = export_feedback(small.database, small.shelf, out)
    assert (again.version, again.is_new, again.fingerprint) == (1, False, first.fingerprint)
    assert files(out) == before
    small.say(wav(2))
    second = export_feedback(small.database, small.shelf, out)
    assert (second.version, second.is_new, second.n_clips) == (2, True, 2)
    assert second.fingerprint != first.fingerprint
    assert before.items() <= files(out).items()
    facts = json.loads((out / "feedback-v2.json").read_text())
    assert (facts["version"], facts["fingerprint"], facts["manifest"]) == (2, second.fingerprint, "feedback-v2.csv")


def test_what_is_left_out_is_counted(small: Desk, tmp_path: Path) -> None:
    small.say(wav(1), keep=False)
    small.say(wav(2), label="")
    small.say(wav(3))
    exported = export_feedback(small.database, small.shelf, tmp_path / "out")
    assert exported.left_out == {"no_sound": 1, "none_of_the_labels": 1}
    assert exported.n_clips == 1


def test_none_of_the_labels_may_be_a_label_or_no_label(small: Desk, tmp_path: Path) -> None:
    small.say(wav(1), label="")
    small.say(wav(2))
    named = export_feedback(small.database, small.shelf, tmp_path / "named", ExportOptions(none_as="other"))
    assert [row["label"] for row in rows(named.manifest)] == ["other", "quiet"]
    many = export_feedback(small.database, small.shelf, tmp_path / "many", ExportOptions(many=True))
    dataset = load_dataset(str(many.manifest))
    assert dataset.task == "many"
    assert sorted(clip.labels for clip in dataset.clips) == [(), ("quiet",)]


def test_only_what_is_wanted(small: Desk, tmp_path: Path) -> None:
    small.say(wav(1))
    small.say(wav(2), result=answer(wav(2), model={"name": "digits", "version": "1"}))
    (_, second) = list_feedback(small.database)
    for wanted in (Wanted(model="digits"), Wanted(since=second.created_at)):
        exported = export_feedback(small.database, small.shelf, tmp_path / str(wanted.model), ExportOptions(wanted))
        assert [row["feedback"] for row in rows(exported.manifest)] == [second.id]


def test_the_sound_of_one_serves_the_label_of_another(small: Desk, tmp_path: Path) -> None:
    small.say(wav(), ADA, label="quiet")
    small.say(wav(), BEN, label="middle", keep=False)
    exported = export_feedback(small.database, small.shelf, tmp_path / "out")
    assert [(row["who"], row["label"]) for row in rows(exported.manifest)] == [("ben", "middle")]


def test_a_sound_that_is_gone_is_counted_and_one_that_changed_is_told(small: Desk, tmp_path: Path) -> None:
    small.say(wav(1))
    small.say(wav(2))
    kept = {path.stem: path for path in small.state_dir.glob("audio/??/*")}
    kept[sha256_of(wav(1))].unlink()
    exported = export_feedback(small.database, small.shelf, tmp_path / "out")
    assert (exported.n_clips, exported.left_out) == (1, {"no_sound": 1})
    kept[sha256_of(wav(2))].write_bytes(b"something else")
    with pytest.raises(StoreError, match="not the sound that was stored"):
        export_feedback(small.database, small.shelf, tmp_path / "new")


def test_nothing_to_export_makes_no_version(small: Desk, tmp_path: Path) -> None:
    exported = export_feedback(small.database, small.shelf, tmp_path / "out")
    assert (exported.manifest, exported.version, exported.n_clips) == (None, 0, 0)
    assert list((tmp_path / "out").glob("feedback*")) == []


def test_what_is_deleted_is_not_in_the_next_version(small: Desk, tmp_path: Path) -> None:
    small.say(wav(1))
    small.say(wav(2))
    out = tmp_path / "out"
    export_feedback(small.database, small.shelf, out)
    delete_feedback(small.database, small.shelf, [list_feedback(small.database)[0].id])
    exported = export_feedback(small.database, small.shelf, out)
    assert (exported.version, exported.n_clips) == (2, 1)


def test_two_exports_do_not_write_to_one_folder(small: Desk, tmp_path: Path) -> None:
    small.say(wav())
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / module.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another export is writing"):
            export_feedback(small.database, small.shelf, tmp_path / "out")
    assert export_feedback(small.database, small.shelf, tmp_path / "out").version == 1


def test_a_folder_that_cannot_be_written_is_told(small: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        export_feedback(small.database, small.shelf, tmp_path / "file")


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from earmark.service.database import Database
from earmark.service.feedback import SoundShelf, export_feedback
import earmark.core.files as files

url, state, out, n = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
replace, done = Path.replace, 0

def replace_or_die(self, target):
    global done
    done += 1
    if done > n:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = replace_or_die
database = Database(url)
database.open()
export_feedback(database, SoundShelf(state), out)
"""


def test_a_kill_at_any_moment_loses_nothing(small: Desk, tmp_path: Path) -> None:
    for number in range(3):
        small.say(wav(number))
    reference = export_feedback(small.database, small.shelf, tmp_path / "reference")
    url = small.database.url.render_as_string(hide_password=False)
    out = tmp_path / "out"
    copied: list[int] = []
    for n in range(5):  # before each of three sounds, the manifest, its facts
        command: list[Any] = [sys.executable, "-c", KILLED_AT, url, small.state_dir, out, 1 if n else 0]
        assert subprocess.run([str(word) for word in command], check=False).returncode == -9
        assert not list(out.glob("feedback-v*.json"))
        copied.append(len(list(out.glob("audio/??/*.wav"))))
    assert copied == [0, 1, 2, 3, 3]
    exported = export_feedback(small.database, small.shelf, out)
    assert (exported.version, exported.fingerprint) == (1, reference.fingerprint)
    assert (
        load_dataset(str(exported.manifest), LoadOptions()).fingerprint
        == load_dataset(str(reference.manifest)).fingerprint
    )


def test_a_sound_is_copied_once(small: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.say(wav(1))
    export_feedback(small.database, small.shelf, tmp_path / "out")
    small.say(wav(2))
    fetched: list[str] = []
    fetch = SoundShelf.fetch

    def spy(self: SoundShelf, place: str, sha256: str, path: Path) -> bool:
        fetched.append(sha256)
        return fetch(self, place, sha256, path)

    monkeypatch.setattr(SoundShelf, "fetch", spy)
    export_feedback(small.database, small.shelf, tmp_path / "out")
    assert fetched == [sha256_of(wav(2))]
