"""Results of experiments on targets that were never run: the real store and journal around simulated scores."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.evaluation.metrics import summarize
from earmark.experiments.journal import Journal, write_journal
from earmark.experiments.results import ResultsStore
from earmark.experiments.targets import target_view
from earmark.experiments.trial import Trial, TrialResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.experiments.plan import Size

ENVIRONMENT = {"python": "3.11", "numpy": "2.0"}


@dataclass(frozen=True)
class World:
    """What is simulated. A model's strength is how far targets stand from others at 16 clips, in standard deviations.

    `zero_shot` models also answer at size 0; `n_groups` recordings per label, `n_takes` clips each.
    """

    models: dict[str, float]
    targets: tuple[str, ...]
    sizes: tuple[Size, ...] = (0, 4, 8, 16)
    n_folds: int = 3
    n_groups: int = 9
    n_takes: int = 2
    n_seeds: int = 1
    zero_shot: tuple[str, ...] = ()
    n_others: int = 2
    absent: tuple[tuple[str, int], ...] = ()
    metric: str = "roc_auc"

    def dataset(self) -> Dataset:
        labels = (*self.targets, *(f"other {number}" for number in range(self.n_others)))
        clips = [
            Clip(f"{label}-{group}-{take}.wav", Path("x.wav"), (label,), f"{label}/{group}")
            for label in labels
            for group in range(self.n_groups)
            for take in range(self.n_takes)
        ]
        return Dataset.of("sounds", sorted(clips, key=lambda clip: clip.id))

    def trials(self) -> list[Trial]:
        return [
            Trial(
                model,
                size,
                40 if size == "all" else size,
                str(fold),
                seed,
                model,
                "features",
                "data",
                f"{target}{size}",
                target,
            )
            for model in self.models
            for target in self.targets
            for size in self.sizes
            for fold in range(self.n_folds)
            for seed in range(self.n_seeds)
            if (size != 0 or model in self.zero_shot) and (target, size) not in self.absent
        ]


def scores_of(world: World, trial: Trial, positive: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a score per clip: more clips part the two sides further, and small subsets differ by luck."""
    gain = 0.6 if trial.size == 0 else np.log2(trial.n_train) / 4 + rng.normal() / max(trial.n_train, 1)
    apart = world.models[trial.model] * gain * (0.6 + 0.1 * world.targets.index(trial.target))
    logits = rng.normal(size=len(positive)) + apart * positive - 1
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def simulate(folder: Path, world: World, *, skip: Callable[[Trial], bool] = lambda _: False) -> Path:
    """Write the results folder of a simulated experiment; trials to `skip` are not done. Return the folder."""
    dataset = world.dataset()
    store = ResultsStore(folder)
    store.prepare()
    fold_of = np.array([int(clip.group.rpartition("/")[2]) % world.n_folds for clip in dataset.clips])
    for trial in world.trials():
        if skip(trial) or store.is_done(trial.key):
            continue
        rng = np.random.default_rng([len(trial.model), sum(map(ord, trial.key)) % 9973, int(trial.fold)])
        test = np.flatnonzero(fold_of == int(trial.fold))
        view = target_view(dataset, trial.target)
        probabilities = scores_of(world, trial, view.targets[test, 0] == 1, rng)[:, None]
        summary = summarize(view.targets[test], probabilities, task="many", labels=view.labels)
        fit_s = 0.0 if trial.size == 0 else 0.01 * len(trial.model) ** 2 * (1 + trial.n_train) * rng.uniform(0.8, 1.3)
        facts: dict[str, Any] = {
            "fit_s": fit_s,
            "score_s": 0.02,
            "peak_memory_bytes": int(1e8 + 1e6 * len(trial.model)),
        }
        result = TrialResult(trial, summary.metrics, test, probabilities, **facts, warnings=(), environment=ENVIRONMENT)
        store.save(result, np.arange(len(dataset.clips)))
    write_journal(folder, journal_of(world, dataset, folder))
    return folder


def journal_of(world: World, dataset: Dataset, folder: Path) -> Journal:
    plan = {
        "name": "Which model for which sound?",
        "dataset": "sounds",
        "models": [{"recipe": model, "name": ""} for model in world.models],
        "targets": list(world.targets),
        "training_sizes": list(world.sizes),
        "folds": f"grouped:{world.n_folds}",
        "allow_shared_groups": "",
        "seeds": list(range(world.n_seeds)),
        "metric": world.metric,
        "seed": 1,
        "workers": 1,
        "results": str(folder),
    }
    n_test = len(dataset.clips) // world.n_folds
    folds = tuple((str(fold), len(dataset.clips) - n_test, n_test) for fold in range(world.n_folds))
    return Journal(plan, "0" * 16, tuple(world.trials()), folds, (), (), dataset)


SMALL = World(
    models={"birdnet": 3.2, "svm": 2.0, "random_forest": 1.0},
    targets=("coyote", "bullfrog"),
    zero_shot=("birdnet",),
)

Simulated = Callable[..., Path]


@pytest.fixture
def simulated(tmp_path: Path) -> Simulated:
    """Return a function that writes the results folder of a world: `simulated(world=SMALL, skip=...)`."""
    numbers = itertools.count()

    def make(world: World = SMALL, **options: Any) -> Path:
        return simulate(tmp_path / f"results-{next(numbers)}", world, **options)

    return make


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures, which take most of the time, and the parts of the page around them."""
    monkeypatch.setattr("earmark.experiments.target_report.draw_pictures", lambda _: {})
