from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from earmark.core import processes
from earmark.core.errors import ConfigError, ModelError
from earmark.core.processes import Alone, Job, Processes, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from earmark.core.processes import Crew


def count_up(n_answers: int) -> Iterator[int]:
    """Yield as many answers as the task asks for; die over a task of 13, sleep over one of 99."""
    for number in range(n_answers):
        if n_answers == 13 and number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if n_answers == 99:
            time.sleep(600)
        yield number


def make_counter() -> Job[int, int]:
    return count_up


def make_nothing() -> Job[int, int]:
    raise ConfigError("no such thing")


def end_without_a_word(code: int) -> Job[int, int]:
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def report_environment(_task: int) -> Iterator[str]:
    yield os.environ["MKL_NUM_THREADS"]


def make_reporter() -> Job[int, str]:
    return report_environment


def run_all(crew: Crew[int, int], tasks: list[int]) -> dict[int, list[Said[int, int]]]:
    """Return what a crew says of each task, in the order in which it says it."""
    said: dict[int, list[Said[int, int]]] = {number: [] for number in range(len(tasks))}
    waiting = list(enumerate(tasks))
    while waiting or not all(heard and heard[-1].ended for heard in said.values()):
        while waiting and crew.has_room:
            crew.give(*waiting.pop(0))
        for each in crew.collect():
            said[each.number].append(each)
    return said


def answers(said: dict[int, list[Said[int, int]]]) -> list[list[int]]:
    return [[each.answer for each in heard if each.answer is not None] for heard in said.values()]


def test_alone_and_together_say_the_same_answer_by_answer() -> None:
    alone: Alone[int, int] = Alone(count_up)
    assert alone.collect() == []
    expected = [[0, 1, 2], [], [0], [0, 1], [0, 1, 2, 3]]
    assert answers(run_all(alone, [3, 0, 1, 2, 4])) == expected
    with Processes(make_counter, 2) as crew:
        assert answers(run_all(crew, [3, 0, 1, 2, 4])) == expected


def test_alone_answers_one_at_a_time_and_lets_go_of_what_it_began() -> None:
    closed = []

    def job(_task: int) -> Iterator[int]:
        try:
            yield from (1, 2)
        finally:
            closed.append(True)

    with Alone(job) as crew:
        crew.give(5, 0)
        assert not crew.has_room
        assert crew.collect() == [Said(5, 0, 1)]
        assert not closed
    assert closed == [True]


def test_a_task_that_kills_its_process_is_named_and_the_others_go_on() -> None:
    with Processes(make_counter, 2) as crew:
        said = run_all(crew, [2, 13, 3, 1])
    assert answers(said) == [[0, 1], [0, 1], [0, 1, 2], [0]]
    assert [heard[-1].death for heard in said.values()] == ["", "killed by SIGKILL", "", ""]
    assert said[1][-1].task == 13


def test_what_cannot_be_loaded_is_told() -> None:
    with Processes(make_nothing, 2, what="the counter") as crew:
        crew.give(1, 1)
        with pytest.raises(ModelError, match="a worker process cannot load the counter: no such thing"):
            crew.collect()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-signal.SIGKILL, r"3 worker processes in a row did not start \(killed by SIGKILL\); use fewer"),
        (7, r"ended before its first file \(exit code 7\).*__main__"),
    ],
)
def test_workers_that_die_at_once_are_not_started_for_ever(code: int, message: str) -> None:
    make: Callable[[], Job[int, int]] = partial(end_without_a_word, int(code))
    with Processes(make, 2) as crew:
        crew.give(1, 1)
        with pytest.raises(ModelError, match=message):
            crew.collect()


def test_workers_have_one_thread_and_the_environment_here_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Processes(make_reporter, 1) as crew:
        crew.give(1, 1)
        assert [each.answer for each in crew.collect()] == ["1"]
    assert "MKL_NUM_THREADS" not in os.environ
    assert os.environ["OMP_NUM_THREADS"] == "7"


def serve_in_thread(make_job: Callable[[], Job[int, int]]) -> tuple[Connection, threading.Thread]:
    """Run what a worker process runs."""
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(target=processes._serve, args=(theirs, make_job))
    thread.start()
    return ours, thread


def test_a_worker_answers_until_there_is_nothing_more() -> None:
    ours, thread = serve_in_thread(make_counter)
    ours.send(2)
    ours.send(0)
    heard = [ours.recv() for _ in range(5)]
    assert heard == [("ready", None), ("answer", 0), ("answer", 1), ("end", None), ("end", None)]
    ours.send(None)
    thread.join()


def test_a_worker_that_cannot_load_says_why_and_ends() -> None:
    ours, thread = serve_in_thread(make_nothing)
    thread.join()
    assert ours.recv() == ("refused", "no such thing")


@pytest.mark.parametrize("held", [None, 99])
def test_a_worker_that_does_not_listen_is_ended_by_force(held: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_S", 0.1)
    with Processes(make_counter, 1) as crew:
        run_all(crew, [1])
        (worker,) = crew._workers
        pid = worker.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        if held is not None:
            crew.give(2, held)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


ASK_THE_FIRST = """
import signal
import subprocess
import sys
from earmark.core.processes import Processes

def is_deaf(_task):
    yield signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

def make():
    return is_deaf

if __name__ == "__main__":
    with Processes(make, 1) as crew:
        crew.give(0, "task")
        print(crew.collect()[0].answer)
"""


def test_the_very_first_worker_leaves_ctrl_c_to_its_parent(tmp_path: Path) -> None:
    """In a fresh process: the first start also starts multiprocessing's tracker, which unblocks the signal."""
    (tmp_path / "ask.py").write_text(ASK_THE_FIRST)
    done = subprocess.run([sys.executable, tmp_path / "ask.py"], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
