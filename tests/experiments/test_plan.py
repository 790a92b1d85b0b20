from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from earmark.core.errors import ConfigError
from earmark.core.identity import fingerprint
from earmark.core.settings import settings
from earmark.experiments import ModelPlan, parse_plan, plan_of, read_plan

PLAN = """
name = "digits"
dataset = "fsdd"
training_sizes = [200, 20, "all", 20]
folds = "leave-one-group-out"
seeds = 3
models = ["random_forest", {recipe = "svm", name = "svm-64", classifier = {n_components = 64}}]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_a_plan_is_read_from_toml(tmp_path: Path) -> None:
    plan = read_plan(write(tmp_path, PLAN))
    assert [model.title for model in plan.models] == ["random_forest", "svm-64"]
    assert plan.models[1].classifier == {"n_components": 64}
    assert plan.training_sizes == (20, 200, "all")
    assert plan.seeds == (0, 1, 2)


def test_results_lie_beside_the_plan_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert read_plan(write(tmp_path, PLAN)).folder == tmp_path / "results" / "digits"
    assert read_plan(write(tmp_path, PLAN + 'results = "here"\n')).folder == tmp_path / "here"


def test_a_dataset_beside_the_plan_is_found_from_everywhere(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    text = PLAN.replace('"fsdd"', '"clips"') + '[read]\naudio_dir = "audio"\n'
    plan = read_plan(write(tmp_path, text))
    assert plan.dataset == str(tmp_path / "clips")
    assert plan.load_options().audio_dir == tmp_path / "audio"
    assert read_plan(write(tmp_path, PLAN)).dataset == "fsdd"


def test_group_by_and_read_become_load_options() -> None:
    plan = plan_of("clips", ["level"], group_by="site", read={"label_column": "species"})
    assert plan.load_options().group_by == "site"
    assert plan.load_options().label_column == "species"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seeds = 3", "sedes = 3", r'plan.toml: key "sedes" is not known; did you mean "seeds"\?'),
        ("classifier =", "clasifier =", r'plan.toml: models\[2\]: key "clasifier" .*did you mean "classifier"\?'),
        ('"random_forest"', '"random_forrest"', r'plan.toml: recipe "random_forrest".*did you mean "random_forest"\?'),
        ('dataset = "fsdd"', "", r'plan.toml: key "dataset" is missing'),
        ("seeds = 3", "seeds = 0", "seeds"),
        ("seeds = 3", "seeds = [1, 1]", r"seeds are \[1, 1\]; expected different numbers"),
        ("seeds = 3", 'metric = "acuracy"', r'plan.toml: metric "acuracy" .*did you mean "accuracy"\?'),
        ("seeds = 3", "workers = 0", "greater than or equal to 1"),
        ("seeds = 3", "read = {gruop_by = 1}", r'plan.toml: read: key "gruop_by" .*did you mean "group_by"\?'),
        ("seeds = 3", 'plugins = ["no_such_module"]', r'plugin "no_such_module" cannot be imported'),
        ("seeds = 3", "plugins = 3", "plugins"),
        ("[200, 20,", "[-1, 20,", r'a training size is -1; expected 0 \(zero-shot\) or more, or "all"'),
        ("seeds = 3", 'targets = ["dog", "dog"]', 'the target "dog" stands 2 times'),
        ("seeds = 3", "zero_shot = 3", r"plan.toml: zero_shot: found 3, expected a table"),
        ("seeds = 3", "zero_shot = {dog = []}", r"zero_shot.dog: found \[\], expected names of classes"),
        ("seeds = 3", "zero_shot = {svm = {dog = [3]}}", r"zero_shot.svm.dog: found \[3\], expected names"),
        ("seeds = 3", 'zero_shot = {swm = {dog = "Dog"}}', '"swm" is not a model of the plan; did you mean "svm"'),
        ("seeds = 3", 'targets = ["dog"]\nzero_shot = {dgo = "Dog"}', '"dgo" is not a label .* did you mean "dog"'),
        ('"all", 20', '"some", 20', "training_sizes"),
        ('name = "svm-64"', 'name = "random_forest"', '2 models are called "random_forest"'),
        ('["random_forest", ', "[", None),
        ('["random_forest", ', "[7, ", "models"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_key(tmp_path: Path, before: str, after: str, message: str | None) -> None:
    assert before in PLAN
    path = write(tmp_path, PLAN.replace(before, after))
    if message is None:
        assert len(read_plan(path).models) == 1
        return
    with pytest.raises(ConfigError, match=message):
        read_plan(path)


def test_a_plan_that_is_not_there_or_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_plan(write(tmp_path, "name = "))


@pytest.mark.parametrize("models", ["level", 7, []])
def test_models_must_be_a_list_with_something_in_it(models: Any) -> None:
    with pytest.raises(ConfigError, match="models"):
        parse_plan({"name": "x", "dataset": "y", "models": models}, "plan")


def test_models_may_be_given_as_objects() -> None:
    model = ModelPlan(recipe="level", name="loudness", aggregate="max", augmentation="none", copies=0)
    assert parse_plan({"name": "x", "dataset": "y", "models": [model]}, "plan").models == (model,)


def test_the_fingerprint_ignores_how_a_plan_is_carried_out(tmp_path: Path) -> None:
    plan = plan_of("clips", ["level"])
    same = plan_of("clips", ["level"], name="other", workers=7, results=tmp_path, metric="f1_macro", executor="inline")
    assert plan.fingerprint == same.fingerprint
    assert plan.fingerprint != plan_of("clips", ["level"], seeds=2).fingerprint


def test_seed_and_workers_default_to_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANDOM_SEED", "11")
    monkeypatch.setenv("MAX_WORKERS", "3")
    settings.cache_clear()
    plan = plan_of("clips", ["level"])
    assert (plan.seed, plan.workers) == (11, 3)


@pytest.mark.parametrize(("name", "folder"), [("a b/c", "a-b-c"), ("../..", "experiment"), ("été", "été")])
def test_the_results_folder_of_any_name_is_one_folder(name: str, folder: str) -> None:
    assert plan_of("clips", ["level"], name=name).folder == Path("results") / folder


def test_every_key_of_a_plan_has_a_description() -> None:
    for model in (ModelPlan, type(plan_of("clips", ["level"]))):
        assert all(field.description for field in model.model_fields.values())


def test_with_targets_the_metric_is_roc_auc_unless_the_plan_says_otherwise() -> None:
    assert plan_of("clips", ["level"]).metric == "accuracy"
    assert plan_of("clips", ["level"], targets=["dog"]).metric == "roc_auc"
    assert plan_of("clips", ["level"], targets=["dog"], metric="f1_macro").metric == "f1_macro"


def test_sizes_of_detection_are_even() -> None:
    assert plan_of("clips", ["level"], targets=["dog"], training_sizes=[8, 0, "all"]).training_sizes == (0, 8, "all")
    with pytest.raises(ConfigError, match=r"one half of the training clips has the target.* found 7, use 8"):
        plan_of("clips", ["level"], targets=["dog"], training_sizes=[7, 8])


def test_a_single_class_stands_for_a_list_of_one() -> None:
    given = {"dog": "Dog", "level": {"dog": ["Bark", "Howl"]}}
    plan = plan_of("clips", ["level"], targets=["dog"], zero_shot=given)
    assert plan.zero_shot == {"dog": ("Dog",), "level": {"dog": ("Bark", "Howl")}}


def test_keys_that_are_not_used_leave_the_fingerprint_as_it_was_before_they_existed() -> None:
    plan = plan_of("clips", ["level"], seed=0)
    left_out = {"name", "metric", "workers", "results", "results_mirror", "executor", "plugins", "targets", "zero_shot"}
    assert plan.fingerprint == fingerprint(plan.model_dump(mode="json", exclude=left_out))
    assert plan.fingerprint != plan_of("clips", ["level"], seed=0, targets=["dog"]).fingerprint


def test_the_plan_in_a_results_folder_can_be_run_again(tmp_path: Path) -> None:
    plan = plan_of("clips", ["level", {"recipe": "svm", "classifier": {"C": 1.0}}], targets=["dog"], seeds=2)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"plan": plan.model_dump(mode="json")}))
    again = read_plan(path)
    assert again.fingerprint == plan.fingerprint
    assert again.folder == tmp_path


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is not valid JSON"), ("[]", "holds no plan"), ('{"plan": 3}', "holds no plan")]
)
def test_a_json_file_that_is_no_plan_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_plan(path)


def test_an_option_that_the_recipe_sets_can_be_unset(tmp_path: Path) -> None:
    plan = read_plan(write(tmp_path, PLAN.replace("{n_components = 64}", '{n_components = "null"}')))
    assert plan.models[1].classifier == {"n_components": None}


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "benchmarks" / "plans").glob("*.toml")), ids=str)
def test_the_plans_of_studies_in_the_repository_can_be_read(path: Path) -> None:
    plan = read_plan(path)
    assert plan.targets or plan.read["task"] == "many"
    assert plan.folder.resolve().parent == path.parents[2] / "results"
    assert any(model.found_recipe().zero_shot for model in plan.models) == (0 in plan.training_sizes)
