"""How far an experiment is."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from earmark.experiments.journal import read_journal
from earmark.experiments.results import ResultsStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earmark.experiments.journal import Journal
    from earmark.experiments.results import Done, Failure
    from earmark.experiments.trial import Trial


@dataclass(frozen=True)
class Status:
    """Counts of distinct trials, and what went wrong.

    Attributes:
        n_total: Trials of the plan.
        n_done: Trials with a result.
        failures: Trials whose last attempt failed.
        left_s: Time left with the plan's number of workers, None before the first result.
        n_damaged: Result files that could not be read and were moved to the folder `damaged`.
        n_others: Results of other plans in the folder.
        n_with_warnings: Trials whose model warned, such as of not having converged.
    """

    n_total: int
    n_done: int
    failures: tuple[Failure, ...]
    left_s: float | None
    n_damaged: int
    n_others: int
    n_with_warnings: int

    @property
    def n_failed(self) -> int:
        """Trials whose last attempt failed."""
        return len(self.failures)

    @property
    def n_left(self) -> int:
        """Trials that were not tried yet."""
        return self.n_total - self.n_done - self.n_failed

    @property
    def is_complete(self) -> bool:
        """Whether every trial has a result."""
        return self.n_done == self.n_total

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return {
            "n_total": self.n_total,
            "n_done": self.n_done,
            "n_failed": self.n_failed,
            "n_left": self.n_left,
            "left_s": None if self.left_s is None else round(self.left_s, 1),
            "n_damaged": self.n_damaged,
            "n_others": self.n_others,
            "n_with_warnings": self.n_with_warnings,
            "failures": [{"trial": failure.trial.title, "message": failure.message} for failure in self.failures],
        }


def status_of(journal: Journal, results: ResultsStore, *, n_workers: int) -> Status:
    """Return how far the trials of a journal are.

    Raises:
        StoreError: The results folder cannot be read.
    """
    keys = journal.keys
    done = results.load_all(keys)
    failures = results.failures(keys)
    first = {trial.key: trial for trial in reversed(journal.trials)}
    missing = [first[key] for key in keys if key not in done]
    return Status(
        n_total=len(keys),
        n_done=len(done),
        failures=tuple(failures.values()),
        left_s=estimate_left_s(missing, list(done.values()), n_workers),
        n_damaged=results.n_damaged(),
        n_others=results.n_others(keys),
        n_with_warnings=sum(1 for result in done.values() if result.facts["warnings"]),
    )


def folder_status(folder: Path) -> Status:
    """Return how far the plan of a results folder is, without its dataset and models.

    Raises:
        StoreError: The folder holds no experiment or cannot be read.
    """
    journal = read_journal(folder)
    return status_of(journal, ResultsStore(folder), n_workers=int(journal.plan["workers"]))


def estimate_left_s(missing: Sequence[Trial], done: Sequence[Done], n_workers: int) -> float | None:
    """Return the time that missing trials will take, None if nothing is known yet.

    A trial takes as long as those of the same model and size on average, else as those of the model, else as any.
    """
    if not missing:
        return 0.0
    if not done:
        return None
    known: dict[tuple[object, ...], list[float]] = {}
    for result in done:
        trial = result.trial
        for name in ((trial.definition, trial.size), (trial.definition,), ()):
            known.setdefault(name, []).append(result.seconds)
    means = {name: fmean(seconds) for name, seconds in known.items()}
    per_trial = (
        next(means[name] for name in ((trial.definition, trial.size), (trial.definition,), ()) if name in means)
        for trial in missing
    )
    return sum(per_trial) / min(n_workers, len(missing))
