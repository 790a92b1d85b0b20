from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import AudioError, StoreError
from earmark.data.dataset import Dataset
from earmark.features import FeatureStore, FeatureTable, LevelFrontend, extract_features, mfcc

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.features.conftest import MakeDataset


class _Recording:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.label, self.total, self.n_done = "", 0, 0

    def start(self, label: str, total: int) -> None:
        self.label, self.total, self.n_done = label, total, 0

    def advance(self, n_steps: int = 1) -> None:
        self.n_done += n_steps

    def note(self, text: str) -> None:
        raise AssertionError(text)


class _Gain:
    """Scales by a factor that depends on the clip, as an augmentation does."""

    def __init__(self, factor: float) -> None:
        self.fingerprint = f"gain {factor}"
        self.factor = factor

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, clip_id: str) -> NDArray[np.float32]:
        return np.float32(self.factor / (1 + int(clip_id[0]))) * samples


class _Refusing(LevelFrontend):
    """Must not be asked for anything."""

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("computed again")


class _Interrupted(LevelFrontend):
    """Stands Ctrl-C after some windows."""

    def __init__(self, n_calls: int) -> None:
        super().__init__()
        self.n_left = n_calls

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.n_left == 0:
            raise KeyboardInterrupt
        self.n_left -= 1
        return super().__call__(windows)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


def _assert_equal(first: FeatureTable, second: FeatureTable) -> None:
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.clip_rows, second.clip_rows)
    np.testing.assert_array_equal(first.levels_db, second.levels_db)


def test_rows_follow_the_clips(make_dataset: MakeDataset) -> None:
    table = extract_features(make_dataset(0.2, 1.3, 0.5), LevelFrontend())
    assert table.clip_rows.tolist() == [0, 1, 1, 1, 1, 1, 2]
    assert table.features.shape == (7, 8)
    assert table.levels_db.shape == (7,)


def test_rows_of_clips_come_in_the_order_of_the_clips() -> None:
    clip_rows = np.repeat(np.arange(4), [1, 3, 0, 2])
    table = FeatureTable(np.zeros((6, 2), np.float32), clip_rows, np.zeros(6, np.float32))
    assert table.rows_of(np.array([3, 0, 1])).tolist() == [4, 5, 0, 1, 2, 3]
    assert table.rows_of([1, 1]).tolist() == [1, 2, 3, 1, 2, 3]
    assert table.rows_of([2]).tolist() == []
    assert table.rows_of([]).tolist() == []


def test_a_store_changes_no_number(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(0.2, 1.3, 0.5)
    _assert_equal(extract_features(dataset, LevelFrontend(), store=store), extract_features(dataset, LevelFrontend()))


def test_the_second_time_only_maps_a_file(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(0.2, 1.3, 0.5)
    first = extract_features(dataset, LevelFrontend(), store=store)
    again = extract_features(dataset, _Refusing(), store=store)
    _assert_equal(again, first)
    assert isinstance(again.features, np.memmap)


def test_a_dataset_that_grew_or_shrank_computes_only_what_is_new(
    make_dataset: MakeDataset, store: FeatureStore
) -> None:
    dataset = make_dataset(0.2, 1.3, 0.5)
    extract_features(dataset.take([0, 1]), LevelFrontend(), store=store)
    grown = extract_features(dataset, _Interrupted(1), store=store)
    _assert_equal(grown, extract_features(dataset, LevelFrontend()))
    shuffled = dataset.take([2, 0])
    _assert_equal(extract_features(shuffled, _Refusing(), store=store), extract_features(shuffled, LevelFrontend()))


def test_an_interrupted_run_keeps_what_it_did(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(*[0.3] * 6)
    with pytest.raises(KeyboardInterrupt):
        extract_features(dataset, _Interrupted(4), store=store)
    table = extract_features(dataset, _Interrupted(2), store=store)
    _assert_equal(table, extract_features(dataset, LevelFrontend()))
    assert not list(store.folder.rglob("part-*"))


def test_long_runs_write_parts_on_the_way(
    make_dataset: MakeDataset, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.features.extract.PART_BYTES", 40)
    written = []
    put_part = FeatureStore.put_part

    def count(self: FeatureStore, *arguments: object) -> object:
        written.append(arguments)
        return put_part(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FeatureStore, "put_part", count)
    dataset = make_dataset(*[0.3] * 5)
    _assert_equal(extract_features(dataset, LevelFrontend(), store=store), extract_features(dataset, LevelFrontend()))
    assert len(written) == 2
    assert not list(store.folder.rglob("part-*"))


def test_a_damaged_table_is_computed_again(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(0.2, 1.3)
    first = extract_features(dataset, LevelFrontend(), store=store)
    expected = replace(first, features=first.features.copy(), levels_db=first.levels_db.copy())
    (path,) = store.folder.rglob("*.features")
    damaged = bytearray(path.read_bytes())
    damaged[-5] ^= 0xFF
    path.unlink()
    path.write_bytes(damaged)
    _assert_equal(extract_features(dataset, LevelFrontend(), store=store), expected)


def test_changed_sound_is_measured_again(make_dataset: MakeDataset, store: FeatureStore) -> None:
    before = extract_features(make_dataset(0.5, seed=1), LevelFrontend(), store=store).features.copy()
    after = extract_features(make_dataset(0.5, seed=2), LevelFrontend(), store=store)
    assert np.abs(after.features - before).max() > 0.01


def test_clips_with_equal_sound_are_measured_once(make_dataset: MakeDataset, store: FeatureStore) -> None:
    clip = make_dataset(0.5).clips[0]
    dataset = Dataset.of("twins", [clip, replace(clip, id="twin")])
    table = extract_features(dataset, _Interrupted(1), store=store)
    assert table.clip_rows.tolist() == [0, 1]
    np.testing.assert_array_equal(table.features[0], table.features[1])


def test_transforms_have_their_own_rows_in_the_store(make_dataset: MakeDataset, store: FeatureStore) -> None:
    clip = make_dataset(0.5).clips[0]
    dataset = Dataset.of("twins", [replace(clip, id="0"), replace(clip, id="1")])
    plain = extract_features(dataset, LevelFrontend(), store=store)
    full = extract_features(dataset, LevelFrontend(), store=store, transform=_Gain(1.0))
    half = extract_features(dataset, LevelFrontend(), store=store, transform=_Gain(0.5))
    np.testing.assert_allclose(plain.levels_db - full.levels_db, [0, 6.02], atol=0.01)
    np.testing.assert_allclose(full.levels_db - half.levels_db, 6.02, atol=0.01)
    _assert_equal(half, extract_features(dataset, LevelFrontend(), transform=_Gain(0.5)))


def test_unreadable_clips_are_counted_and_the_first_few_named(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(*[0.3] * 7)
    for clip in dataset.clips[1:6]:
        clip.path.write_bytes(b"")
    for folder in (None, store):
        with pytest.raises(AudioError, match=r"dataset noise: 5 of 7 clips .*1.wav.*; and 2 more; repair") as caught:
            extract_features(dataset, LevelFrontend(), store=folder)
        assert "4.wav" not in str(caught.value)
    assert "3.wav: the same sound as" in str(caught.value)  # all five are empty, so the store asks for one of them


def test_readable_clips_of_a_failed_run_are_kept(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(0.3, 0.3, 0.3)
    dataset.clips[0].path.write_bytes(b"not sound")
    with pytest.raises(AudioError, match="1 of 3 clips"):
        extract_features(dataset, LevelFrontend(), store=store)
    extract_features(dataset.take([1, 2]), _Refusing(), store=store)


def test_missing_files_are_counted_before_any_work(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(0.3, 0.3)
    dataset.clips[1].path.unlink()
    with pytest.raises(AudioError, match=r"1 of 2 files cannot be used: .*1.wav: No such file"):
        extract_features(dataset, _Refusing(), store=store)
    with pytest.raises(AudioError, match=r"1 of 2 clips cannot be used: .*1.wav"):
        extract_features(dataset, LevelFrontend())


def test_an_empty_dataset_gives_an_empty_table(store: FeatureStore) -> None:
    dataset = Dataset("nothing", (), ("a",))
    for folder in (None, store):
        table = extract_features(dataset, LevelFrontend(), store=folder)
        assert table.features.shape == (0, 8)
        assert table.clip_rows.shape == table.levels_db.shape == (0,)


def test_progress_hears_of_every_clip(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(0.3, 0.3, 0.3)
    progress = _Recording()
    extract_features(dataset, LevelFrontend(), progress=progress)
    assert (progress.label, progress.total, progress.n_done) == ("features level", 3, 3)
    for rows in ([0, 1], [0, 1, 2], [0, 1, 2]):
        extract_features(dataset.take(rows), LevelFrontend(), store=store, progress=progress)
        assert progress.n_done == progress.total == len(rows)


def test_a_store_that_cannot_be_a_folder_is_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot be read .* choose another cache folder"):
        extract_features(make_dataset(0.3), _Refusing(), store=FeatureStore(tmp_path / "file" / "features"))


def test_a_read_only_store_fails_before_the_work_but_serves_what_it_holds(
    make_dataset: MakeDataset, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(0.3, 0.3)
    extract_features(dataset, LevelFrontend(), store=store)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    assert extract_features(dataset, _Refusing(), store=store).clip_rows.tolist() == [0, 1]
    with pytest.raises(StoreError, match=r"cannot be written \(Read-only file system\); free space or choose"):
        extract_features(dataset.take([1]), _Refusing(), store=store)


def test_a_run_that_is_interrupted_at_once_leaves_nothing(make_dataset: MakeDataset, store: FeatureStore) -> None:
    with pytest.raises(KeyboardInterrupt):
        extract_features(make_dataset(0.3), _Interrupted(0), store=store)
    assert not list(store.folder.rglob("*.features"))


def test_workers_change_no_number(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(*[0.2 + 0.03 * index for index in range(33)])
    frontend = mfcc(rate_hz=8000, window_s=0.5, hop_s=0.25, pooling="mean_std")
    _assert_equal(
        extract_features(dataset, frontend, store=store, workers=2), extract_features(dataset, frontend, workers=1)
    )


SCRIPT = """
import sys
from pathlib import Path
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.features import FeatureStore, LevelFrontend, extract_features
folder, store = Path(sys.argv[1]), FeatureStore(Path(sys.argv[2]))
clips = [Clip(path.name, path, ("noise",), "g") for path in sorted(folder.glob("*.wav"))]
for n_clips in range(1, len(clips) + 1):
    table = extract_features(Dataset.of("noise", clips[:n_clips]), LevelFrontend(), store=store)
print(float(table.features.sum()))
"""


def test_several_processes_may_fill_one_store_at_once(make_dataset: MakeDataset, store: FeatureStore) -> None:
    dataset = make_dataset(*[0.3] * 8)
    for clip in dataset.clips:
        os.utime(clip.path, (time.time() - 60, time.time() - 60))
    command = [sys.executable, "-c", SCRIPT, str(dataset.clips[0].path.parent), str(store.folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], outputs
    assert len({output for output, _ in outputs}) == 1
    expected = extract_features(dataset, LevelFrontend())
    _assert_equal(extract_features(dataset, _Refusing(), store=store), expected)


@pytest.mark.real
def test_spoken_digits_are_not_measured_a_second_time(
    fsdd_dir: Path, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.data.clip import Clip

    paths = sorted((fsdd_dir / "recordings").glob("[0-9]_*_1*.wav"))[:300]
    dataset = Dataset.of("fsdd", [Clip(p.name, p, (p.name[0],), p.name.split("_")[1]) for p in paths])
    frontend = mfcc(rate_hz=8000)
    first = extract_features(dataset, frontend, store=store)
    monkeypatch.delattr("earmark.features.extract.measure_clips")
    again = extract_features(dataset, frontend, store=store)
    _assert_equal(again, first)
    assert np.unique(again.clip_rows).size == len(paths)
    assert -60 < float(np.median(again.levels_db)) < 0
