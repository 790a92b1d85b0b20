from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.data.loading import load_dataset
from earmark.experiments import memory
from earmark.experiments.bench import find_material
from earmark.experiments.grid import make_grid
from earmark.experiments.memory import peak_memory_bytes, reset_peak_memory
from earmark.experiments.trial import Job, Trial, run_trial

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.experiments import ExperimentConfig
    from earmark.experiments.trial import TrialResult

    MakePlan = Callable[..., ExperimentConfig]


def run_first(plan: ExperimentConfig, job: Job | None = None) -> TrialResult:
    dataset = load_dataset(plan.dataset)
    model = plan.models[0]
    chosen = job or make_grid(plan, dataset).jobs[0]
    return run_trial(chosen, find_material(plan, model, dataset), model.training_options(plan.seed))


def test_a_trial_measures_all_metrics_and_its_costs(make_plan: MakePlan) -> None:
    result = run_first(make_plan(training_sizes=["all"]))
    assert result.metrics["accuracy"] is not None
    assert result.metrics["accuracy"] > 0.5
    assert {"balanced_accuracy", "f1_macro", "roc_auc", "average_precision", "log_loss"} <= result.metrics.keys()
    assert result.probabilities.shape == (12, 3)
    assert result.probabilities.sum(axis=1) == pytest.approx(np.ones(12))
    assert result.fit_s > 0
    assert result.score_s > 0
    assert result.peak_memory_bytes > 10e6
    assert {"earmark", "numpy", "scikit-learn", "machine"} <= result.environment.keys()
    assert result.facts()["n_test"] == 12


def test_the_same_trial_gives_the_same_numbers(make_plan: MakePlan) -> None:
    one, other = (run_first(make_plan()) for _ in range(2))
    assert one.metrics == other.metrics
    assert np.array_equal(one.probabilities, other.probabilities)


def test_warnings_of_the_model_are_kept_once_and_on_one_line(make_plan: MakePlan, odd_models: str) -> None:
    result = run_first(make_plan(["grumbling"], plugins=[odd_models]))
    assert result.warnings == ("RuntimeWarning: did not converge at all",)


def test_warnings_of_scikit_learn_are_kept(make_plan: MakePlan) -> None:
    model = {"recipe": "level", "classifier": {"max_iterations": 1}}
    assert run_first(make_plan([model])).warnings[0].startswith("ConvergenceWarning: ")


def test_a_training_set_without_a_class_is_an_error(make_plan: MakePlan) -> None:
    plan = make_plan()
    found = make_grid(plan, load_dataset(plan.dataset)).jobs[0]
    with pytest.raises(ModelError, match="no example of"):
        run_first(plan, Job(found.trial, found.train[:1], found.test))


def test_trials_survive_a_round_trip_through_dicts(make_plan: MakePlan) -> None:
    plan = make_plan(training_sizes=["all"])
    trial = make_grid(plan, load_dataset(plan.dataset)).jobs[0].trial
    values = run_first(plan).facts()["trial"]
    assert Trial.from_dict(values) == trial
    with pytest.raises(TypeError, match="colour"):
        Trial.from_dict({**values, "colour": "blue"})


def test_the_peak_of_memory_is_reset_and_read_where_linux_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "clear_refs")
    reset_peak_memory()
    assert (tmp_path / "clear_refs").read_text() == "5"
    assert peak_memory_bytes() == 2048 * 1024


REAL_PEAK = """
import mmap
from earmark.experiments.memory import peak_memory_bytes, reset_peak_memory
held = mmap.mmap(-1, 200_000_000)
held.write(b"1" * 200_000_000)
before = peak_memory_bytes()
held.close()
reset_peak_memory()
print(before - peak_memory_bytes())
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="this system cannot reset the peak")
def test_the_peak_of_memory_begins_afresh_after_a_reset() -> None:
    # mapped and unmapped in a process of its own: what an allocator gives back, and when, is its own affair
    out = subprocess.run([sys.executable, "-c", REAL_PEAK], capture_output=True, text=True, check=True).stdout
    assert int(out) > 150_000_000


def test_where_the_system_tells_no_peak_the_process_total_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "no" / "folder")
    reset_peak_memory()
    assert peak_memory_bytes() > 10e6
    monkeypatch.setattr(sys, "platform", "darwin")
    assert peak_memory_bytes() > 10e3
