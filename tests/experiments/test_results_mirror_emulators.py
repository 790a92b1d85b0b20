"""Several machines share results in emulators of Google Cloud Storage and Amazon S3, with faults and kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import StoreError
from earmark.data import storage_faults
from earmark.experiments import ExperimentRunner, plan_of
from earmark.experiments.results import ResultsStore
from earmark.experiments.results_mirror import ResultsMirror
from tests.storage_proxy import Proxy, drop, status
from tests.storage_servers import BUCKET, Server, environment, point_at
from tests.stored_results import keys_in, put_result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.experiments import ExperimentConfig

    MakePlan = Callable[..., ExperimentConfig]


@pytest.fixture
def way(server: Server, middle: Proxy, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """An empty bucket, reached through a proxy."""
    server.wipe()
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setenv("EARMARK_STORAGE_RETRIES", "2")
    point_at(monkeypatch, server.scheme, middle.port)
    middle.troubles.clear()
    middle.requests.clear()
    return middle


def check_pairs(server: Server) -> int:
    """Check that every trial in the bucket is whole; return how many there are."""
    names = [name for name in server.names() if "/trials/" in name]
    facts = [name for name in names if name.endswith(".json")]
    for name in facts:
        sidecar = name.removesuffix(".json") + ".npz"
        assert len(server.get(sidecar)) == json.loads(server.get(name))["npz_bytes"]
    return len(facts)


@pytest.mark.parametrize("trouble", ["none", "503", "drop"])
def test_machines_write_at_once_into_a_real_bucket(way: Proxy, server: Server, tmp_path: Path, trouble: str) -> None:
    address = f"{server.scheme}://{BUCKET}/results/birds"
    folders = [tmp_path / str(number) for number in range(3)]
    for number, folder in enumerate(folders):
        for seed in (number * 2, number * 2 + 1, 99):  # 99 is done by all of them
            put_result(folder, seed)
    if trouble != "none":
        way.order(r"(PUT|POST|GET) \S*(upload|trials)", status(503) if trouble == "503" else drop, times=5)
    errors: list[BaseException] = []

    def work(folder: Path) -> None:
        try:
            with ResultsMirror(address, folder) as mirror:
                mirror.sync()
        except BaseException as error:
            errors.append(error)

    machines = [threading.Thread(target=work, args=(folder,)) for folder in folders]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join()
    assert not errors
    assert check_pairs(server) == 7
    for folder in folders:
        ResultsMirror(address, folder).sync()
        assert len(ResultsStore(folder).load_all(keys_in(folder))) == 7


def test_a_bucket_that_refuses_is_told_before_anything_is_computed(
    way: Proxy, server: Server, make_plan: MakePlan, tmp_path: Path
) -> None:
    way.order("(PUT|POST) ", status(403, "read only"))
    plan = make_plan(results_mirror=f"{server.scheme}://{BUCKET}/results/birds")
    with pytest.raises(StoreError, match=r"access refused \(.*read only.*\); .*to write: "):
        ExperimentRunner(plan).run()
    assert keys_in(tmp_path / "results") == []


def test_an_experiment_that_is_killed_goes_on_where_it_was(
    way: Proxy, server: Server, tones: Path, tmp_path: Path, odd_models: str
) -> None:
    address = f"{server.scheme}://{BUCKET}/results/birds"
    keys = {
        "models": ["slow"],
        "plugins": [odd_models],
        "folds": "leave-one-group-out",
        "training_sizes": [6],
        "seeds": 5,
        "executor": "inline",
        "results_mirror": address,
    }
    code = (
        "from earmark.experiments import ExperimentRunner, plan_of\n"
        f"ExperimentRunner(plan_of({str(tones)!r}, results={str(tmp_path / 'one')!r}, **{keys!r})).run()"
    )
    path = os.pathsep.join([str(tmp_path / "plugins"), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, **environment(server.scheme, way.port), "PYTHONPATH": path}
    process = subprocess.Popen([sys.executable, "-c", code], env=variables, stderr=subprocess.DEVNULL)
    end_s = time.monotonic() + 60
    while len(server.names()) < 10 and time.monotonic() < end_s and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    n_there = check_pairs(server)
    assert 2 <= n_there < 20
    found = ExperimentRunner(plan_of(str(tones), results=tmp_path / "two", **keys)).run()  # type: ignore[arg-type]
    assert (found.n_done, found.n_left) == (20, 0)
    assert check_pairs(server) == 20
