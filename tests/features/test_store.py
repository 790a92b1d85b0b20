from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from earmark.core.errors import StoreError
from earmark.core.settings import settings
from earmark.features import FeatureStore
from earmark.features.store import default_store
from earmark.features.table_file import ClipFeatures

SHAPE = (4,)
FRONTEND = "0123456789abcdef"
A, B, C = "a" * 16, "b" * 16, "c" * 16


def _rows(value: float, n_rows: int = 2) -> ClipFeatures:
    return ClipFeatures(np.full((n_rows, *SHAPE), value, np.float32), np.full(n_rows, -value, np.float32))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


def _old_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    long_ago_s = time.time() - 3600
    os.utime(path, (long_ago_s, long_ago_s))
    return path


def test_an_empty_store_holds_nothing(store: FeatureStore) -> None:
    assert store.find_table(FRONTEND, SHAPE, [A]) is None
    assert store.find_clips(FRONTEND, SHAPE, [A]) == {}
    assert store.size_bytes() == 0
    store.clear()


def test_a_table_is_found_by_its_clips_in_their_order(store: FeatureStore) -> None:
    store.put_table(FRONTEND, SHAPE, [A, B], {A: _rows(1), B: _rows(2)})
    found = store.find_table(FRONTEND, SHAPE, [A, B])
    assert found is not None
    assert found.features[:, 0].tolist() == [1, 1, 2, 2]
    assert store.find_table(FRONTEND, SHAPE, [B, A]) is None
    assert store.find_table("f" * 16, SHAPE, [A, B]) is None


def test_clips_are_found_wherever_they_were_computed(store: FeatureStore) -> None:
    store.put_table(FRONTEND, SHAPE, [A, B], {A: _rows(1), B: _rows(2, n_rows=3)})
    store.put_part(FRONTEND, SHAPE, {C: _rows(3)})
    found = store.find_clips(FRONTEND, SHAPE, [B, C, "d" * 16])
    assert sorted(found) == [B, C]
    assert found[B].features.shape == (3, 4)
    assert found[C].levels_db.tolist() == [-3, -3]


def test_parts_are_dropped_once_a_table_holds_them(store: FeatureStore) -> None:
    store.put_part(FRONTEND, SHAPE, {A: _rows(1)})
    store.put_part(FRONTEND, SHAPE, {C: _rows(3)})
    store.put_table(FRONTEND, SHAPE, [A, B], {A: _rows(1), B: _rows(2)})
    assert len(list((store.folder / FRONTEND).glob("part-*"))) == 1
    assert sorted(store.find_clips(FRONTEND, SHAPE, [A, B, C])) == [A, B, C]


def test_a_damaged_table_is_dropped_and_told(store: FeatureStore, caplog: pytest.LogCaptureFixture) -> None:
    store.put_table(FRONTEND, SHAPE, [A], {A: _rows(1)})
    (path,) = (store.folder / FRONTEND).iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    assert store.find_table(FRONTEND, SHAPE, [A]) is None
    assert not path.exists()
    assert "dropped and computed again" in caplog.text


def test_a_damaged_table_that_cannot_be_deleted_is_passed_over(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.put_table(FRONTEND, SHAPE, [A], {A: _rows(1)})
    (path,) = (store.folder / FRONTEND).iterdir()
    path.write_bytes(b"")

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert store.find_table(FRONTEND, SHAPE, [A]) is None
    assert "cannot be deleted (Read-only file system)" in caplog.text


def test_a_file_that_refuses_to_be_read_is_a_store_error(store: FeatureStore) -> None:
    store.put_table(FRONTEND, SHAPE, [A], {A: _rows(1)})
    (path,) = (store.folder / FRONTEND).iterdir()
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match=r"cannot be read .* choose another cache folder"):
        store.find_table(FRONTEND, SHAPE, [A])


def test_size_counts_everything_and_clear_deletes_it(store: FeatureStore, tmp_path: Path) -> None:
    store.put_table(FRONTEND, SHAPE, [A], {A: _rows(1)})
    store.audio_keys([_old_file(tmp_path / "a.wav", b"sound")])
    assert store.size_bytes() > 512
    store.clear()
    assert store.size_bytes() == 0
    assert not store.folder.exists()


def test_a_folder_that_cannot_be_cleared_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be cleared"):
        FeatureStore(path).clear()


def test_a_folder_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot be written .* choose a folder you may write to"):
        FeatureStore(tmp_path / "file" / "features").check_writable()


def test_a_writable_folder_is_left_clean(store: FeatureStore) -> None:
    store.check_writable()
    assert list(store.folder.iterdir()) == []


def test_a_full_disk_is_a_store_error_and_leaves_nothing(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.put_table(FRONTEND, SHAPE, [A], {A: _rows(1)})
    assert list((store.folder / FRONTEND).iterdir()) == []


def test_a_disk_that_loses_what_was_written_is_a_store_error(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.features.store.write_table", lambda *_: None)
    with pytest.raises(StoreError, match="is not what was written a moment ago"):
        store.put_part(FRONTEND, SHAPE, {A: _rows(1)})


def test_files_are_known_by_content_wherever_they_lie(store: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paths = [
        _old_file(tmp_path / "a.wav", b"one"),
        _old_file(tmp_path / "b.wav", b"two"),
        _old_file(tmp_path / "other" / "c.wav", b"one"),
    ]
    keys, failures = store.audio_keys([*paths, paths[0]])
    assert failures == []
    assert keys[paths[0]] == keys[paths[2]] != keys[paths[1]]


def test_an_unchanged_file_is_not_read_again(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _old_file(tmp_path / "a.wav", b"one")
    keys, _ = store.audio_keys([path])

    def refuse(_: Path) -> str:
        raise AssertionError("read again")

    monkeypatch.setattr("earmark.features.store.file_fingerprint", refuse)
    assert store.audio_keys([path])[0] == keys


def test_a_changed_file_has_another_key_even_at_equal_size(store: FeatureStore, tmp_path: Path) -> None:
    path = _old_file(tmp_path / "a.wav", b"one")
    before, _ = store.audio_keys([path])
    path.write_bytes(b"two")
    after, _ = store.audio_keys([path])
    assert after != before


def test_a_file_that_changed_a_moment_ago_is_not_trusted(store: FeatureStore, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    before, _ = store.audio_keys([path])
    stamp = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # within one tick of a coarse clock
    assert store.audio_keys([path])[0] != before


def test_missing_files_are_listed_with_the_reason(store: FeatureStore, tmp_path: Path) -> None:
    present = _old_file(tmp_path / "a.wav", b"one")
    keys, failures = store.audio_keys([tmp_path / "gone.wav", present])
    assert list(keys) == [present]
    assert failures == [f"{tmp_path / 'gone.wav'}: No such file or directory"]


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"a.wav": 3, "b.wav": [1, 2]})])
def test_a_damaged_index_of_files_is_made_again(store: FeatureStore, tmp_path: Path, content: str) -> None:
    path = _old_file(tmp_path / "a.wav", b"one")
    keys, _ = store.audio_keys([path])
    (index,) = (store.folder / "audio").iterdir()
    index.write_text(content)
    assert store.audio_keys([path])[0] == keys
    assert path.name in json.loads(index.read_text())


def test_default_store_lies_in_the_cache_folder_of_the_settings() -> None:
    assert default_store().folder == settings().cache_dir / "features"


def test_other_sound_of_equal_size_and_time_has_another_key(store: FeatureStore, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    first = store.audio_keys([path])[0]
    path.write_bytes(b"two")
    os.utime(path, ns=(10**18, 10**18))  # what cp -p and rsync -t do
    assert store.audio_keys([path])[0] != first


def test_a_store_that_cannot_be_written_still_serves(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, value: object) -> None:
        raise StoreError(f"{path}: cannot be written (Read-only file system)")

    monkeypatch.setattr("earmark.features.store.write_json", refuse)
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    keys, failures = store.audio_keys([path])
    assert list(keys) == [path]
    assert failures == []
    assert "(Read-only file system); its files are read again" in caplog.text
