"""The queue is bounded, and whoever leaves it costs nothing more."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from earmark.service import batching
from earmark.service.batching import Batcher
from earmark.service.monitoring.metrics import Monitor
from earmark.service.options import ServeOptions
from earmark.service.problems import Problem
from tests.service.ears import LONG_S, Ear, block, clip, play, send, until_busy


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    monitor = Monitor()

    async def scene(batcher: Batcher, ear: Ear) -> Problem:
        tasks = [await block(batcher, ear)]
        tasks += [await send(batcher, clip(ear, float(value))) for value in (1, 2)]
        with pytest.raises(Problem) as refusal:
            await batcher.run(clip(ear, 3.0), LONG_S)
        ear.gate.set()
        assert await asyncio.gather(*tasks) == [[0.0], [1.0], [2.0]]
        return refusal.value

    problem, ear = play(scene, monitor, max_waiting=2)
    assert (problem.status, problem.title) == (503, "Too busy")
    assert "2 requests wait for this model" in problem.detail
    assert problem.retry_after_s == 1
    assert 'earmark_refusals_total{reason="queue_full"} 1.0' in monitor.render()[0].decode()
    assert all(3.0 not in batch for batch in ear.batches)


def test_sound_that_waits_is_bounded_in_memory_but_one_clip_always_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_WAITING_BYTES", 1000)

    async def scene(batcher: Batcher, ear: Ear) -> int:
        assert await batcher.run(clip(ear, 1.0, n_bytes=5000), LONG_S) == [1.0]
        ear.is_busy.clear()
        blocked = await block(batcher, ear)
        fits = await send(batcher, clip(ear, 2.0, n_bytes=900))
        with pytest.raises(Problem, match="wait for this model") as refusal:
            await batcher.run(clip(ear, 3.0, n_bytes=101), LONG_S)
        ear.gate.set()
        await asyncio.gather(blocked, fits)
        assert await batcher.run(clip(ear, 4.0, n_bytes=1000), LONG_S) == [4.0]  # all was given back
        return refusal.value.status

    assert play(scene)[0] == 503


def test_what_is_not_decoded_yet_waits_until_there_is_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_WAITING_BYTES", 16)

    async def scene(batcher: Batcher, ear: Ear) -> None:
        tasks = [await block(batcher, ear)]
        for first in (10.0, 20.0, 30.0):
            job = clip(ear, *(first + number for number in range(8)), n_bytes=0)
            tasks.append(await send(batcher, job))
        ear.gate.set()
        assert [len(answer) for answer in await asyncio.gather(*tasks)] == [1, 8, 8, 8]
        assert batcher._n_bytes == 0

    _, ear = play(scene)
    # each has 32 bytes once it is cut, so that the next begins when it is done
    assert [batch[0] for batch in ear.batches] == [0.0, 10.0, 14.0, 20.0, 24.0, 30.0, 34.0]


def test_who_is_cancelled_leaves_the_queue() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> int:
        tasks = [await block(batcher, ear)]
        left = await send(batcher, clip(ear, 1.0))
        tasks.append(await send(batcher, clip(ear, 2.0)))
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        n_waiting = batcher.n_waiting
        ear.gate.set()
        await asyncio.gather(*tasks)
        return n_waiting

    n_waiting, ear = play(scene)
    assert n_waiting == 1
    assert ear.batches == [[0.0], [2.0]]


def test_the_rest_of_a_long_clip_that_nobody_waits_for_is_dropped() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> None:
        ear.gate.clear()
        task = asyncio.create_task(batcher.run(clip(ear, *map(float, range(40))), LONG_S))
        await until_busy(ear)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ear.gate.set()

    assert play(scene)[1].batches == [[0.0, 1.0, 2.0, 3.0]]


def test_a_request_that_takes_too_long_is_given_up_before_it_is_computed() -> None:
    monitor = Monitor()

    async def scene(batcher: Batcher, ear: Ear) -> Problem:
        blocked = await block(batcher, ear)
        with pytest.raises(Problem) as refusal:
            await batcher.run(clip(ear, 1.0), 0.01)
        ear.gate.set()
        await blocked
        return refusal.value

    problem, ear = play(scene, monitor)
    assert (problem.status, problem.title, problem.retry_after_s) == (504, "Timed out", 1)
    assert "within 0.01 s" in problem.detail
    assert ear.batches == [[0.0]]
    assert 'reason="timeout"} 1.0' in monitor.render()[0].decode()


def test_closing_finishes_what_is_queued_and_takes_no_more() -> None:
    async def scene(batcher: Batcher, ear: Ear) -> list[Any]:
        tasks = [await block(batcher, ear), *[await send(batcher, clip(ear, float(v))) for v in range(1, 12)]]
        closing = asyncio.create_task(batcher.close())
        while not batcher._is_closing:
            await asyncio.sleep(0)
        with pytest.raises(Problem, match="stopping"):
            await batcher.run(clip(ear, 99.0), LONG_S)
        ear.gate.set()
        await closing
        assert not any(thread.is_alive() for thread in batcher._threads)
        return await asyncio.gather(*tasks)

    assert play(scene)[0] == [[float(value)] for value in range(12)]


def test_an_event_loop_that_is_gone_harms_nobody() -> None:
    ear = Ear()
    monitor = Monitor()
    with ThreadPoolExecutor(1) as pool:
        batchers: list[Batcher] = []

        async def abandon() -> None:
            batcher = Batcher("tones", ServeOptions.model_validate({"workers": 1}), monitor)
            batchers.append(batcher)
            ear.gate.clear()
            task = asyncio.create_task(batcher.run(clip(ear, 1.0), LONG_S))
            await until_busy(ear)
            task.cancel()

        pool.submit(asyncio.run, abandon()).result()
    ear.gate.set()

    async def again() -> list[float]:
        answer = await batchers[0].run(clip(ear, 2.0), LONG_S)
        await batchers[0].close()
        return answer

    assert asyncio.run(again()) == [2.0]
