"""What does a grid on cached features cost? Run with ``python -m benchmarks.experiment_cached``.

Seven models x three targets x six training sizes x five folds = 630 trials one after the other in this process, on the
ESC-50 clips under EARMARK_DATA_DIR, or on generated noises of the same length where there are none. Printed: the
processor time of all that is not fitting or scoring, per trial (planning the grid and finding the features included; a
worker process would cost its start once more), and how much longer the grid would take if each trial computed the
features of its own clips. The latter is measured on a few trials of each model and extrapolated by the number of clips
of the others: computing all of them again would take very long.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import soundfile

from benchmarks.experiment_overhead import own_cache
from earmark.core.errors import EarmarkError
from earmark.core.settings import settings
from earmark.data import load_dataset
from earmark.experiments import ExperimentRunner, ModelPlan, plan_of
from earmark.experiments.bench import find_material
from earmark.experiments.grid import make_grid
from earmark.features import extract_features
from earmark.models.table import build_frontend
from earmark.training.material import Material, fit_clips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earmark.data import Dataset
    from earmark.experiments import ExperimentConfig
    from earmark.experiments.trial import Job

GOAL_MS = 20.0
N_MODELS = 7
SIZES = (4, 8, 16, 24, 32, 48)
TARGETS = ("dog", "rooster", "sheep")
LABELS = (*TARGETS, "crow", "crying_baby", "laughing", "coughing", "insects", "rain", "clock_tick")
N_CLIPS_EACH, CLIP_S, RATE_HZ = 40, 5, 32_000
_OF_SPECIES = {"pooling": "mean_std", "n_frames": None, "window_s": 5.0, "hop_s": 5.0}
# The first seven that can be built here: an encoder's weights may be missing.
WANTED: tuple[str | dict[str, Any], ...] = (
    "birdnet",
    "mn04",
    "yamnet",
    "speech_embedding",
    {"recipe": "random_forest", "classifier": {"n_trees": 100}},
    {"recipe": "svm", "frontend": _OF_SPECIES},
    {"recipe": "logistic_regression", "frontend": _OF_SPECIES},
    "level",
    {"recipe": "level", "name": "level in 16 parts", "frontend": {"n_parts": 16}},
    {"recipe": "random_forest", "name": "small forest", "classifier": {"n_trees": 30}},
)


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        models: Titles.
        n_trials: Trials of the grid.
        features_s: Computing all features once.
        grid_s: All trials on cached features, by the clock.
        grid_cpu_s: The same, processor time.
        learning_cpu_s: The part of it that was fitting and scoring.
        again_s: Computing each trial's features, extrapolated.
        n_timed: Trials whose features were really computed again.
    """

    models: list[str]
    n_trials: int
    features_s: float
    grid_s: float
    grid_cpu_s: float
    learning_cpu_s: float
    again_s: float
    n_timed: int

    @property
    def overhead_ms(self) -> float:
        """Processor time per trial, beside fitting and scoring."""
        return 1e3 * (self.grid_cpu_s - self.learning_cpu_s) / self.n_trials

    @property
    def speed_up(self) -> float:
        """How much longer the grid would take with features computed in every trial; their one time counts here."""
        return (self.grid_s + self.again_s) / (self.grid_s + self.features_s)


def measure(folder: Path, n_timed: int) -> Found:
    """Return the measured times; `n_timed` trials of each model compute their features again."""
    source = _manifest(folder)
    plan = plan_of(
        str(source),
        list(_buildable())[:N_MODELS],
        targets=list(TARGETS),
        training_sizes=list(SIZES),
        folds="grouped:5",
        seed=0,
        executor="inline",
        results=folder / "results",
    )
    dataset = load_dataset(source)
    features_s = _timed(lambda: [find_material(plan, model, dataset) for model in plan.models])
    cpu_s = -time.process_time()
    with _learning_clock() as learning_cpu_s:
        grid_s = _timed(lambda: ExperimentRunner(plan).run())
    cpu_s += time.process_time()
    jobs = make_grid(plan, dataset).jobs
    assert ExperimentRunner(plan).status().n_done == len(jobs)
    return Found(
        [model.title for model in plan.models],
        len(jobs),
        features_s,
        grid_s,
        cpu_s,
        sum(learning_cpu_s),
        sum(_again_s(plan, model, dataset, jobs, n_timed) for model in plan.models),
        n_timed * len(plan.models),
    )


def _again_s(plan: ExperimentConfig, model: ModelPlan, dataset: Dataset, jobs: tuple[Job, ...], n_timed: int) -> float:
    """Return the time that the trials of a model would spend on features if each computed those of its clips."""
    recipe = model.found_recipe()
    frontend = build_frontend(recipe.frontend, recipe.frontend_options | model.frontend)
    mine = [job for job in jobs if job.trial.model == model.title]
    rng = np.random.default_rng(plan.seed)
    chosen = [mine[int(position)] for position in rng.choice(len(mine), n_timed, replace=False)]
    n_clips = [len(job.train) + len(job.test) for job in mine]
    spent_s = _timed(
        lambda: [extract_features(dataset.take(np.concatenate([job.train, job.test])), frontend) for job in chosen]
    )
    return spent_s / sum(len(job.train) + len(job.test) for job in chosen) * sum(n_clips)


def _buildable() -> Iterator[str | dict[str, Any]]:
    for wanted in WANTED:
        try:
            model = ModelPlan(recipe=wanted) if isinstance(wanted, str) else ModelPlan.model_validate(wanted)
            recipe = model.found_recipe()
            build_frontend(recipe.frontend, recipe.frontend_options | model.frontend)
        except (EarmarkError, ImportError) as error:
            print(f"left out: {wanted} ({error})")
        else:
            yield wanted


def _manifest(folder: Path) -> Path:
    """Return a manifest of ten labels: real clips if there are any, else five seconds of noise each."""
    data_dir = settings().data_dir
    if data_dir is not None and (data_dir / "esc50" / "clips.csv").is_file():
        clips = [clip for clip in load_dataset("esc50").clips if clip.labels[0] in LABELS]
        rows = [f"{clip.path},{clip.labels[0]},{clip.group}" for clip in clips]
    else:
        rows = [_noise(folder, label, take) for label in LABELS for take in range(N_CLIPS_EACH)]
    path = folder / "clips.csv"
    path.write_text("\n".join(["path,label,group", *rows]) + "\n")
    return path


def _noise(folder: Path, label: str, take: int) -> str:
    rng = np.random.default_rng([LABELS.index(label), take])
    path = folder / f"{label}-{take}.wav"
    soundfile.write(path, rng.normal(0, 0.02 * (1 + LABELS.index(label)), CLIP_S * RATE_HZ).clip(-1, 1), RATE_HZ)
    return f"{path},{label},{label}-{take // 2}"


@contextmanager
def _learning_clock() -> Iterator[list[float]]:
    """Give the list of processor times that fits and scorings meanwhile take."""
    spent: list[float] = []

    def clocked(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **keys: Any) -> Any:
            started_s = time.process_time()
            try:
                return work(*args, **keys)
            finally:
                spent.append(time.process_time() - started_s)

        return run

    with (
        patch("earmark.experiments.trial.fit_clips", clocked(fit_clips)),
        patch.object(Material, "clip_scores", clocked(Material.clip_scores)),
    ):
        yield spent


def _timed(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def main(arguments: list[str] | None = None) -> int:
    """Print the times; return 1 if a trial costs more than the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timed", type=int, default=2, help="trials of each model that compute features again (2)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, own_cache(Path(name)):
        found = measure(Path(name), chosen.timed)
    if chosen.json:
        print(json.dumps({**asdict(found), "overhead_ms": found.overhead_ms, "speed_up": found.speed_up}))
        return 0 if found.overhead_ms < GOAL_MS else 1
    good = "ok" if found.overhead_ms < GOAL_MS else "above 20 ms"
    print(f"{found.n_trials} trials of {', '.join(found.models)}; one process")
    print(f"{'features of all clips, once':<50} {found.features_s:8.1f} s")
    print(f"{'the grid on cached features':<50} {found.grid_s:8.1f} s")
    print(f"{'  processor time':<50} {found.grid_cpu_s:8.1f} s")
    print(f"{'  of that fitting and scoring':<50} {found.learning_cpu_s:8.1f} s")
    print(f"{'  of that anything else, per trial':<50} {found.overhead_ms:8.1f} ms  {good}")
    again = f"features again in each trial, from {found.n_timed} trials"
    print(f"{again:<50} {found.again_s:8.0f} s  (extrapolated)")
    print(f"{'caching makes features and grid faster':<50} {found.speed_up:8.1f} times")
    return 0 if found.overhead_ms < GOAL_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
