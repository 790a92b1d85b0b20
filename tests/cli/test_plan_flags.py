from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from earmark.cli.plan_flags import plan_from
from earmark.core.errors import ConfigError
from earmark.experiments import read_plan

PLAN = """
name = "digits"
dataset = "fsdd"
models = ["random_forest", {recipe = "svm", name = "svm-64", classifier = {n_components = 64}}]
targets = ["one", "two"]
read = {label_column = "word"}
[zero_shot]
one = ["One"]
svm-64 = {one = "1", two = "2"}
random_forest = {two = "Two"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def test_flags_alone_make_a_plan() -> None:
    plan = plan_from(
        None,
        {
            "dataset": "fsdd",
            "models": ["random_forest", "svm,level"],
            "targets": ["one,two"],
            "training_sizes": ["0", "10,50", "all"],
            "folds": "grouped:5",
            "seeds": 2,
            "metric": None,
            "read": ["label_column=word", "window_s=2.5"],
        },
    )
    assert [model.title for model in plan.models] == ["random_forest", "svm", "level"]
    assert (plan.name, plan.targets, plan.training_sizes, plan.seeds) == (
        "fsdd",
        ("one", "two"),
        (0, 10, 50, "all"),
        (0, 1),
    )
    assert plan.read == {"label_column": "word", "window_s": 2.5}
    assert (plan.metric, plan.folder) == ("roc_auc", Path("results/fsdd"))


def test_flags_win_over_the_plan_and_keep_the_rest(path: Path) -> None:
    plan = plan_from(path, {"training_sizes": ["20"], "read": ["fold_column=part"], "workers": 3, "name": None})
    assert (plan.name, plan.training_sizes, plan.workers) == ("digits", (20,), 3)
    assert plan.read == {"label_column": "word", "fold_column": "part"}
    assert plan.models == read_plan(path).models
    assert plan.folder == path.parent / "results" / "digits"


def test_a_model_named_by_a_flag_keeps_the_options_that_the_plan_gives_it(path: Path) -> None:
    plan = plan_from(path, {"models": ["svm-64", "level"]})
    assert [model.title for model in plan.models] == ["svm-64", "level"]
    assert plan.models[0].classifier == {"n_components": 64}


def test_classes_of_models_and_targets_that_flags_drop_are_dropped(path: Path) -> None:
    plan = plan_from(path, {"models": ["svm-64"], "targets": ["two"]})
    assert plan.zero_shot == {"svm-64": {"two": ("2",)}}


def test_paths_in_flags_are_relative_to_where_one_stands(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (here / "clips").mkdir(parents=True)
    monkeypatch.chdir(here)
    flags: dict[str, Any] = {"dataset": "clips", "results": "out", "read": ["audio_dir=sound"]}
    plan = plan_from(path, flags)
    assert (plan.dataset, plan.folder) == (str(here / "clips"), here / "out")
    assert plan.load_options().audio_dir == here / "sound"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({}, "found neither a plan nor --data and --models; give PLAN.toml"),
        ({"dataset": "fsdd"}, "found neither a plan nor --models; give"),
        ({"dataset": "fsdd", "models": ["swm"]}, r'earmark experiment run: recipe "swm" .*did you mean "svm"'),
        ({"dataset": "fsdd", "models": ["svm"], "training_sizes": ["ten"]}, '--training-sizes: found "ten", expected'),
        ({"dataset": "fsdd", "models": ["svm"], "training_sizes": ["-2"]}, "a training size is -2"),
        ({"dataset": "fsdd", "models": ["svm"], "read": ["lable_column=x"]}, 'did you mean "label_column"'),
        ({"dataset": "fsdd", "models": ["svm"], "read": ["label_column"]}, 'found no "=", expected KEY=VALUE'),
        ({"dataset": "fsdd", "models": [","]}, "models"),
    ],
)
def test_wrong_flags_are_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_from(None, flags)


def test_a_plan_with_other_kinds_of_values_is_refused_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('name = "x"\ndataset = "fsdd"\nmodels = 7\nzero_shot = {one = "One"}\n')
    with pytest.raises(ConfigError, match="models"):
        plan_from(path, {"targets": ["one"]})
