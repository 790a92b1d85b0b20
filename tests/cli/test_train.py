from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError, LeakError, ModelError
from earmark.models import load_bundle
from earmark.models.table import RECIPES
from tests.cli.conftest import write_noise

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


@pytest.fixture
def whispers(tmp_path: Path) -> Path:
    """Return a folder with recordings that are far quieter than those called quiet, of three groups."""
    rng = np.random.default_rng(4)
    lines = ["path,label,group"]
    (tmp_path / "whispers").mkdir()
    for group in ("eve", "flo", "gus"):
        for take in range(3):
            path = write_noise(tmp_path / "whispers" / f"{group}-{take}.wav", 0.0001 * rng.uniform(0.6, 1.5), rng)
            lines.append(f"{path.name},whisper,{group}")
    (tmp_path / "whispers" / "clips.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "whispers"


@pytest.mark.parametrize("mode", [("--mode", "cv"), ("--mode", "cvgrid", "--grid", "C=0.5,1")])
def test_a_bundle_learns_to_refuse_other_sounds(
    run: Run, tones: Path, tmp_path: Path, whispers: Path, mode: tuple[str, ...]
) -> None:
    arguments = ("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path / "out", *mode)
    run(*arguments, "--name", "plain")
    told = run(*arguments, "--name", "n", "--reject-others", whispers, "--reject-keep", 0.9).stdout
    assert "clips of its own and lets 0.0% of 9 windows of other sounds through" in told
    bundle, plain = load_bundle(tmp_path / "out" / "n"), load_bundle(tmp_path / "out" / "plain")
    assert bundle.spec.files["model.onnx"] == plain.spec.files["model.onnx"]
    part = bundle.spec.rejection
    assert part is not None
    assert plain.spec.rejection is None
    assert (part.goal, part.others, part.metrics["n_others"]) == (0.9, ("whispers",), 9)
    assert part.metrics["kept"] >= 0.9
    heard = [
        json.loads(run("predict", "-m", bundle.folder, path, "--json").stdout)
        for path in (whispers / "eve-0.wav", next(tones.rglob("*loud*.wav")))
    ]
    assert [each["accepted"] for each in heard] == [False, True]
    assert heard[0]["known"] < part.threshold < heard[1]["known"]


def test_what_was_learnt_of_other_sounds_is_told_in_json(run: Run, tones: Path, tmp_path: Path, whispers: Path) -> None:
    arguments = ("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path / "out", "--name", "n", "--json")
    found = json.loads(run(*arguments, "--reject-others", whispers, "--reject-others", tones).stdout)
    assert found["rejection"]["others"] == ["whispers", tones.name]
    assert "rejection" not in json.loads(run(*arguments).stdout)


def test_other_sounds_that_teach_nothing_are_refused_before_anything_is_trained(
    run: Run, tones: Path, tmp_path: Path
) -> None:
    arguments = ("train", tones, *LEVEL, "--folds", "grouped:2", "--out", tmp_path, "--name", "n")
    with pytest.raises(ModelError, match="have labels of the bundle; add other sounds"):
        run(*arguments, "--reject-others", tones)
    assert not (tmp_path / "n").exists()
    run(*arguments, "--reject-others", tones, "--reject-keep", 0.2, code=2)


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
        (("--mode", "train", "--reject-others", "x"), "--reject-others: found --mode train, expected cv or cvgrid"),
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
