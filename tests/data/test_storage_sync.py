"""The copy of an address: only what is new or changed is fetched, nothing is lost, nothing is half there."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import DataError, StoreError
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.data import storage_faults
from earmark.data.storage_client import ObjectStore, RemoteObject
from earmark.data.storage_faults import StorageError
from earmark.data.storage_sync import StorageCopy
from tests.storage_servers import memory, use_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADDRESS = "memory://bucket/calls/"
Failing = dict[str, Exception]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.001)
    use_environment(
        monkeypatch,
        EARMARK_CACHE_DIR=str(tmp_path / "cache"),
        EARMARK_STORAGE_RETRIES="1",
        EARMARK_STORAGE_CONCURRENCY="2",
    )
    with memory() as system:
        for name in "abcdef":
            system.pipe(f"/bucket/calls/{name}.wav", name.encode() * 10)
        yield system


class Watched(ObjectStore):
    """A store that counts what it fetches, and fails where it is told to."""

    def __init__(self, failing: Failing | None = None) -> None:
        super().__init__(ADDRESS)
        self.fetched: list[str] = []
        self.failing = failing or {}

    def fetch(self, item: RemoteObject, file: Path) -> RemoteObject:
        name = item.path.rpartition("/")[2]
        self.fetched.append(name)
        if name in self.failing:
            time.sleep(0.01)  # a refusal takes a moment
            raise self.failing[name]
        return super().fetch(item, file)


def sync(store: Watched, *, finish: bool = True, seen: Callable[[StorageCopy], None] = lambda copy: None) -> list[str]:
    copy = StorageCopy(store, ADDRESS)
    seen(copy)
    objects = copy.list_objects()
    gone = copy.fetch(objects, SILENT)
    if finish:
        copy.finish([item for item in objects if item not in gone])
    return sorted(path.name for path in copy.folder.rglob("*.wav"))


def test_everything_is_fetched_once(bucket: Any) -> None:
    store = Watched()
    assert sync(store) == [f"{name}.wav" for name in "abcdef"]
    assert sorted(store.fetched) == [f"{name}.wav" for name in "abcdef"]
    again = Watched()
    sync(again)
    assert again.fetched == []


def test_what_changed_is_fetched_again_and_what_is_gone_leaves(bucket: Any) -> None:
    sync(Watched())
    bucket.pipe("/bucket/calls/b.wav", b"B" * 10)  # of the same length
    bucket.rm("/bucket/calls/c.wav")
    store = Watched()
    assert sync(store) == ["a.wav", "b.wav", "d.wav", "e.wav", "f.wav"]
    assert store.fetched == ["b.wav"]
    assert StorageCopy(store, ADDRESS).local("bucket/calls/b.wav").read_bytes() == b"B" * 10


def test_a_file_that_was_lost_or_cut_here_is_fetched_again(bucket: Any) -> None:
    sync(Watched())
    copy = StorageCopy(Watched(), ADDRESS)
    copy.local("bucket/calls/a.wav").unlink()
    copy.local("bucket/calls/b.wav").write_bytes(b"b")
    store = Watched()
    sync(store)
    assert sorted(store.fetched) == ["a.wav", "b.wav"]


def test_what_was_fetched_before_the_end_is_not_fetched_again(bucket: Any) -> None:
    sync(Watched(), finish=False)
    store = Watched()
    sync(store)
    assert store.fetched == []


def test_the_torn_last_line_of_a_killed_process_does_no_harm(bucket: Any) -> None:
    sync(Watched(), finish=False)
    journal = StorageCopy(Watched(), ADDRESS).folder / "fetched.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]) + lines[-1][:9] + "\n[1]\n7\n", encoding="utf-8")
    store = Watched()
    assert len(sync(store)) == 6
    assert len(store.fetched) == 1
    assert not journal.exists()


def test_a_process_killed_between_two_versions_leaves_no_doubt(bucket: Any) -> None:
    sync(Watched())
    bucket.pipe("/bucket/calls/a.wav", b"A" * 10)
    with pytest.raises(StorageError):
        sync(Watched({"a.wav": StorageError("cut off", "busy")}))
    journal = StorageCopy(Watched(), ADDRESS).folder / "fetched.jsonl"
    assert [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()] == [
        ["bucket/calls/a.wav", -1, ""]
    ]


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "other", "version": 1}', '{"format": "earmark-storage"}'])
def test_a_damaged_index_means_that_nothing_is_known(bucket: Any, content: str) -> None:
    sync(Watched())
    (StorageCopy(Watched(), ADDRESS).folder / "index.json").write_text(content, encoding="utf-8")
    store = Watched()
    sync(store)
    assert len(store.fetched) == 6


def test_one_that_fails_does_not_stop_the_others(bucket: Any) -> None:
    store = Watched({"a.wav": StorageError("memory://bucket/calls/a.wav: failed", "busy")})
    with pytest.raises(StorageError, match=r"^memory://bucket/calls/a\.wav: failed; 5 of 6 objects are kept in "):
        sync(store)
    assert len(store.fetched) == 6
    again = Watched()
    assert len(sync(again)) == 6
    assert again.fetched == ["a.wav"]


@pytest.mark.parametrize("kind", ["denied", "unreachable", "disk"])
def test_what_all_would_fail_of_ends_at_once(bucket: Any, kind: storage_faults.FaultKind) -> None:
    for number in range(200):
        bucket.pipe(f"/bucket/calls/{number:03}.wav", b"x")
    store = Watched({f"{number:03}.wav": StorageError("no", kind) for number in range(200)})
    with pytest.raises(StorageError, match=r"^no( \(and \d+ more objects\))?; "):
        sync(store)
    assert len(store.fetched) < 100


def test_a_server_that_is_always_busy_is_not_asked_for_every_object(bucket: Any) -> None:
    for number in range(200):
        bucket.pipe(f"/bucket/calls/{number:03}.wav", b"x")
    store = Watched({f"{number:03}.wav": StorageError("busy", "busy") for number in range(200)})
    with pytest.raises(StorageError, match=r"^busy \(and \d+ more objects\)"):
        sync(store)
    assert len(store.fetched) < 100


def test_what_is_gone_since_it_was_listed_is_told(bucket: Any) -> None:
    store = Watched({"b.wav": StorageError("gone", "missing")})
    copy = StorageCopy(store, ADDRESS)
    assert [item.path for item in copy.fetch(copy.list_objects(), SILENT)] == ["bucket/calls/b.wav"]


@pytest.mark.parametrize("name", ["../../etc/a.wav", "x//a.wav", "./a.wav", "a\0.wav", "n" * 300 + ".wav"])
def test_a_name_that_would_lead_astray_is_refused(bucket: Any, name: str) -> None:
    copy = StorageCopy(Watched(), ADDRESS)
    with pytest.raises(DataError, match=r"this name cannot be kept as a file; rename the object"):
        copy.fetch([RemoteObject(f"bucket/calls/{name}", 1, "1")], SILENT)


def test_half_written_files_of_killed_processes_are_dropped_in_time(bucket: Any) -> None:
    sync(Watched(), finish=False)
    folder = StorageCopy(Watched(), ADDRESS).folder / "objects"
    old, fresh = folder / ".writing-old", folder / ".writing-new"
    for left in (old, fresh):
        left.mkdir()
    os.utime(old, times=(time.time() - 7200,) * 2)
    bucket.pipe("/bucket/calls/z.wav", b"z")
    sync(Watched())
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_cache_that_cannot_be_written_says_so(bucket: Any) -> None:
    (settings().cache_dir / "storage").parent.mkdir(parents=True)
    (settings().cache_dir / "storage").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match=r"cannot be written .*EARMARK_CACHE_DIR"):
        sync(Watched())


class Far(Watched):
    """The same store, taken for one that is far away."""

    def __init__(self) -> None:
        super().__init__()
        self.is_remote = True


@pytest.mark.parametrize("state", ["never", "half", "lost"])
def test_offline_a_copy_that_is_not_complete_is_refused(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    if state != "never":
        sync(Watched(), finish=state == "lost")
    if state == "lost":
        StorageCopy(Watched(), ADDRESS).local("bucket/calls/a.wav").unlink()
    use_environment(monkeypatch, EARMARK_OFFLINE="1")
    with pytest.raises(DataError, match=f"^{ADDRESS}: no complete copy is in .*EARMARK_OFFLINE forbids to fetch it"):
        sync(Far())


def test_offline_a_complete_copy_is_used_as_it_is(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(Watched())
    bucket.pipe("/bucket/calls/new.wav", b"new")
    use_environment(monkeypatch, EARMARK_OFFLINE="1")
    store = Far()
    assert sync(store) == [f"{name}.wav" for name in "abcdef"]
    assert store.fetched == []
    copy = StorageCopy(store, ADDRESS)
    assert [item.path for item in copy.list_objects("bucket/calls/b.wav")] == ["bucket/calls/b.wav"]
    with pytest.raises(DataError, match=r"new\.wav: is not in .*; load it once with network"):
        copy.fetch([RemoteObject("bucket/calls/new.wav", 3, "1")], SILENT)


def test_a_copy_belongs_to_one_address(bucket: Any) -> None:
    here = StorageCopy(Watched(), "memory://bucket/calls")
    assert here.folder == StorageCopy(Watched(), "memory://bucket/calls/").folder
    assert here.folder != StorageCopy(Watched(), "memory://bucket/calls/dog").folder
    assert here.folder.parent == settings().cache_dir / "storage"
