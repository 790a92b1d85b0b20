"""Windows of many requests are heard together, and each request gets its own answer, or its own reason."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import AudioError
from earmark.service.jobs import ClipJob, WholeJob
from tests.service.ears import LONG_S, Ear, block, clip, play, send

if TYPE_CHECKING:
    from earmark.service.batching import Batcher


def test_what_waits_is_heard_together_and_each_gets_its_own() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> list[list[float]]:
        tasks = [await block(batcher, ear)]
        tasks += [await send(batcher, clip(ear, *values)) for values in ((1.0, 2.0), (3.0,), (4.0,), (5.0, 6.0))]
        ear.gate.set()
        return await asyncio.gather(*tasks)

    answers, ear = play(scene)
    assert answers == [[0.0], [1.0, 2.0], [3.0], [4.0], [5.0, 6.0]]
    assert ear.batches == [[0.0], [1.0, 2.0, 3.0, 4.0], [5.0, 6.0]]


def test_versions_of_a_model_never_share_a_batch() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> list[list[float]]:
        newer = Ear()
        tasks = [await block(batcher, ear)]
        tasks += [await send(batcher, clip(each, value)) for each, value in ((ear, 1.0), (newer, 2.0), (ear, 3.0))]
        ear.gate.set()
        await asyncio.gather(*tasks)
        return newer.batches

    newer_batches, ear = play(scene)
    assert (ear.batches, newer_batches) == ([[0.0], [1.0, 3.0]], [[2.0]])


def test_a_long_clip_is_split_and_lets_short_ones_through() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> list[str]:
        ended: list[str] = []

        def note(name: str, _: object) -> None:
            ended.append(name)

        tasks = [await block(batcher, ear)]
        jobs = {"long": clip(ear, *map(float, range(100, 140))), "first": clip(ear, 1.0), "second": clip(ear, 2.0, 3.0)}
        for name, job in jobs.items():
            task = await send(batcher, job)
            task.add_done_callback(partial(note, name))
            tasks.append(task)
        ear.gate.set()
        answers = await asyncio.gather(*tasks)
        assert answers[1] == list(map(float, range(100, 140)))
        return ended

    ended, ear = play(scene)
    assert ended[-1] == "long"
    assert ear.batches[1:3] == [[100.0, 101.0, 102.0, 103.0], [1.0, 2.0, 3.0, 104.0]]
    assert all(len(batch) <= 4 for batch in ear.batches)


def test_only_what_cannot_be_heard_fails() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> list[Any]:
        tasks = [await block(batcher, ear)]
        tasks += [await send(batcher, clip(ear, *values)) for values in ((1.0,), (np.nan, 2.0), (3.0,))]
        ear.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    (_, first, bad, last), ear = play(scene)
    assert (first, last) == ([1.0], [3.0])
    assert isinstance(bad, AudioError)
    assert str(bad) == "a hole in one of 2 windows"
    assert [len(batch) for batch in ear.batches] == [1, 4, 1, 2, 1]


@pytest.mark.parametrize("error", [AudioError("is silent"), MemoryError(), RuntimeError("a bug")])
def test_a_clip_that_cannot_be_cut_or_answered_fails_alone(error: Exception) -> None:
    def refuse(*_: Any) -> Any:
        raise error

    async def scene(batcher: Batcher, ear: Ear) -> list[Any]:
        jobs = [clip(ear, 1.0), clip(ear, 2.0), clip(ear, 3.0)]
        jobs[0]._make = refuse
        jobs[1]._finish = refuse
        tasks = [await block(batcher, ear), *[await send(batcher, job) for job in jobs]]
        ear.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers, ear = play(scene)
    assert answers == [[0.0], error, error, [3.0]]
    assert ear.batches == [[0.0], [2.0, 3.0]]


def test_whole_work_runs_in_the_threads_of_the_model_and_fails_alone() -> None:
    def fail() -> str:
        raise AudioError("cannot be decoded")

    async def scene(batcher: Batcher, ear: Ear) -> list[Any]:
        jobs = (WholeJob(lambda: threading.current_thread().name, 0), WholeJob(fail, 0), clip(ear, 1.0))
        return await asyncio.gather(*(batcher.run(job, LONG_S) for job in jobs), return_exceptions=True)

    (name, failure, answer), _ = play(scene)
    assert name == "hear-tones-0"
    assert isinstance(failure, AudioError)
    assert answer == [1.0]


def test_nobody_waits_for_company_when_requests_are_rare_or_a_thread_is_free() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> list[list[float]]:
        return [await batcher.run(clip(ear, float(value)), LONG_S) for value in range(3)]

    assert play(scene, max_wait_ms=0)[1].batches == [[0.0], [1.0], [2.0]]
    # with a thread to spare nobody waits, however quickly they come and long they may wait
    assert play(scene, max_wait_ms=1000 * LONG_S, workers=2)[1].batches == [[0.0], [1.0], [2.0]]

    async def alone(batcher: Batcher, ear: Ear) -> list[float]:
        return await batcher.run(clip(ear, 1.0), LONG_S)

    assert play(alone, max_wait_ms=1000 * LONG_S)[1].batches == [[1.0]]


def test_company_that_is_likely_to_come_is_waited_for() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> list[Any]:
        await batcher.run(clip(ear, 0.0), LONG_S)
        return await asyncio.gather(*[await send(batcher, clip(ear, float(value), limit=3)) for value in (1, 2, 3)])

    answers, ear = play(scene, max_wait_ms=1000 * LONG_S)
    assert answers == [[1.0], [2.0], [3.0]]
    assert ear.batches == [[0.0], [1.0, 2.0, 3.0]]


def test_many_requests_at_once_in_several_threads_all_get_their_own() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> None:
        rng = np.random.default_rng(0)
        clips = [rng.normal(size=rng.integers(1, 30)).astype(np.float32).tolist() for _ in range(300)]
        answers = await asyncio.gather(*(batcher.run(clip(ear, *values, limit=7), LONG_S) for values in clips))
        assert answers == clips

    _, ear = play(scene, workers=4, max_waiting=1000, max_wait_ms=2)
    assert max(map(len, ear.batches)) == 7


def test_time_in_the_queue_and_in_the_model_is_told_apart() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> ClipJob[Any]:
        blocked, job = await block(batcher, ear), clip(ear, 1.0)
        task = await send(batcher, job)
        ear.gate.set()
        await asyncio.gather(blocked, task)
        return job

    job, _ = play(scene)
    assert job.queue_ms > 0
    assert job.compute_ms > 0
