"""Carry out a plan: features once, then every trial that is not done yet, in worker processes.

Killing anything at any moment loses at most the trials in hand; running again does the rest and repeats none.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import threading
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, ModelError, StoreError
from earmark.core.progress import SILENT
from earmark.data.loading import load_dataset
from earmark.experiments.bench import Outcome, Work, find_material, material_name, model_of
from earmark.experiments.executors import find_executor
from earmark.experiments.grid import distinct, make_grid, shard_of
from earmark.experiments.journal import Journal, read_journal, write_journal
from earmark.experiments.results import ResultsStore
from earmark.experiments.results_mirror import ResultsMirror
from earmark.experiments.status import Status, status_of
from earmark.models.table import build_classifier

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset
    from earmark.experiments.grid import Grid
    from earmark.experiments.plan import ExperimentConfig
    from earmark.experiments.trial import Job, Trial


class ExperimentRunner:
    """Runs the trials of a plan and tells how far they are.

    Example:
        >>> from earmark.experiments import ExperimentRunner, plan_of
        >>> runner = ExperimentRunner(plan_of("fsdd", ["svm", "level"], folds="leave-one-group-out"))
        >>> runner.run().n_failed  # doctest: +SKIP
        0
    """

    def __init__(
        self, config: ExperimentConfig, *, shard: tuple[int, int] = (0, 1), progress: Progress = SILENT
    ) -> None:
        self.config = config
        self.folder = config.folder
        self._shard = shard
        self._progress = progress
        self._stop = threading.Event()
        self._loaded: tuple[Dataset, Grid] | None = None

    def run(self) -> Status:
        """Do every trial of this shard that has no result, and return where the plan stands.

        Failed trials are kept with their message, counted, and tried again by the next run.

        Raises:
            ConfigError: The plan does not fit the dataset.
            AudioError: Clips cannot be read.
            DataError: The dataset is wrong, or has too few groups.
            ModelError: Worker processes cannot be started.
            StoreError: The results folder cannot be written, or another run is at work in it.
        """
        dataset, grid = self._load()
        mine = shard_of(distinct(grid.jobs), *self._shard)
        results = ResultsStore(self.folder)
        results.prepare()
        with _only_run(self.folder, self._shard), self._mirror() as mirror:
            write_journal(self.folder, Journal.of(self.config, dataset, grid))
            if mirror:
                mirror.sync()
            done = results.load_all(job.trial.key for job in mine)
            todo = [job for job in mine if job.trial.key not in done]
            work = Work.of(self.config, dataset, self.folder)
            todo = self._prepare_features(work, todo, results)
            self._progress.start("trials", len(mine))
            self._progress.advance(len(mine) - len(todo))
            self._do(work, todo, results, mirror)
        return self.status()

    async def run_multi_factor_experiment(self) -> Status:
        """Do what `run` does in another thread, so that the event loop stays free; cancelling stops the workers.

        Raises what `run` raises.
        """
        running = asyncio.ensure_future(asyncio.to_thread(self.run))
        running.add_done_callback(lambda _: self._stop.clear())  # a later run shall do the rest
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._stop.set()
            with contextlib.suppress(Exception):
                await running
            raise

    def status(self) -> Status:
        """Return how many trials are done, failed and left, and the time left.

        Raises:
            StoreError: The results folder cannot be read.
            ConfigError: The plan does not fit the dataset.
            DataError: The dataset is wrong.
        """
        journal = self._journal()
        return status_of(journal, ResultsStore(self.folder), n_workers=self.config.workers)

    def trials(self) -> tuple[Trial, ...]:
        """Return every trial of the plan. Raises what `status` raises."""
        return self._journal().trials

    def notes(self) -> tuple[str, ...]:
        """Return what is done otherwise than asked, such as sizes left out. Raises what `status` raises."""
        return self._journal().notes

    def _journal(self) -> Journal:
        """Return the journal in the folder if it is this plan's, else a new one, not written."""
        with contextlib.suppress(StoreError):
            found = read_journal(self.folder)
            if found.fingerprint == self.config.fingerprint:
                return found
        dataset, grid = self._load()
        return Journal.of(self.config, dataset, grid)

    def _load(self) -> tuple[Dataset, Grid]:
        if self._loaded is None:
            dataset = load_dataset(self.config.dataset, self.config.load_options(), self._progress)
            for model in self.config.models:  # a wrong option is one error now, not one for each trial later
                build_classifier(
                    model.found_recipe(), "many" if self.config.targets else dataset.task, model.classifier
                )
            self._loaded = dataset, make_grid(self.config, dataset)
        return self._loaded

    def _prepare_features(self, work: Work, jobs: Sequence[Job], results: ResultsStore) -> list[Job]:
        """Compute what the store lacks; return the jobs without those whose model has no features to offer."""
        models = {model.title: model for model in self.config.models}
        wanted = {(job.trial.model, job.trial.is_zero_shot): job.trial for job in jobs}
        ready: set[str] = set()
        failed: dict[tuple[str, bool], str] = {}
        for place, trial in wanted.items():
            model = model_of(models[trial.model], trial)
            name = material_name(model)
            if name in ready:
                continue
            try:
                find_material(self.config, model, work.dataset, progress=self._progress, workers=self.config.workers)
                ready.add(name)
            except (ModelError, DataError) as error:
                failed[place] = str(error)
        for job in jobs:
            if (place := (job.trial.model, job.trial.is_zero_shot)) in failed:
                results.save_failure(job.trial, failed[place])
        return [job for job in jobs if (job.trial.model, job.trial.is_zero_shot) not in failed]

    def _mirror(self) -> contextlib.AbstractContextManager[ResultsMirror | None]:
        """Return the copy of the results in object storage, if the plan has one."""
        address = self.config.results_mirror
        return ResultsMirror(address, self.folder, self._progress) if address else contextlib.nullcontext()

    def _do(self, work: Work, jobs: Sequence[Job], results: ResultsStore, mirror: ResultsMirror | None) -> None:
        outcomes = find_executor(self.config.executor)(work, jobs, self.config.workers)
        with contextlib.closing(outcomes):
            for outcome in self._until_stopped(outcomes):
                if outcome.kind == "refused":
                    raise StoreError(outcome.message)
                if outcome.kind == "failed":
                    results.save_failure(outcome.job.trial, outcome.message)
                elif mirror:
                    mirror.push_trial(outcome.job.trial.key)
                self._progress.note(outcome.job.trial.title)
                self._progress.advance()

    def _until_stopped(self, outcomes: Generator[Outcome | None, None, None]) -> Iterator[Outcome]:
        for outcome in outcomes:
            if outcome is not None:
                yield outcome
            if self._stop.is_set():
                return


@contextlib.contextmanager
def _only_run(folder: Path, shard: tuple[int, int]) -> Iterator[None]:
    """Hold the folder's lock, which the system releases however the process ends."""
    name = ".lock" if shard == (0, 1) else f".lock-{shard[0]}-{shard[1]}"
    try:
        file = (folder / name).open("w")
    except OSError as error:
        raise StoreError(f"{folder / name}: {error.strerror}; choose another folder with --results") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"{folder}: another run is at work here; wait for it, or choose another folder") from error
        yield
