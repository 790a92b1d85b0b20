from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ModelError
from earmark.data.loading import load_dataset
from earmark.experiments import ExperimentRunner
from earmark.experiments.bench import Outcome, Work
from earmark.experiments.grid import make_grid
from earmark.experiments.local import READY, _how_it_ended, _leave, _serve, _Worker, run_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from earmark.experiments import ExperimentConfig

    MakePlan = Callable[..., ExperimentConfig]

PATIENCE_S = 60.0


def metrics_of(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text())["metrics"] for path in (folder / "trials").glob("*.json")}


def stamps_of(folder: Path) -> dict[str, tuple[int, int]]:
    files = (folder / "trials").glob("*.json")
    return {path.stem: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "waited too long"
        time.sleep(0.01)


@pytest.fixture
def _default_sigterm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_killing_anything_loses_and_repeats_nothing_and_workers_change_no_number(
    make_plan: MakePlan, odd_models: str, tmp_path: Path
) -> None:
    """Interrupt a run with two workers by Ctrl-C, then kill it, then kill a worker; compare with one worker."""
    keys: dict[str, Any] = {"plugins": [odd_models], "seeds": 8, "executor": "local"}
    reference = make_plan(["slow"], **keys, workers=1, results=tmp_path / "reference")
    assert ExperimentRunner(reference).run().is_complete
    plan = make_plan(["slow"], **keys, workers=2)
    kept: dict[str, tuple[int, int]] = {}
    for how, least in ((signal.SIGINT, 3), (signal.SIGKILL, 8)):
        run = subprocess.Popen([sys.executable, "-c", _script(plan)], start_new_session=True, env=_environment())
        wait_for(lambda least=least: len(stamps_of(plan.folder)) >= least)  # type: ignore[misc]
        if how == signal.SIGINT:
            os.killpg(run.pid, how)  # as a terminal does
        else:
            run.send_signal(how)
        assert run.wait(PATIENCE_S) != 0
        wait_for(lambda run=run: not _session_is_alive(run.pid))  # type: ignore[misc]
        assert kept.items() <= stamps_of(plan.folder).items()
        kept = stamps_of(plan.folder)
        assert not list((plan.folder / "failed").glob("*"))
    assert len(kept) < 32

    runner = ExperimentRunner(plan)
    running = threading.Thread(target=runner.run)
    running.start()
    wait_for(lambda: len(stamps_of(plan.folder)) > len(kept))
    victim = multiprocessing.active_children()[0]
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    running.join(PATIENCE_S)
    status = runner.status()
    assert status.n_left == 0
    assert all("killed by SIGKILL" in failure.message for failure in status.failures)
    kept |= stamps_of(plan.folder)
    if status.n_failed:
        assert runner.run().is_complete
    assert kept.items() <= stamps_of(plan.folder).items()
    assert metrics_of(plan.folder) == metrics_of(reference.folder)


def _script(plan: ExperimentConfig) -> str:
    return textwrap.dedent(f"""
        import signal
        from earmark.experiments import ExperimentRunner, parse_plan
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
        if __name__ == "__main__":
            ExperimentRunner(parse_plan({plan.model_dump(mode="json")!r}, "plan")).run()
    """)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def _session_is_alive(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_that_dies_is_named_by_its_trial_and_the_others_go_on(make_plan: MakePlan, odd_models: str) -> None:
    plan = make_plan(["dying", "level"], plugins=[odd_models], folds="grouped:2", workers=2, executor="local")
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS")}
    status = ExperimentRunner(plan).run()
    assert (status.n_done, status.n_failed) == (2, 2)
    assert {failure.trial.model for failure in status.failures} == {"dying"}
    assert "its worker process died (exit code 3); other trials went on" in status.failures[0].message
    assert {name: os.environ.get(name) for name in before} == before
    assert not multiprocessing.active_children()


def test_workers_that_cannot_start_are_an_error_and_not_a_loop(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    dataset = load_dataset(plan.dataset)
    # A worker cannot unpickle what only this process can import.
    broken = Work(plan, dataset, tmp_path, {"level": _Unreadable()}, {})
    with pytest.raises(ModelError, match=r"a worker process ended before its first trial \(exit code 1\)"):
        list(run_local(broken, make_grid(plan, dataset).jobs, 1))


@pytest.mark.parametrize("deadly", [1, 10])
def test_a_worker_killed_while_it_starts_is_replaced_a_few_times(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deadly: int
) -> None:
    plan = make_plan(folds="grouped:2")
    dataset = load_dataset(plan.dataset)
    n_started = []

    class Killed(_Worker):
        def __init__(self, work: Work) -> None:
            super().__init__(work)
            n_started.append(1)
            if len(n_started) <= deadly:
                self.process.kill()

    monkeypatch.setattr("earmark.experiments.local._Worker", Killed)
    outcomes = run_local(Work.of(plan, dataset, tmp_path), make_grid(plan, dataset).jobs, 1)
    if deadly == 1:
        assert [outcome.kind for outcome in outcomes if outcome] == ["done", "done"]
        return
    with pytest.raises(ModelError, match=r"3 worker processes in a row did not start \(killed by SIGKILL"):
        list(outcomes)


class _Unreadable:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.stat, ("/no/such/file",)


@pytest.mark.usefixtures("_default_sigterm")
def test_a_worker_does_jobs_until_it_is_told_to_stop(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    dataset = load_dataset(plan.dataset)
    jobs = make_grid(plan, dataset).jobs
    ours, theirs = multiprocessing.Pipe()
    for message in (jobs[0], jobs[0], None):
        ours.send(message)
    _serve(theirs, Work.of(plan, dataset, tmp_path))
    assert ours.recv() == READY
    outcomes = [ours.recv(), ours.recv()]
    assert all(isinstance(outcome, Outcome) and outcome.kind == "done" for outcome in outcomes)
    assert len(stamps_of(tmp_path)) == 1


@pytest.mark.usefixtures("_default_sigterm")
def test_a_worker_ends_when_nobody_listens(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    dataset = load_dataset(plan.dataset)
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    _serve(theirs, Work.of(plan, dataset, tmp_path))


def test_a_terminated_worker_leaves_through_its_cleanups() -> None:
    with pytest.raises(SystemExit):
        _leave(signal.SIGTERM, None)


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (-9, "killed by SIGKILL, as the system does when memory runs out"),
        (-11, "killed by SIGSEGV"),
        (3, "exit code 3"),
        (None, "exit code None"),
    ],
)
def test_the_end_of_a_worker_is_told_in_words(exit_code: int | None, words: str) -> None:
    assert _how_it_ended(exit_code) == words
