"""A host of models for tests, and sounds to send it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.service.host import ModelHost
from earmark.service.monitoring.metrics import Monitor
from earmark.service.options import ServeOptions
from tests.service.tone_bundles import hum

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from earmark.audio import Waveform

LONG_S = 60.0


def chosen(*models: object, **more: Any) -> ServeOptions:
    return ServeOptions.model_validate({"models": tuple(map(str, models)), "reload_s": 0} | more)


def serve(
    *models: object, scene: Callable[[ModelHost], Awaitable[Any]], monitor: Monitor | None = None, **more: Any
) -> Any:
    """Run a scene with a host that tried to load its models."""

    async def run() -> Any:
        host = ModelHost(chosen(*models, **more), monitor or Monitor())
        await host.start()
        try:
            async with asyncio.timeout(LONG_S):
                await host.tried()
            return await scene(host)
        finally:
            await host.stop()

    return asyncio.run(run())


def clips(n_clips: int) -> list[Waveform]:
    """Return tones of several levels, lengths and rates."""
    rng = np.random.default_rng(3)
    return [
        hum(rng.uniform(0.005, 0.6), rng.choice([0.1, 0.5, 1.3, 4.0]), int(rng.choice([8000, 16000, 44100])))
        for _ in range(n_clips)
    ]


def counted(monitor: Monitor, name: str) -> float:
    """Return the value of a series of the metrics; 0 where there is none yet."""
    lines = monitor.render()[0].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
