from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, LeakError
from earmark.models import load_bundle
from earmark.models.table import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

LEVEL = ("--model", "level", "--workers", "1")


def test_training_reports_figures_and_saves_a_bundle(run: Run, tones: Path, tmp_path: Path) -> None:
    told = run("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path).stdout
    folder = tmp_path / f"{tones.name}-level"
    assert "accuracy 1.000 [" in told
    assert "on 16 clips of 4 held-out groups (grouped:2, 2 folds)" in told
    assert f"bundle: {folder}" in told
    assert load_bundle(folder).spec.labels == ("loud", "quiet")


def test_json_is_the_measurements_on_one_line(run: Run, tones: Path, tmp_path: Path) -> None:
    told = run("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path, "--name", "n", "--json").stdout
    (line,) = told.splitlines()
    found = json.loads(line)
    assert found["bundle"] == str(tmp_path / "n")
    assert found["primary"]["metric"] == "accuracy"


def test_a_taken_name_is_replaced_or_numbered(run: Run, tones: Path, tmp_path: Path) -> None:
    arguments = ("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path, "--name", "mine")
    run(*arguments, "--summary", "first")
    run(*arguments, "--avoid-overwrite", "--summary", "second")
    run(*arguments, "--avoid-overwrite", "--summary", "third")
    run(*arguments, "--summary", "fourth")
    found = {path.name: load_bundle(path).spec for path in tmp_path.iterdir()}
    assert {name: spec.summary for name, spec in found.items()} == {
        "mine": "fourth",
        "mine-2": "second",
        "mine-3": "third",
    }
    assert found["mine-2"].name == "mine-2"


def test_every_option_reaches_the_bundle(run: Run, tones: Path, tmp_path: Path) -> None:
    run(
        *("train", tones, *LEVEL, "--mode", "cvgrid", "--grid", "C=0.5,1", "--folds", "grouped:2", "--out", tmp_path),
        *("--name", "n", "--set", "frontend.n_parts=4", "--set", "classifier.max_iterations=500", "--augment", "light"),
        *(
            "--copies",
            "1",
            "--threshold-rule",
            "recall",
            "--threshold-goal",
            "0.9",
            "--aggregate",
            "max",
            "--seed",
            "3",
        ),
    )
    options = load_bundle(tmp_path / "n").spec.provenance["options"]
    assert options.pop("classifier")["C"] in (0.5, 1)
    assert options == {
        "recipe": "level",
        "frontend": {"n_parts": 4},
        "aggregate": "max",
        "folds": "grouped:2",
        "allow_shared_groups": "",
        "augmentation": "light",
        "copies": 1,
        "threshold_rule": "recall",
        "threshold_goal": 0.9,
        "seed": 3,
        "workers": 1,
    }


def test_defaults_come_from_the_settings(
    run: Run, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANDOM_SEED", "5"), ("DEFAULT_CV_FOLDS", "4"), ("MAX_WORKERS", "1")):
        monkeypatch.setenv(f"EARMARK_{name}", value)
    run("train", tones, "-m", "level", "--out", tmp_path, "--name", "n")
    options = load_bundle(tmp_path / "n").spec.provenance["options"]
    assert (options["seed"], options["folds"], options["workers"]) == (5, "grouped:4", 1)


@pytest.mark.parametrize("name", ["../outside", "a/b", "..", ""])
def test_a_name_that_leads_elsewhere_is_refused(run: Run, tones: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"--name: found .*expected a name, not a path; --out names the folder"):
        run("train", tones, *LEVEL, "--name", name, "--out", tmp_path / "bundles")
    assert list(tmp_path.iterdir()) == []


def test_a_search_tells_the_winner(run: Run, tones: Path, tmp_path: Path) -> None:
    told = run(
        "train", tones, *LEVEL, "--mode", "grid", "--grid", "C=1,2", "--folds", "parts:50/25/25", "--out", tmp_path
    )
    assert "best of 2: {'C': 1} (balanced_accuracy 1.000)" in told.stdout
    assert "earmark: no interval: groups: all 4 clips belong to group" in told.stderr


def test_more_clips_may_only_be_trained_on(run: Run, tones: Path, tmp_path: Path) -> None:
    manifest = (tones / "clips.csv").read_text().splitlines()
    (tmp_path / "more.csv").write_text("\n".join([manifest[0], *(f"{tones}/{line}" for line in manifest[1:])]))
    run(
        "train",
        tones,
        *LEVEL,
        "--folds",
        "grouped:2",
        "--out",
        tmp_path,
        "--name",
        "n",
        "--also",
        tmp_path / "more.csv",
    )
    assert load_bundle(tmp_path / "n").spec.provenance["extra"]["n_clips"] == 16


def test_a_given_split_that_leaks_needs_a_reason(run: Run, tones: Path, tmp_path: Path) -> None:
    arguments = ("train", tones, *LEVEL, "--mode", "train", "--folds", "given", "--out", tmp_path, "--name", "n")
    with pytest.raises(LeakError, match=r"4 groups .* on both sides"):
        run(*arguments)
    result = run(*arguments, "--allow-shared-groups", "as published")
    assert "earmark: this split shares groups: ada, ben, cleo, dan; expect less on new ones" in result.stderr
    spec = load_bundle(tmp_path / "n").spec
    assert spec.metrics["groups_on_both_sides"] == ["ada", "ben", "cleo", "dan"]
    assert spec.provenance["options"]["allow_shared_groups"] == "as published"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "C=1"), "--set C=1: found key C, expected frontend.OPTION or classifier.OPTION"),
        (("--set", "frontend.=1"), "found key frontend., expected"),
        (("--set", "classifier.C"), 'found no "=", expected KEY=VALUE'),
        (("--grid", "C=1"), 'mode "cv" searches no grid; use mode "cvgrid"'),
        (("--mode", "grid", "--grid", "C="), "--grid C=: found no value"),
        (("--mode", "grid", "--grid", "C=1,,2"), "--grid C=1,,2: found no value"),
        (("--threshold-goal", "1.5"), 'earmark train: key "threshold_goal": found 1.5'),
        (("--copies", "99"), 'key "copies": found 99'),
        (("--augment", "speach", "--copies", "1"), 'augmentation "speach" is not known; did you mean "speech"'),
        (("--folds", "groupd:5"), 'split: found "groupd:5", expected "grouped:5"'),
        (("--set", "classifier.c_max=2"), 'option "c_max" is not known'),
    ],
)
def test_options_that_make_no_sense_are_refused(
    run: Run, tones: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_recipe_comes_with_the_nearest(run: Run, tones: Path) -> None:
    with pytest.raises(ConfigError, match='recipe "svn" is not known; did you mean "svm"'):
        run("train", tones, "-m", "svn")


def test_an_unknown_mode_is_a_mistake_in_the_command(run: Run, tones: Path) -> None:
    assert "cvgrid" in run("train", tones, "--mode", "best", code=2).stderr


def test_a_licence_without_commercial_use_is_told(
    run: Run, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "level", replace(RECIPES["level"], weights=("birdnet",)))
    told = run("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path)
    assert "weights: birdnet (CC-BY-NC-SA-4.0) forbids commercial use, and so of this bundle" in told.stderr
