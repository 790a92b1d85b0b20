"""Experiment trackers: a training run written down in Weights & Biases, MLflow or both.

None is on by default. One that cannot be opened stops the run before any work is done; one that fails later is warned
of once and left alone, since no hour of training is worth losing to a dashboard. The libraries come with the extra
`track` and are imported when a tracker is opened.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from typing import TYPE_CHECKING, Any, Protocol

from earmark.core.errors import ConfigError, EarmarkError, StoreError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_LOG = logging.getLogger(__name__)

# Each is called as `open(run_name, config, folder)`.
TRACKERS: dict[str, str] = {
    "wandb": "earmark.training.trackers_wandb:open_wandb",
    "mlflow": "earmark.training.trackers_mlflow:open_mlflow",
}


class Tracker(Protocol):
    """Writes down what a run was told, how it went and what it made."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write figures of one step, such as an epoch; steps may start again, as they do in each fold."""
        ...

    def log_files(self, paths: Sequence[Path]) -> None:
        """Keep copies of files and folders under their own names."""
        ...

    def finish(self, ok: bool) -> None:
        """End the run as finished or failed; nothing may be written after it."""
        ...


def open_trackers(names: Sequence[str], *, run_name: str, config: Mapping[str, Any], folder: Path) -> Tracker:
    """Return one tracker that writes to all of these; no names give one that writes nothing.

    Args:
        names: Keys of `TRACKERS`.
        run_name: What the run is called there.
        config: Options of the run, JSON-like, nested if need be.
        folder: Where local records are kept: `wandb/` and `mlflow/` in it.

    Raises:
        ConfigError: A name is not known.
        MissingExtraError: Its library is not installed.
        StoreError: Its library refuses to begin, for want of a server, an account or a writable folder.
    """
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(f'tracker "{name}" is not known{did_you_mean(name, TRACKERS)}')
    opened: list[_Guarded] = []
    for name in dict.fromkeys(names):
        try:
            opened.append(_Guarded(name, _open(name, run_name, config, folder)))
        except EarmarkError:
            Trackers(opened).finish(ok=False)
            raise
    return Trackers(opened)


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write figures of one step to each."""
        for tracker in self._trackers:
            tracker.log_metrics(metrics, step)

    def log_files(self, paths: Sequence[Path]) -> None:
        """Keep copies of files and folders in each."""
        for tracker in self._trackers:
            tracker.log_files(paths)

    def finish(self, ok: bool) -> None:
        """End the run in each."""
        for tracker in self._trackers:
            tracker.finish(ok)


class _Guarded:
    """A tracker whose first failure is warned of and its last: from then on it is only asked to finish."""

    def __init__(self, name: str, tracker: Tracker) -> None:
        self._name = name
        self._tracker = tracker
        self._failed = False
        self._finished = False

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        if not self._failed:
            self._try(lambda: self._tracker.log_metrics(metrics, step))

    def log_files(self, paths: Sequence[Path]) -> None:
        if not self._failed:
            self._try(lambda: self._tracker.log_files(paths))

    def finish(self, ok: bool) -> None:
        if not self._finished:
            self._finished = True
            self._try(lambda: self._tracker.finish(ok))

    def _try(self, work: Callable[[], None]) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the libraries deprecate among themselves is no news to a user
                work()
        except Exception as error:  # the libraries promise no common class, and none may end a training
            if not self._failed:
                _LOG.warning(
                    "tracker %s failed (%s); the run goes on without it", self._name, _one_line(error), exc_info=False
                )
            self._failed = True


def _open(name: str, run_name: str, config: Mapping[str, Any], folder: Path) -> Tracker:
    module, _, function = TRACKERS[name].partition(":")
    open_one: Callable[[str, Mapping[str, Any], Path], Tracker] = getattr(importlib.import_module(module), function)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as above
            return open_one(run_name, config, folder)
    except EarmarkError:
        raise
    except Exception as error:  # as above
        raise StoreError(
            f"tracker {name}: cannot begin a run ({_one_line(error)}); see docs/tracking.md or leave it out"
        ) from error


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
