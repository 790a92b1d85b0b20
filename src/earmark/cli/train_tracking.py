"""What `earmark train` tells experiment trackers: each epoch, what was measured, the bundle and its curves."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from earmark.data import Dataset
    from earmark.models import Bundle
    from earmark.training import Mode, Trained, TrainingOptions
    from earmark.training.trackers import Tracker


class Record:
    """Writes a training run down; with no tracker it does nothing."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def epoch(self, fit: str, epoch: int, figures: dict[str, float]) -> None:
        """Write the figures of an epoch: of the final fit under their own names, of folds under the fold's."""
        prefix = "" if fit == "final" else f"{fit}/"
        self._tracker.log_metrics({prefix + name: value for name, value in figures.items()}, epoch)

    def result(self, trained: Trained, bundle: Bundle) -> None:
        """Write what was measured, and keep the bundle with its curves."""
        from earmark.training import measurements

        found = measurements(trained)
        measured = {f"measured/{name}": value for name, value in found["metrics"].items() if value is not None}
        self._tracker.log_metrics(measured, 1)
        self._tracker.log_files([bundle.folder])


@contextmanager
def recording(
    names: Sequence[str], run_name: str, folder: Path, dataset: Dataset, run: tuple[TrainingOptions, Mode]
) -> Iterator[Record]:
    """Give the record of a run; the run is marked as failed where the block fails.

    Raises:
        ConfigError: A tracker's name is not known.
        MissingExtraError: Its library is not installed.
        StoreError: It cannot begin.
    """
    from earmark.training.trackers import open_trackers

    options, mode = run
    config = options.model_dump(mode="json") | {"mode": mode, "dataset": dataset.name, "n_clips": len(dataset.clips)}
    tracker = open_trackers(names, run_name=run_name, config=config, folder=folder)
    ok = False
    try:
        yield Record(tracker)
        ok = True
    finally:
        tracker.finish(ok)
