from __future__ import annotations

import shutil
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import typer

import earmark.data
from earmark.cli import console
from earmark.cli import demo as module
from earmark.data import load_dataset
from earmark.models import load_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture
def small(tones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the demo small: tones instead of digits, two quick models, two sizes."""
    monkeypatch.setenv("EARMARK_DATA_DIR", str(tones.parent))  # worker processes find the dataset by its name
    monkeypatch.setattr(earmark.data, "digits", lambda _: (load_dataset(tones.name), "These are tones."))
    monkeypatch.setattr(module, "MODELS", ("level",))
    monkeypatch.setattr(module, "SIZES", (4, 8))


def test_the_demo_compares_keeps_the_best_and_classifies(run: Run, small: None, tmp_path: Path) -> None:
    told = run("demo", "--out", tmp_path, "--workers", "1", "--seed", "2").stdout
    assert told.startswith("These are tones.\nComparing 1 models on speakers they never heard (leave-one-group-out)")
    for name in ("report.html", "learning_curves.png"):
        assert (tmp_path / name).is_file()
        assert str(tmp_path / name) in told
    folder = tmp_path / "bundles" / "digits-demo"
    assert f"Kept level as the bundle {folder}, trained without speaker dan" in told
    assert load_bundle(folder).spec.provenance["groups"] == ["ada", "ben", "cleo"]
    assert "spoken by dan, whom the bundle never heard" in told
    assert "(right)" in told
    for command in ("bundle show", "predict --model digits", "data audit"):
        assert f" {command} " in told


def test_many_speakers_are_tested_in_folds_and_a_narrow_terminal_gets_a_narrow_table(
    run: Run, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FOLDS", 2)
    monkeypatch.setattr(console, "terminal_columns", lambda: 30)
    told = " ".join(run("demo", "--out", tmp_path, "--workers", "1").stdout.split())
    assert "(grouped:2)" in told
    assert "(intervals are in the report)" in told


@pytest.mark.parametrize("found", [None, "/usr/bin/earmark"])
def test_the_next_commands_can_be_pasted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: str | None) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: found)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / "earmark")])
    monkeypatch.chdir(tmp_path)
    assert module._own_name() == ("earmark" if found else "bin/earmark")


def test_failed_trials_end_the_demo(run: Run, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark import experiments

    monkeypatch.setattr(experiments.ExperimentRunner, "run", lambda _: SimpleNamespace(n_failed=3))
    monkeypatch.setattr(experiments, "write_report", lambda *_: None)
    result = run("demo", "--out", tmp_path, "--workers", "1", code=1)
    assert result.stderr == "earmark: 3 trials failed; run the command again to retry them\n"


def test_a_held_out_clip_that_has_no_answer_ends_the_demo(
    bundle: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    clip = load_dataset(tones).clips[0]
    with pytest.raises(typer.Exit) as exit_of:
        module._classify(bundle, replace(clip, path=tmp_path / "gone.wav"))
    assert exit_of.value.exit_code == 1
    assert "gone.wav" in capsys.readouterr().err


def test_a_wrong_answer_is_called_wrong(bundle: Path, tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    clip = load_dataset(tones).clips[0]
    module._classify(bundle, replace(clip, labels=("other",)))
    assert "(wrong, it is other)" in capsys.readouterr().out
