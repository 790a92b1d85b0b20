"""What does a trial cost besides learning? Run with ``python -m benchmarks.experiment_overhead``.

A grid of almost empty trials (a classifier that answers by chance) on generated tones, in one worker process. Printed:
time per trial beyond fitting and scoring, by the clock and in the worker's processor time; the same with features
computed again for every trial, as without the feature store; and the cost of finding that everything is done.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from earmark.core.settings import settings
from earmark.data import load_dataset
from earmark.experiments import ExperimentConfig, ExperimentRunner, plan_of
from earmark.experiments.bench import Bench, Work
from earmark.experiments.grid import make_grid
from earmark.features import extract_features
from earmark.models.base import Recipe
from earmark.models.table import RECIPES, build_frontend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earmark.models.base import ScoreKind

GOAL_MS = 20.0
RATE_HZ = 8000
N_GROUPS, N_TAKES, LABELS = 6, 8, 10


@dataclass
class Guess:
    """A classifier that learns nothing, in no time."""

    task: str = "one"
    n_classes: int = field(default=0, init=False)

    @property
    def score_kind(self) -> ScoreKind:
        """Margins."""
        return "margin"

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator) -> None:  # noqa: ARG002
        """Count the classes."""
        self.n_classes = targets.shape[1]

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a number that depends on the row, float32 (n_rows, n_classes)."""
        rows = features.reshape(len(features), -1)[:, :1]
        return np.asarray((rows * np.arange(self.n_classes)) % 1, dtype=np.float32)

    def to_onnx(self) -> bytes:
        """Return nothing: it is never saved."""
        return b""


def write_tones(folder: Path) -> Path:
    """Write half a second of a tone per label, group and take, with a clips.csv."""
    rng = np.random.default_rng(3)
    times_s = np.arange(RATE_HZ // 2) / RATE_HZ
    lines = ["path,label,group"]
    for group in range(N_GROUPS):
        for label in range(LABELS):
            for take in range(N_TAKES):
                name = f"{group}-{label}-{take}.wav"
                tone = 0.3 * np.sin(2 * np.pi * (200 + 150 * label) * times_s) + rng.normal(0, 0.01, times_s.size)
                soundfile.write(folder / name, tone, RATE_HZ)
                lines.append(f"{name},tone{label},speaker{group}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


def run(n_seeds: int) -> dict[str, float]:
    """Return the measured times."""
    RECIPES["guess"] = Recipe("guess", "", "mfcc", "benchmarks.experiment_overhead:Guess", {"pooling": "mean_std"})
    with tempfile.TemporaryDirectory() as name, own_cache(Path(name)):
        folder = Path(name)
        source = write_tones(folder)
        keys: dict[str, Any] = {"folds": "leave-one-group-out", "training_sizes": [20, 100, "all"], "workers": 1}
        small = plan_of(str(source), ["guess"], **keys, seeds=1, results=folder / "small")
        large = plan_of(str(source), ["guess"], **keys, seeds=n_seeds, results=folder / "large")
        # The start of a worker process costs once, not per trial: it falls out of the difference of two grids.
        first_s, n_first = _timed(small)
        second_s, n_second = _timed(large)
        again_s, _ = _timed(large)
        cpu_ms = _cpu_ms_per_trial(large.model_copy(update={"results": folder / "here"}))
        return {
            "n_trials": n_second,
            "start_s": first_s,
            "trial_ms": 1e3 * (second_s - first_s) / (n_second - n_first),
            "trial_cpu_ms": cpu_ms,
            "features_again_ms": 1e3 * _features_s(large),
            "nothing_to_do_s": again_s,
        }


def _timed(plan: ExperimentConfig) -> tuple[float, int]:
    started_s = time.perf_counter()
    status = ExperimentRunner(plan).run()
    assert status.is_complete
    return time.perf_counter() - started_s, status.n_total


def _cpu_ms_per_trial(plan: ExperimentConfig) -> float:
    dataset = load_dataset(plan.dataset)
    jobs = make_grid(plan, dataset).jobs
    bench = Bench(Work.of(plan, dataset, plan.folder))
    bench.do(jobs[0])
    started_s = time.process_time()
    for job in jobs[1:]:
        assert bench.do(job).kind == "done"
    return 1e3 * (time.process_time() - started_s) / (len(jobs) - 1)


def _features_s(plan: ExperimentConfig) -> float:
    recipe = RECIPES["guess"]
    frontend = build_frontend(recipe.frontend, recipe.frontend_options)
    dataset = load_dataset(plan.dataset)
    started_s = time.process_time()
    extract_features(dataset, frontend)
    return time.process_time() - started_s


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """Let what happens meanwhile find no cached features but its own."""
    import os

    before = os.environ.get("EARMARK_CACHE_DIR")
    os.environ["EARMARK_CACHE_DIR"] = str(folder / "cache")
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ.pop("EARMARK_CACHE_DIR")
        if before is not None:
            os.environ["EARMARK_CACHE_DIR"] = before
        settings.cache_clear()


def main(arguments: list[str] | None = None) -> int:
    """Print the times; return 1 if a trial costs more than the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="18 trials each (default 10)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    found = run(chosen.seeds)
    good = found["trial_cpu_ms"] < GOAL_MS
    if chosen.json:
        print(json.dumps(found))
    else:
        print(f"{found['n_trials']:.0f} trials that learn nothing, {N_GROUPS * LABELS * N_TAKES} clips, one worker")
        print(f"{'a trial, processor time':<44} {found['trial_cpu_ms']:8.2f} ms  {'ok' if good else 'above 20 ms'}")
        print(f"{'a trial, by the clock':<44} {found['trial_ms']:8.2f} ms")
        print(f"{'computing its features again would add':<44} {found['features_again_ms']:8.2f} ms")
        print(f"{'an experiment of 18 trials, start to end':<44} {found['start_s']:8.2f} s")
        print(f"{'finding that nothing is left to do':<44} {found['nothing_to_do_s']:8.2f} s")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
