from __future__ import annotations

import asyncio
import fcntl
import json
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError, StoreError, WeightsError
from earmark.experiments import ExperimentRunner, Status, folder_status
from earmark.experiments.executors import find_executor
from earmark.models.base import Recipe
from earmark.models.classical import LogisticRegression
from earmark.models.table import register_recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.data.dataset import Task
    from earmark.experiments import ExperimentConfig, ModelPlan

    MakePlan = Callable[..., ExperimentConfig]


def metrics_of(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text())["metrics"] for path in (folder / "trials").glob("*.json")}


def stamps_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "trials").iterdir()}


class Spy:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.stages: list[list[Any]] = []
        self.notes: list[str] = []

    def start(self, label: str, total: int) -> None:
        self.stages.append([label, total, 0])

    def advance(self, n_steps: int = 1) -> None:
        self.stages[-1][2] += n_steps

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_every_trial_is_run_once_and_told_of(make_plan: MakePlan) -> None:
    plan, spy = make_plan(seeds=2), Spy()
    runner = ExperimentRunner(plan, progress=spy)
    status = runner.run()
    assert (status.n_total, status.n_done, status.n_failed, status.n_left, status.left_s) == (8, 8, 0, 0, 0.0)
    assert status.is_complete
    assert spy.stages[-1] == ["trials", 8, 8]
    assert spy.notes[0] == 'level, 6 clips, fold "ada", seed 0'
    assert len(runner.trials()) == 8
    before = stamps_of(plan.folder)
    again = Spy()
    assert ExperimentRunner(plan, progress=again).run().is_complete
    assert stamps_of(plan.folder) == before
    assert again.stages[-1] == ["trials", 8, 8]


def test_status_is_known_before_and_after_without_running(make_plan: MakePlan) -> None:
    plan = make_plan()
    assert ExperimentRunner(plan).status().n_left == 4
    assert not plan.folder.exists()
    ExperimentRunner(plan).run()
    assert ExperimentRunner(plan).status() == folder_status(plan.folder)
    assert folder_status(plan.folder).is_complete


def test_a_larger_plan_in_the_same_folder_runs_only_what_is_new(make_plan: MakePlan) -> None:
    plan = make_plan()
    ExperimentRunner(plan).run()
    before = stamps_of(plan.folder)
    larger = make_plan(["level", "logistic_regression"], training_sizes=[6, 12])
    assert ExperimentRunner(larger).status().n_done == 4
    status = ExperimentRunner(larger).run()
    assert (status.n_total, status.n_done, status.n_others) == (16, 16, 0)
    assert before.items() <= stamps_of(plan.folder).items()
    assert ExperimentRunner(plan).run().n_others == 12


def test_a_deleted_or_damaged_result_is_computed_again_with_the_same_numbers(make_plan: MakePlan) -> None:
    plan = make_plan()
    ExperimentRunner(plan).run()
    before = metrics_of(plan.folder)
    first, second, *_ = sorted((plan.folder / "trials").glob("*.json"))
    first.unlink()
    second.write_text("{")
    status = ExperimentRunner(plan).run()
    assert status.is_complete
    assert status.n_damaged == 1
    assert metrics_of(plan.folder) == before


def test_a_failing_trial_is_kept_with_its_message_and_tried_again(make_plan: MakePlan, odd_models: str) -> None:
    plan = make_plan(["failing", "level"], plugins=[odd_models])
    status = ExperimentRunner(plan).run()
    assert (status.n_done, status.n_failed, status.n_left) == (4, 4, 0)
    assert status.failures[0].message == "RuntimeError: the model fell over"
    assert status.failures[0].trial.model == "failing"
    spy = Spy()
    assert ExperimentRunner(plan, progress=spy).run().n_failed == 4
    assert spy.stages[-1] == ["trials", 8, 8]


def test_a_wrong_option_is_one_error_before_any_trial(make_plan: MakePlan) -> None:
    plan = make_plan(["level", {"recipe": "level", "name": "wrong", "classifier": {"c": 1}}])
    with pytest.raises(ConfigError, match='option "c" is not known; did you mean "C"'):
        ExperimentRunner(plan).run()
    assert not plan.folder.exists()


def test_an_error_of_ours_in_a_trial_is_told_as_it_is(make_plan: MakePlan) -> None:
    plan = make_plan([{"recipe": "level", "classifier": {"C": -1.0}}])
    status = ExperimentRunner(plan).run()
    assert status.n_failed == 4
    assert "cannot be fitted with the options {'C': -1.0}" in status.failures[0].message


def test_a_model_without_its_weights_fails_and_the_others_run(
    make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.experiments.bench import find_material as real

    def find_material(config: Any, model: Any, *args: Any, **keys: Any) -> Any:
        if model.title == "unlucky":
            raise WeightsError("weights: not found")
        return real(config, model, *args, **keys)

    monkeypatch.setattr("earmark.experiments.run.find_material", find_material)
    status = ExperimentRunner(
        make_plan(["level", {"recipe": "level", "name": "unlucky", "frontend": {"n_parts": 2}}])
    ).run()
    assert (status.n_done, status.n_failed) == (4, 4)
    assert {failure.message for failure in status.failures} == {"weights: not found"}


def test_shards_do_disjoint_parts_in_one_folder(make_plan: MakePlan) -> None:
    plan = make_plan(seeds=3)
    assert ExperimentRunner(plan, shard=(0, 2)).run().n_done == 6
    assert ExperimentRunner(plan, shard=(1, 2)).run().is_complete


def test_two_runs_in_one_folder_are_refused(make_plan: MakePlan) -> None:
    plan = make_plan()
    ExperimentRunner(plan).run()
    with (plan.folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another run is at work here"):
            ExperimentRunner(plan).run()
    assert ExperimentRunner(plan).run().is_complete


def test_a_folder_that_refuses_the_lock_is_named(make_plan: MakePlan) -> None:
    plan = make_plan()
    (plan.folder / ".lock").mkdir(parents=True)
    with pytest.raises(StoreError, match="choose another folder with --results"):
        ExperimentRunner(plan).run()


def test_results_that_cannot_be_written_stop_the_run(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("results: cannot be written (No space left on device)")

    monkeypatch.setattr("earmark.experiments.results.ResultsStore.save", refuse)
    with pytest.raises(StoreError, match="No space left on device"):
        ExperimentRunner(make_plan()).run()


def test_the_asynchronous_run_leaves_the_event_loop_free(make_plan: MakePlan, odd_models: str) -> None:
    async def main() -> tuple[Status, int]:
        n_ticks, running = 0, asyncio.ensure_future(runner.run_multi_factor_experiment())
        while not running.done():
            n_ticks += 1
            await asyncio.sleep(0.01)
        return running.result(), n_ticks

    runner = ExperimentRunner(make_plan(["slow"], plugins=[odd_models]))
    status, n_ticks = asyncio.run(main())
    assert status.is_complete
    assert n_ticks >= 5


def test_cancelling_the_asynchronous_run_stops_it_and_keeps_what_is_done(make_plan: MakePlan, odd_models: str) -> None:
    plan = make_plan(["slow"], plugins=[odd_models], seeds=20)

    runner = ExperimentRunner(plan)

    async def main() -> None:
        running = asyncio.ensure_future(runner.run_multi_factor_experiment())
        while not list((plan.folder / "trials").glob("*.json")):
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    status = folder_status(plan.folder)
    assert 0 < status.n_done < 80
    assert status.left_s is not None
    assert status.left_s > 0
    assert runner.run().is_complete  # being stopped once does not stop it for good


def test_the_journal_of_another_plan_is_not_mistaken_for_ours(make_plan: MakePlan) -> None:
    ExperimentRunner(make_plan(seeds=2)).run()
    assert ExperimentRunner(make_plan()).status().n_total == 4


def test_a_recipe_that_cannot_travel_to_a_worker_is_refused(make_plan: MakePlan) -> None:
    def build(task: Task) -> Any:
        return LogisticRegression(task)

    register_recipe(Recipe("local", "", frontend="level", classifier=build))
    with pytest.raises(ConfigError, match='recipe "local" cannot be sent to a worker process'):
        ExperimentRunner(make_plan(["local"])).run()


def test_an_unknown_executor_is_refused(make_plan: MakePlan) -> None:
    with pytest.raises(ConfigError, match='executor "lokal" is not known; did you mean "local"'):
        find_executor("lokal")


def test_a_worker_names_the_features_of_a_model_once(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.experiments import bench

    named: list[str] = []
    name = bench.material_name

    def spy(model: ModelPlan) -> str:
        named.append(model.title)
        return name(model)

    monkeypatch.setattr(bench, "material_name", spy)
    assert ExperimentRunner(make_plan(seeds=3)).run().n_done == 12
    assert named == ["level"]
