"""Where trials run: one literal table. An executor yields an outcome for each job, and None while it waits."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

from earmark.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from earmark.experiments.bench import Outcome, Work
    from earmark.experiments.trial import Job


class Executor(Protocol):
    """Runs jobs somewhere; closing the generator stops them."""

    def __call__(self, work: Work, jobs: Sequence[Job], n_workers: int) -> Generator[Outcome | None, None, None]:
        """Yield the outcome of each job as it comes, and None at least every second."""
        ...


EXECUTORS: dict[str, str] = {
    "local": "earmark.experiments.local:run_local",
    "inline": "earmark.experiments.executors:run_inline",
}


def run_inline(work: Work, jobs: Sequence[Job], n_workers: int) -> Generator[Outcome | None, None, None]:  # noqa: ARG001
    """Yield the outcome of each job, done in this process: for debuggers, and for grids smaller than a start-up."""
    import threadpoolctl

    from earmark.experiments.bench import Bench

    bench = Bench(work)
    for job in jobs:
        with threadpoolctl.threadpool_limits(1):
            outcome = bench.do(job)
        yield outcome


def find_executor(name: str) -> Executor:
    """Return the executor of this name.

    Raises:
        ConfigError: None has it.
    """
    if name not in EXECUTORS:
        raise ConfigError(f'executor "{name}" is not known{did_you_mean(name, EXECUTORS)}')
    module, _, attribute = EXECUTORS[name].partition(":")
    return cast("Executor", getattr(importlib.import_module(module), attribute))
