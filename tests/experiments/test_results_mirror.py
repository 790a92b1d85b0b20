"""Results are shared by way of object storage: nothing is lost, nothing is half there, nothing is deleted."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError, DataError, StoreError
from earmark.data import storage_faults
from earmark.data.storage_client import ObjectStore
from earmark.data.storage_faults import StorageError
from earmark.experiments import ExperimentRunner, folder_status
from earmark.experiments.results import ResultsStore
from earmark.experiments.results_mirror import Exchanged, ResultsMirror, mirror_address, share_report
from tests.storage_servers import memory, use_environment
from tests.stored_results import keys_in, put_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from earmark.experiments import ExperimentConfig

    MakePlan = Callable[..., ExperimentConfig]

ADDRESS = "memory://bucket/results/birds"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.001)
    use_environment(monkeypatch, EARMARK_STORAGE_RETRIES="1")
    with memory() as system:
        yield system


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://mine/results/birds", "s3://mine/results/birds"),
        ("birds", "gs://hub/soundhub/results/birds"),
        ("/birds/2026/", "gs://hub/soundhub/results/birds/2026"),
        ("gs://{bucket}/elsewhere", "gs://hub/elsewhere"),
    ],
)
def test_a_plan_names_an_address_or_a_name_below_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, text: str, address: str
) -> None:
    use_environment(monkeypatch, GCS_BUCKET_NAME="hub")
    assert mirror_address(text) == address


@pytest.mark.parametrize(
    ("text", "message"), [(" / ", "expected a name, or an address"), ("birds", "name the bucket with GCS_BUCKET_NAME")]
)
def test_a_mirror_that_is_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    use_environment(monkeypatch)
    with pytest.raises(ConfigError, match=f"^results_mirror: .*{message}"):
        mirror_address(text)


def test_an_address_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    mirror = ResultsMirror("ftq://bucket/results", tmp_path)
    with pytest.raises(DataError, match='"ftq://" is not a kind of storage'):
        mirror.sync()


def test_each_of_two_folders_gets_what_the_other_has(bucket: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    mine, others = put_result(one, 1), put_result(two, 2)
    first, second = ResultsMirror(ADDRESS, one), ResultsMirror(ADDRESS, two)
    assert first.sync() == Exchanged(n_pulled=0, n_pushed=1)
    assert second.sync() == Exchanged(n_pulled=1, n_pushed=1)
    assert first.sync() == Exchanged(n_pulled=1, n_pushed=0)
    assert first.sync() == Exchanged(n_pulled=0, n_pushed=0)
    assert keys_in(one) == keys_in(two) == sorted([mine, others])
    for folder in (one, two):
        done = ResultsStore(folder).load_all([mine, others])
        assert len(done) == 2
        assert done[others].predictions()[0].tolist() == [11, 10]


def test_pulling_and_pushing_go_one_way(bucket: Any, tmp_path: Path) -> None:
    put_result(tmp_path / "one", 1)
    assert ResultsMirror(ADDRESS, tmp_path / "one").pull() == 0
    assert ResultsMirror(ADDRESS, tmp_path / "one").push() == 1
    put_result(tmp_path / "two", 2)
    assert ResultsMirror(ADDRESS, tmp_path / "two").pull() == 1
    assert len(bucket.find("/bucket/results/birds/trials")) == 2


def test_a_trial_that_is_done_in_both_places_stays_as_it_is(bucket: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    key = put_result(one, 1, fit_s=1.0)
    put_result(two, 1, fit_s=2.0)
    ResultsMirror(ADDRESS, one).sync()
    assert ResultsMirror(ADDRESS, two).sync() == Exchanged(0, 0)
    assert json.loads(bucket.cat(f"/bucket/results/birds/trials/{key}.json"))["fit_s"] == 1.0
    assert json.loads((two / "trials" / f"{key}.json").read_text())["fit_s"] == 2.0


def test_the_json_of_a_trial_is_sent_last(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = put_result(tmp_path, 1)
    sent: list[str] = []
    monkeypatch.setattr(ObjectStore, "send", lambda store, file, path: sent.append(path.rpartition("/")[2]))
    ResultsMirror(ADDRESS, tmp_path).push()
    assert sent == [f"{key}.npz", f"{key}.json"]


@pytest.mark.parametrize("damage", ["no npz", "short npz", "no json in it", "a list"])
def test_a_trial_that_is_broken_in_storage_is_not_taken_and_is_mended(bucket: Any, tmp_path: Path, damage: str) -> None:
    key = put_result(tmp_path / "one", 1)
    ResultsMirror(ADDRESS, tmp_path / "one").push()
    place = f"/bucket/results/birds/trials/{key}"
    if damage == "no npz":
        bucket.rm(f"{place}.npz")
    elif damage == "short npz":
        bucket.pipe(f"{place}.npz", b"short")
    else:
        bucket.pipe(f"{place}.json", b"{" if damage == "no json in it" else b"[1]")
    mirror = ResultsMirror(ADDRESS, tmp_path / "two")
    assert mirror.sync() == Exchanged(0, 0)
    assert keys_in(tmp_path / "two") == []
    assert not list((tmp_path / "two").rglob("*.npz"))
    put_result(tmp_path / "two", 1)
    with ResultsMirror(ADDRESS, tmp_path / "three") as other:
        assert other.pull() == 0
    with mirror:
        mirror.push_trial(key)  # as a run does once it has computed the trial again
    assert ResultsMirror(ADDRESS, tmp_path / "four").pull() == 1


def test_a_trial_that_is_broken_here_is_not_sent(bucket: Any, tmp_path: Path) -> None:
    whole, short, lost = (put_result(tmp_path, seed) for seed in (1, 2, 3))
    (tmp_path / "trials" / f"{short}.npz").write_bytes(b"short")
    (tmp_path / "trials" / f"{lost}.npz").unlink()
    with ResultsMirror(ADDRESS, tmp_path) as mirror:
        mirror.push_trial(lost)
        assert mirror.push() == 1
    names = [name.rpartition("/")[2] for name in bucket.find("/bucket")]
    assert names == [f"{whole}.json", f"{whole}.npz"]


def test_plan_and_dataset_go_along_and_failures_stay(bucket: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for name in ("plan.json", "dataset-d.json", "results.json", "failed/x.json", "damaged/y.json", ".lock"):
        (one / name).parent.mkdir(parents=True, exist_ok=True)
        (one / name).write_text(name, encoding="utf-8")
    ResultsMirror(ADDRESS, one).sync()
    assert sorted(bucket.find("/bucket")) == [f"/{ADDRESS[9:]}/dataset-d.json", f"/{ADDRESS[9:]}/plan.json"]
    (two / "plan.json").parent.mkdir()
    (two / "plan.json").write_text("mine", encoding="utf-8")
    ResultsMirror(ADDRESS, two).pull()
    assert (two / "plan.json").read_text() == "mine"
    assert (two / "dataset-d.json").read_text() == "dataset-d.json"


def test_files_of_a_report_take_the_place_of_older_ones(bucket: Any, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    for text in ("first", "second"):
        report.write_text(text, encoding="utf-8")
        ResultsMirror(ADDRESS, tmp_path).push_files([report])
    assert bucket.cat(f"/{ADDRESS[9:]}/report.html") == b"second"
    assert ResultsMirror(ADDRESS, tmp_path / "two").pull() == 0
    assert not (tmp_path / "two" / "report.html").exists()


def test_what_cannot_be_sent_at_once_is_sent_at_the_end(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = ObjectStore.send
    tried = threading.Semaphore(0)

    def refuse(store: ObjectStore, file: Path, path: str) -> None:
        tried.release()
        raise StorageError("the line is down", "unreachable")

    with ResultsMirror(ADDRESS, tmp_path) as mirror:
        monkeypatch.setattr(ObjectStore, "send", refuse)
        mirror.push_trial(put_result(tmp_path, 1))
        assert tried.acquire(timeout=10)
        while not mirror._waiting:
            time.sleep(0.001)
        for send_one in (mirror.push_trial, mirror._send_if_possible):  # within the quiet minute: not even tried
            send_one(put_result(tmp_path, 2))
        monkeypatch.setattr(ObjectStore, "send", send)
        assert bucket.find("/bucket") == []
    assert not tried.acquire(blocking=False)
    assert len(bucket.find("/bucket")) == 4


def test_after_the_quiet_minute_what_waited_is_sent_along(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.experiments.results_mirror.QUIET_S", 0.0)
    mirror = ResultsMirror(ADDRESS, tmp_path)
    mirror._waiting.add(put_result(tmp_path, 1))
    mirror.push_trial(put_result(tmp_path, 2))
    mirror._pool.shutdown(wait=True)
    assert len(bucket.find("/bucket")) == 4


def test_at_the_end_an_error_says_what_could_not_be_sent(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: ObjectStore, file: Path, path: str) -> None:
        raise StorageError(f"{path}: the line is down", "unreachable")

    monkeypatch.setattr(ObjectStore, "send", refuse)
    put_result(tmp_path, 1)
    with pytest.raises(StoreError, match="the line is down"), ResultsMirror(ADDRESS, tmp_path):
        pass
    assert len(keys_in(tmp_path)) == 1


def test_a_block_that_fails_does_not_wait_to_send(bucket: Any, tmp_path: Path) -> None:
    put_result(tmp_path, 1)
    with pytest.raises(KeyboardInterrupt), ResultsMirror(ADDRESS, tmp_path):
        raise KeyboardInterrupt
    assert bucket.find("/bucket") == []


def test_machines_that_share_a_plan_end_with_all_of_it(bucket: Any, make_plan: MakePlan, tmp_path: Path) -> None:
    plans = [make_plan(results=tmp_path / name, results_mirror=ADDRESS) for name in ("one", "two")]
    ExperimentRunner(plans[0], shard=(0, 2)).run()
    assert ExperimentRunner(plans[1], shard=(1, 2)).run().is_complete
    assert not folder_status(tmp_path / "one").is_complete
    assert ExperimentRunner(plans[0], shard=(0, 2)).run().is_complete
    assert len(keys_in(tmp_path / "one")) == 4
    ResultsMirror(ADDRESS, tmp_path / "three").pull()
    assert folder_status(tmp_path / "three").is_complete


def test_a_report_goes_where_its_plan_shares_results(bucket: Any, make_plan: MakePlan, tmp_path: Path) -> None:
    ExperimentRunner(make_plan(results=tmp_path / "one", results_mirror=ADDRESS)).run()
    (tmp_path / "one" / "report.html").write_text("well", encoding="utf-8")
    assert share_report(tmp_path / "one", [tmp_path / "one" / "report.html"]) == ADDRESS
    assert bucket.cat(f"/{ADDRESS[9:]}/report.html") == b"well"


def test_a_report_of_a_plan_that_shares_nothing_stays_here(make_plan: MakePlan, tmp_path: Path) -> None:
    ExperimentRunner(make_plan(results=tmp_path / "one")).run()
    assert share_report(tmp_path / "one", [tmp_path / "one" / "report.html"]) == ""


def test_what_another_machine_has_done_is_not_done_again(
    bucket: Any, make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ExperimentRunner(make_plan(results=tmp_path / "one", results_mirror=ADDRESS)).run()
    monkeypatch.setattr("earmark.experiments.bench.run_trial", None)
    assert ExperimentRunner(make_plan(results=tmp_path / "two", results_mirror=ADDRESS)).run().is_complete


def test_a_mirror_changes_no_number(make_plan: MakePlan) -> None:
    assert make_plan(results_mirror=ADDRESS).fingerprint == make_plan().fingerprint
