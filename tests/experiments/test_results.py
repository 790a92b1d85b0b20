from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import StoreError
from earmark.experiments.results import ResultsStore
from earmark.experiments.trial import Trial, TrialResult

if TYPE_CHECKING:
    from pathlib import Path


def make_trial(**changes: Any) -> Trial:
    values: dict[str, Any] = {
        "model": "svm",
        "size": "all",
        "n_train": 100,
        "fold": "theo",
        "seed": 1,
        "definition": "d",
        "frontend": "f",
        "dataset": "s",
        "split": "p",
    }
    return Trial(**(values | changes))


def make_result(trial: Trial) -> TrialResult:
    return TrialResult(
        trial=trial,
        metrics={"accuracy": 0.5, "roc_auc": None},
        clips=np.array([2, 0]),
        probabilities=np.array([[0.25, 0.75], [1, 0]], dtype=np.float32),
        fit_s=1.5,
        score_s=0.5,
        peak_memory_bytes=7,
        warnings=("w",),
        environment={"python": "3"},
    )


POSITIONS = np.array([10, 11, 12])


@pytest.fixture
def store(tmp_path: Path) -> ResultsStore:
    made = ResultsStore(tmp_path / "results")
    made.prepare()
    return made


@pytest.fixture
def saved(store: ResultsStore) -> Trial:
    trial = make_trial()
    store.save(make_result(trial), POSITIONS)
    return trial


def files_of(store: ResultsStore, trial: Trial) -> tuple[Path, Path]:
    folder = store.folder / "trials"
    return folder / f"{trial.key}.json", folder / f"{trial.key}.npz"


def test_a_result_comes_back_as_it_was_saved(store: ResultsStore, saved: Trial) -> None:
    done = store.load(saved.key)
    assert done is not None
    assert done.trial == saved
    assert done.metrics == {"accuracy": 0.5, "roc_auc": None}
    assert done.seconds == 2.0
    clips, probabilities = done.predictions()
    assert clips.tolist() == [12, 10]
    assert probabilities.dtype == np.float32
    assert probabilities.tolist() == [[0.25, 0.75], [1, 0]]
    assert list(store.load_all([saved.key, "0" * 16])) == [saved.key]


def test_names_of_model_and_size_are_not_in_the_key() -> None:
    key = make_trial().key
    assert make_trial(model="other", size=100).key == key
    assert all(make_trial(**{name: "x"}).key != key for name in ("definition", "frontend", "dataset", "split", "fold"))
    assert make_trial(seed=2).key != key


def test_the_json_is_written_after_the_probabilities(store: ResultsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(path: Path, value: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("earmark.experiments.results.write_json", die)
    trial = make_trial()
    with pytest.raises(KeyboardInterrupt):
        store.save(make_result(trial), POSITIONS)
    assert files_of(store, trial)[1].exists()
    assert not store.is_done(trial.key)
    assert store.load(trial.key) is None
    assert store.n_damaged() == 0


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{",
        "{}",
        {"format": "other"},
        {"key": "0" * 16},
        {"metrics": 3},
        {"trial": {"model": "svm"}},
        {"trial": {**make_trial().__dict__, "seed": 5}},
        {"npz_bytes": 1},
    ],
)
def test_a_damaged_result_is_moved_aside_and_not_done(store: ResultsStore, saved: Trial, damage: Any) -> None:
    path, sidecar = files_of(store, saved)
    text = damage if isinstance(damage, str) else json.dumps(json.loads(path.read_text()) | damage)
    path.write_text(text)
    assert store.load(saved.key) is None
    assert not path.exists()
    assert not sidecar.exists()
    assert store.n_damaged() == 1
    store.save(make_result(saved), POSITIONS)
    assert store.load(saved.key) is not None
    path.write_text("")
    assert store.load(saved.key) is None
    assert store.n_damaged() == 2


def test_a_result_of_another_version_is_refused_and_stays(store: ResultsStore, saved: Trial) -> None:
    path = files_of(store, saved)[0]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    with pytest.raises(StoreError, match="format version 99, expected 1; use the earmark version that made it"):
        store.load(saved.key)
    assert path.exists()


def test_a_result_without_its_probabilities_is_not_done(store: ResultsStore, saved: Trial) -> None:
    files_of(store, saved)[1].unlink()
    assert store.load(saved.key) is None
    assert store.n_damaged() == 1


def test_probabilities_damaged_without_a_change_of_size_are_named(store: ResultsStore, saved: Trial) -> None:
    sidecar = files_of(store, saved)[1]
    sidecar.write_bytes(b"\0" * sidecar.stat().st_size)
    done = store.load(saved.key)
    assert done is not None
    with pytest.raises(StoreError, match=f"{saved.key}.npz: is missing or damaged"):
        done.predictions()


def test_a_failure_is_kept_until_the_trial_succeeds(store: ResultsStore) -> None:
    trial = make_trial()
    store.save_failure(trial, "no memory")
    assert store.failures([trial.key])[trial.key].message == "no memory"
    assert store.failures(["0" * 16]) == {}
    store.save(make_result(trial), POSITIONS)
    assert store.failures([trial.key]) == {}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"trial": {}, "message": "x"}'])
def test_a_damaged_failure_is_moved_aside(store: ResultsStore, text: str) -> None:
    trial = make_trial()
    store.save_failure(trial, "no memory")
    (store.folder / "failed" / f"{trial.key}.json").write_text(text)
    assert store.failures([trial.key]) == {}
    assert store.n_damaged() == 1


def test_results_of_other_plans_are_counted(store: ResultsStore, saved: Trial) -> None:
    assert store.n_others([saved.key]) == 0
    assert store.n_others([]) == 1


def test_old_leftovers_of_killed_writers_are_dropped_and_fresh_ones_stay(store: ResultsStore) -> None:
    old, fresh = (store.folder / "trials" / name for name in (".writing-old", ".writing-fresh"))
    for folder in (old, fresh):
        folder.mkdir()
    long_ago_s = time.time() - 7200
    os.utime(old, (long_ago_s, long_ago_s))
    store.prepare()
    assert not old.exists()
    assert fresh.exists()


def test_a_results_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(StoreError, match="choose another folder with --results"):
        ResultsStore(tmp_path / "results").prepare()


def test_a_full_disk_is_named_with_a_remedy(store: ResultsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    trial = make_trial()
    with pytest.raises(StoreError, match=r"No space left on device.*free space"):
        store.save(make_result(trial), POSITIONS)
    assert not store.is_done(trial.key)


def test_a_file_that_may_not_be_read_is_not_taken_for_damaged(
    store: ResultsStore, saved: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    with pytest.raises(StoreError, match="Permission denied"):
        store.load(saved.key)
    assert files_of(store, saved)[0].exists()


def test_a_sidecar_that_may_not_be_looked_at_is_not_taken_for_damaged(
    store: ResultsStore, saved: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("earmark.experiments.results._checked", refuse)
    with pytest.raises(StoreError, match=r"cannot be read \(Permission denied\); change its permissions"):
        store.load(saved.key)


def test_damage_that_cannot_be_moved_aside_is_an_error(store: ResultsStore, saved: Trial) -> None:
    (store.folder / "damaged").write_text("a file in the way")
    files_of(store, saved)[0].write_text("{")
    with pytest.raises(StoreError, match="is damaged and cannot be moved aside"):
        store.load(saved.key)
