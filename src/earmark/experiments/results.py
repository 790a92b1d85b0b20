"""The results store: a folder in which a trial's JSON file means that the trial is done.

    plan.json            the plan that ran last, and its grid of trials
    dataset-<name>.json  ids, labels and groups of the clips, so that reports need no audio
    trials/<key>.npz     probabilities of the tested clips, written first
    trials/<key>.json    everything else, written last: its presence says "done"
    failed/<key>.json    why a trial failed; removed once it succeeds
    damaged/             files that could not be read, moved out of the way

Trials are named by what they depend on, so results of several plans may share a folder. Every file is written whole
or not at all, by the process that computed it; two processes that write the same trial write the same numbers.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import StoreError
from earmark.core.files import read_json, write_bytes, write_json
from earmark.experiments.trial import Trial, TrialResult

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "earmark-trial"
FORMAT_VERSION = 1
STALE_AFTER_S = 3600.0
TRIALS = "trials"
_NEEDED = {"format", "version", "key", "trial", "n_test", "metrics", "fit_s", "score_s", "warnings", "environment"}


@dataclass(frozen=True)
class Done:
    """A trial that is done: its facts, and where its probabilities lie."""

    trial: Trial
    facts: dict[str, Any]
    sidecar: Path

    @property
    def metrics(self) -> dict[str, float | None]:
        """Every metric by name."""
        metrics: dict[str, float | None] = self.facts["metrics"]
        return metrics

    @property
    def seconds(self) -> float:
        """Time that the trial took."""
        return float(self.facts["fit_s"] + self.facts["score_s"])

    def predictions(self) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return positions of the tested clips in the stored dataset (n_test,) and probabilities (n_test, n_classes).

        Raises:
            StoreError: The file is missing or damaged.
        """
        try:
            with np.load(self.sidecar, allow_pickle=False) as arrays:
                clips, probabilities = arrays["clips"].astype(np.intp), arrays["probabilities"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise StoreError(f"{self.sidecar}: is missing or damaged ({error}); run the experiment again") from error
        return clips, probabilities


@dataclass(frozen=True)
class Failure:
    """A trial that failed, and why."""

    trial: Trial
    message: str


class _OtherVersionError(StoreError):
    """A result is whole, but of a format that this version does not read."""


class ResultsStore:
    """Reads and writes a results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trials = folder / TRIALS
        self._failed = folder / "failed"

    def prepare(self) -> None:
        """Make the folder, and drop what killed processes left half-written more than an hour ago.

        Raises:
            StoreError: The folder cannot be made or written to.
        """
        try:
            self._trials.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.folder}: {error.strerror}; choose another folder with --results") from error
        for left in self._trials.glob(".writing-*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > STALE_AFTER_S:
                    shutil.rmtree(left, ignore_errors=True)

    def save(self, result: TrialResult, positions: NDArray[np.intp]) -> None:
        """Keep a result, and forget that the trial ever failed.

        Args:
            result: What the trial measured.
            positions: From a clip's position in the dataset to its position in the stored dataset, (n_clips,).

        Raises:
            StoreError: The disk is full or the folder is not writable.
        """
        key = result.trial.key
        content = io.BytesIO()
        clips = positions[result.clips].astype(np.int32)
        np.savez_compressed(content, clips=clips, probabilities=result.probabilities)
        write_bytes(self._trials / f"{key}.npz", content.getvalue())
        facts = {"format": FORMAT, "version": FORMAT_VERSION, **result.facts(), "npz_bytes": len(content.getvalue())}
        write_json(self._trials / f"{key}.json", facts)
        (self._failed / f"{key}.json").unlink(missing_ok=True)

    def save_failure(self, trial: Trial, message: str) -> None:
        """Note why a trial failed. Raises StoreError where that cannot be written."""
        from dataclasses import asdict

        write_json(self._failed / f"{trial.key}.json", {"trial": asdict(trial), "message": message})

    def is_done(self, key: str) -> bool:
        """Return whether a trial's result is there, without reading it."""
        return (self._trials / f"{key}.json").exists()

    def load(self, key: str) -> Done | None:
        """Return a trial's result, or None if it is not done; a damaged one is moved aside and is not done.

        Raises:
            StoreError: The file is there but may not be read, or is of another format version.
        """
        path = self._trials / f"{key}.json"
        if not path.exists():
            return None
        sidecar = path.with_suffix(".npz")
        try:
            facts = _checked(path, read_json(path), sidecar)
            if facts["version"] != FORMAT_VERSION:
                raise _OtherVersionError(
                    f"{path}: format version {facts['version']}, expected {FORMAT_VERSION}; use the earmark version "
                    "that made it, or another results folder"
                )
            return Done(Trial.from_dict(facts["trial"]), facts, sidecar)
        except _OtherVersionError:
            raise
        except PermissionError as error:
            raise StoreError(f"{path}: cannot be read ({error.strerror}); change its permissions") from error
        except (StoreError, TypeError, OSError) as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            self._move_aside(path, sidecar)
            return None

    def load_all(self, keys: Iterable[str]) -> dict[str, Done]:
        """Return the results of those of these trials that are done, by key. Raises StoreError, see `load`."""
        return {key: done for key in keys if (done := self.load(key)) is not None}

    def failures(self, keys: Iterable[str]) -> dict[str, Failure]:
        """Return why those of these trials failed that did and are not done, by key."""
        found = {}
        for key in keys:
            path = self._failed / f"{key}.json"
            if not path.exists() or self.is_done(key):
                continue
            try:
                values = read_json(path)
                found[key] = Failure(Trial.from_dict(values["trial"]), str(values["message"]))
            except (StoreError, TypeError, KeyError):
                self._move_aside(path)
        return found

    def n_damaged(self) -> int:
        """Return how many files were moved aside so far."""
        return sum(1 for path in (self.folder / "damaged").glob("*.json*"))

    def n_others(self, keys: Iterable[str]) -> int:
        """Return how many results in the folder belong to none of these trials."""
        wanted = set(keys)
        return sum(1 for path in self._trials.glob("*.json") if path.stem not in wanted)

    def _move_aside(self, *paths: Path) -> None:
        folder = self.folder / "damaged"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in paths:
                number = 1 + sum(1 for _ in folder.glob(f"{path.name}*"))
                if path.exists():
                    path.replace(folder / (path.name if number == 1 else f"{path.name}.{number}"))
        except OSError as error:
            raise StoreError(
                f"{paths[0]}: is damaged and cannot be moved aside ({error.strerror}); delete it"
            ) from error


def _checked(path: Path, facts: Any, sidecar: Path) -> dict[str, Any]:
    """Return the facts if they are whole and belong to the file's name; anything wrong is a StoreError."""
    if not isinstance(facts, dict) or not facts.keys() >= _NEEDED or facts["format"] != FORMAT:
        raise StoreError(f"{path}: is not the result of a trial")
    if facts["key"] != path.stem or not isinstance(facts["metrics"], dict):
        raise StoreError(f"{path}: holds the result of another trial")
    if Trial.from_dict(facts["trial"]).key != path.stem:
        raise StoreError(f"{path}: was changed after it was written")
    if sidecar.stat().st_size != facts.get("npz_bytes"):
        raise StoreError(f"{sidecar}: {sidecar.stat().st_size} bytes, expected {facts.get('npz_bytes')}")
    return facts
