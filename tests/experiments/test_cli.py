from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from earmark.cli.experiment import app
from earmark.core.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """
name = "tones"
dataset = "{dataset}"
models = {models}
training_sizes = [6]
folds = "leave-one-group-out"
executor = "inline"
plugins = {plugins}
"""


@pytest.fixture
def plan(tones: Path, tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(dataset=tones, models='["level"]', plugins="[]"))
    return path


def call(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def test_run_status_and_report_work_from_the_plan_and_from_the_folder(plan: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "tones"
    assert "0 of 4 trials done, 0 failed, 4 to do\n" in call("status", plan)
    told = call("run", plan)
    assert "4 of 4 trials done, 0 failed, 0 to do\n" in told
    assert f"next: earmark experiment report {folder}" in told
    assert "4 of 4 trials done" in call("status", folder)
    told = call("report", plan)
    assert "level is alone at 6 training clips" in told
    assert str(folder / "report.html") in told
    told = call("report", folder, "--out", tmp_path / "out")
    assert told.count(str(tmp_path / "out")) == len(list((tmp_path / "out").iterdir())) >= 5


def test_json_is_one_document_on_one_line(plan: Path, tmp_path: Path) -> None:
    for arguments in (("run", plan), ("status", plan), ("report", plan)):
        lines = call(*arguments, "--json").splitlines()
        assert len(lines) == 1
        assert isinstance(json.loads(lines[0]), dict)
    assert json.loads(call("status", plan, "--json"))["n_done"] == 4


def test_results_and_workers_override_the_plan(plan: Path, tmp_path: Path) -> None:
    told = json.loads(call("run", plan, "--results", tmp_path / "here", "--workers", "2", "--json"))
    assert told["results"] == str(tmp_path / "here")
    assert json.loads((tmp_path / "here" / "plan.json").read_text())["plan"]["workers"] == 2


def test_a_shard_does_its_part(plan: Path) -> None:
    assert "2 of 4 trials done, 0 failed, 2 to do, about " in call("run", plan, "--shard", "0/2")


@pytest.mark.parametrize("shard", ["2/2", "1", "a/b", "-1/2", "/"])
def test_a_shard_that_makes_no_sense_is_refused(plan: Path, shard: str) -> None:
    with pytest.raises(ConfigError, match=r"--shard: found .*expected K/N"):
        call("run", plan, f"--shard={shard}")


def test_failed_trials_exit_with_1_and_are_named(plan: Path, tones: Path, odd_models: str) -> None:
    models = '["failing", "grumbling", "level"]'
    plan.write_text(PLAN.format(dataset=tones, models=models, plugins=f'["{odd_models}"]') + "seeds = 2\n")
    told = call("run", plan, code=1)
    assert "16 of 24 trials done, 8 failed" in told
    assert 'failed: failing, 6 clips, fold "ada", seed 0: RuntimeError: the model fell over' in told
    assert "... and 3 more failed trials" in told
    assert "8 trials have warnings" in told


def test_other_results_and_damaged_files_are_told_of(plan: Path, tones: Path, tmp_path: Path) -> None:
    call("run", plan)
    folder = tmp_path / "results" / "tones"
    next((folder / "trials").glob("*.json")).write_text("")
    other = '[{recipe = "level", aggregate = "max"}]'
    call("status", plan)
    plan.write_text(PLAN.format(dataset=tones, models=other, plugins="[]"))
    told = call("run", plan)
    assert "the folder also holds 3 results of other plans" in told
    assert "1 damaged result files were moved" in told


def test_a_report_of_an_empty_folder_is_an_error(plan: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="expected a results folder"):
        call("report", plan)
    with pytest.raises(StoreError, match="expected a results folder"):
        call("status", tmp_path)


def test_durations_read_as_people_say_them() -> None:
    from earmark.cli.experiment import _duration

    assert [_duration(value) for value in (0.4, 61, 7260)] == ["0 s", "1 min 1 s", "2 h 1 min"]


def test_a_lost_dataset_does_not_matter_for_the_report(plan: Path, tones: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tones, tmp_path / "copy")
    plan.write_text(PLAN.format(dataset=copy, models='["level"]', plugins="[]"))
    call("run", plan)
    shutil.rmtree(copy)
    assert "report.html" in call("report", plan)
    assert "4 of 4 trials done" in call("status", plan)


def test_a_whole_plan_fits_into_flags_and_can_be_repeated_from_its_results(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = "--models level logistic_regression --targets loud quiet --training-sizes 4 8,all --cv-folds 2 --seeds 1"
    told = call("run", "--data", tones, *flags.split(), "--max-concurrent", "1", "--name", "two tones")
    assert "24 of 24 trials done" in told
    folder = tmp_path / "results" / "two-tones"
    plan = json.loads((folder / "plan.json").read_text())["plan"]
    assert (plan["targets"], plan["training_sizes"], plan["folds"]) == (["loud", "quiet"], [4, 8, "all"], "grouped:2")
    assert (plan["metric"], plan["workers"], plan["name"]) == ("roc_auc", 1, "two tones")
    assert "24 of 24 trials done" in call("status", folder)
    for path in (folder / "trials").iterdir():
        path.unlink()
    assert "24 of 24 trials done" in call("run", folder / "plan.json")


def test_flags_win_over_the_plan(plan: Path, tmp_path: Path) -> None:
    told = json.loads(call("run", plan, "--training-sizes", "3", "6", "--folds", "grouped:2", "--json"))
    assert (told["n_total"], told["results"]) == (4, str(tmp_path / "results" / "tones"))


def test_two_ways_to_say_the_folds_are_refused(plan: Path) -> None:
    with pytest.raises(ConfigError, match="--folds and --cv-folds both say how to split"):
        call("run", plan, "--folds", "given", "--cv-folds", "3")


def test_zero_shot_is_a_size_on_the_command_line(tones: Path, tmp_path: Path, odd_models: str) -> None:
    import odd_models as registers_the_toy  # type: ignore[import-not-found]  # noqa: F401

    flags = "--models toy level --targets loud middle --training-sizes 0 4 --folds leave-one-group-out"
    told = json.loads(call("run", "--data", tones, *flags.split(), "--results", tmp_path / "out", "--json"))
    assert told["n_done"] == told["n_total"] == 2 * 4 * 3
    (about_level,) = told["notes"]
    assert "level must be trained" in about_level
    again = call("run", tmp_path / "out" / "plan.json")
    assert f"earmark: {about_level}\n" in again
