"""An ear that waits at a gate, and clips to send it: what a batcher does becomes visible."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import AudioError
from earmark.inference.heard import Cut, Rows
from earmark.service.batching import Batcher
from earmark.service.jobs import ClipJob, WholeJob
from earmark.service.monitoring.metrics import Monitor
from earmark.service.options import ServeOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from numpy.typing import NDArray

LONG_S = 60.0


class Ear:
    """Gives each window's first sample as its score, refuses holes, and waits at a gate that starts open."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.is_busy = threading.Event()

    def hear(self, windows: NDArray[np.float32]) -> Rows:
        self.is_busy.set()
        assert self.gate.wait(LONG_S)
        self.batches.append(windows[:, 0].tolist())
        if np.isnan(windows).any():
            raise AudioError(f"a hole in one of {len(windows)} windows")
        return Rows(windows[:, :1].copy(), None)


def clip(ear: Ear, *values: float, limit: int = 4, n_bytes: int = 4) -> ClipJob[list[float]]:
    """Return a clip with one window for each value; it is answered with the values."""
    windows = np.array(values, dtype=np.float32)[:, np.newaxis]
    cut = Cut(windows, np.zeros(len(windows), np.float32), np.zeros((len(windows), 2)), 1.0)
    return ClipJob(ear, lambda: cut, lambda _, rows: rows.scores[:, 0].tolist(), limit, n_bytes)


def play(
    scene: Callable[[Batcher, Ear], Awaitable[Any]], monitor: Monitor | None = None, **options: Any
) -> tuple[Any, Ear]:
    """Run a scene with a batcher of one thread; what is queued at its end is finished."""
    ear = Ear()

    async def run() -> Any:
        chosen = ServeOptions.model_validate({"workers": 1, "max_wait_ms": 0} | options)
        batcher = Batcher("tones", chosen, monitor or Monitor())
        try:
            return await scene(batcher, ear)
        finally:
            ear.gate.set()
            await batcher.close()

    return asyncio.run(run()), ear


async def until_busy(ear: Ear) -> None:
    assert await asyncio.to_thread(ear.is_busy.wait, LONG_S)


async def block(batcher: Batcher, ear: Ear) -> asyncio.Task[list[float]]:
    """Close the gate and send a clip that waits behind it: all that comes next is queued."""
    ear.gate.clear()
    blocked = asyncio.create_task(batcher.run(clip(ear, 0.0), LONG_S))
    await until_busy(ear)
    return blocked


async def send(batcher: Batcher, job: ClipJob[Any] | WholeJob[Any], deadline_s: float = LONG_S) -> asyncio.Task[Any]:
    """Return the task of a job that is in the queue."""
    task = asyncio.create_task(batcher.run(job, deadline_s))
    await asyncio.sleep(0)  # one turn of the event loop: the task has put its job
    return task
