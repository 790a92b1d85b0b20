"""What a results folder knows of its plan: enough for `status` and `report` without the audio or the models."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError, StoreError
from earmark.core.files import read_json, write_json
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.experiments.plan import JOURNAL_FILE
from earmark.experiments.trial import Trial

if TYPE_CHECKING:
    from earmark.experiments.grid import Grid
    from earmark.experiments.plan import ExperimentConfig

FILE = JOURNAL_FILE
FORMAT = "earmark-experiment"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Journal:
    """A plan with its trials and the clips that they are tested on.

    Attributes:
        plan: The plan as its keys and values.
        fingerprint: The plan's.
        trials: Every point of the grid; some may share a key.
        folds: Name and number of training and test clips of each fold.
        leaks: Groups on both sides of a fold.
        notes: What was done otherwise than asked.
        dataset: The clips in the order of their ids, without times and files.
    """

    plan: dict[str, Any]
    fingerprint: str
    trials: tuple[Trial, ...]
    folds: tuple[tuple[str, int, int], ...]
    leaks: tuple[str, ...]
    notes: tuple[str, ...]
    dataset: Dataset

    @classmethod
    def of(cls, config: ExperimentConfig, dataset: Dataset, grid: Grid) -> Journal:
        """Return the journal of a plan on its dataset."""
        clips = sorted(dataset.clips, key=lambda clip: clip.id)
        return cls(
            plan=config.model_dump(mode="json"),
            fingerprint=config.fingerprint,
            trials=tuple(job.trial for job in grid.jobs),
            folds=tuple((fold.name, len(fold.train), len(fold.test)) for fold in grid.folds),
            leaks=grid.leaks,
            notes=grid.notes,
            dataset=dataset.with_clips([Clip(clip.id, Path(clip.id), clip.labels, clip.group) for clip in clips]),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the distinct trials, in order."""
        return tuple(dict.fromkeys(trial.key for trial in self.trials))


def write_journal(folder: Path, journal: Journal) -> None:
    """Write the plan and the dataset. Raises StoreError where that fails."""
    dataset_name = journal.trials[0].dataset
    write_json(_dataset_path(folder, dataset_name), _dataset_values(journal.dataset))
    values = asdict(journal) | {"dataset": dataset_name, "format": FORMAT, "version": FORMAT_VERSION}
    values["trials"] = [{"key": trial.key, **asdict(trial)} for trial in journal.trials]
    write_json(folder / FILE, values)


def read_journal(folder: Path) -> Journal:
    """Return the journal of a results folder.

    Raises:
        StoreError: There is none, it is damaged or from another version.
    """
    path = folder / FILE
    if not path.exists():
        raise StoreError(f"{folder}: holds no {FILE}; expected a results folder, made by: earmark experiment run PLAN")
    values = read_json(path)
    if not isinstance(values, dict) or (values.get("format"), values.get("version")) != (FORMAT, FORMAT_VERSION):
        raise StoreError(
            f'{path}: expected "format": "{FORMAT}", "version": {FORMAT_VERSION}; run the experiment again'
        )
    try:
        return Journal(
            plan=values["plan"],
            fingerprint=values["fingerprint"],
            trials=tuple(_trial(trial) for trial in values["trials"]),
            folds=tuple((name, n_train, n_test) for name, n_train, n_test in values["folds"]),
            leaks=tuple(values["leaks"]),
            notes=tuple(values["notes"]),
            dataset=_read_dataset(_dataset_path(folder, values["dataset"])),
        )
    except (LookupError, TypeError, ValueError, DataError) as error:
        raise StoreError(
            f"{path}: is damaged ({error!r}); run the experiment again, finished trials are kept"
        ) from error


def _trial(values: dict[str, Any]) -> Trial:
    return Trial(**{name: value for name, value in values.items() if name != "key"})


def _dataset_path(folder: Path, name: str) -> Path:
    return folder / f"dataset-{name}.json"


def _dataset_values(dataset: Dataset) -> dict[str, Any]:
    column = {label: index for index, label in enumerate(dataset.labels)}
    groups = np.unique(dataset.groups).tolist()
    row = {group: index for index, group in enumerate(groups)}
    return {
        "name": dataset.name,
        "labels": list(dataset.labels),
        "task": dataset.task,
        "source": dataset.source,
        "licence": dataset.licence,
        "groups": groups,
        "clips": [[clip.id, row[clip.group], [column[label] for label in clip.labels]] for clip in dataset.clips],
    }


def _read_dataset(path: Path) -> Dataset:
    values = read_json(path)
    labels, groups = values["labels"], values["groups"]
    clips = [
        Clip(identifier, Path(identifier), tuple(labels[column] for column in columns), groups[row])
        for identifier, row, columns in values["clips"]
    ]
    kept = (values["name"], tuple(clips), tuple(labels), values["task"], values["source"], values["licence"])
    return Dataset(*kept)
