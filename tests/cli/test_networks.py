"""Networks on the command line: checkpoints, trackers, the picture, and bundles in 8 bits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import BundleError, ConfigError
from earmark.models import load_bundle, network
from earmark.models.base import Recipe
from earmark.models.recipes import RECIPES
from earmark.training import trackers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.cli.conftest import Run

SMALL = Recipe(
    "small_network",
    "A network for tests",
    frontend="logmel",
    classifier="earmark.models.network:vgg",
    frontend_options={"rate_hz": 8000, "window_s": 0.5, "fft_samples": 256, "frame_hop_samples": 400, "n_mels": 12},
    classifier_options={"epochs": 3, "min_steps": 15, "width": 4, "hidden": 8, "learning_rate": 0.01},
)
TRAIN = ("--model", SMALL.name, "--workers", "1", "--mode", "train", "--folds", "parts:50/25/25", "--name", "net")


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, SMALL.name, SMALL)


class Told:
    """A tracker that remembers."""

    def __init__(self) -> None:
        self.metrics: list[tuple[set[str], int]] = []
        self.files: list[str] = []
        self.config: Mapping[str, Any] = {}
        self.ended: list[bool] = []

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        self.metrics.append((set(metrics), step))

    def log_files(self, paths: Sequence[Path]) -> None:
        self.files += [path.name for path in paths]

    def finish(self, ok: bool) -> None:
        self.ended.append(ok)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    tracker = Told()

    def open_told(run_name: str, config: Mapping[str, Any], folder: Path) -> Told:
        tracker.config = config
        return tracker

    monkeypatch.setattr(trackers, "_open", lambda name, *rest: open_told(*rest))
    return tracker


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export nothing and learn nothing; what is tested is who is told what."""
    from earmark.models.heads import Head

    class Quick(Head):
        history: tuple[dict[str, float], ...] = ()
        remarks: tuple[str, ...] = ()
        context: Any = None

        def fit(self, features: Any, targets: Any, rng: Any) -> None:
            super().fit(features, targets, rng)
            if self.context.checkpoint is not None:
                self.context.checkpoint.parent.mkdir(parents=True, exist_ok=True)
                self.context.checkpoint.write_text("kept")
            self.history = ({"loss": 0.5, "learning_rate": 0.1, "seconds": 1.0},)
            self.remarks = ("no validation part: too few rows",)
            self.context.on_epoch(1, self.history[0])

    recipe = Recipe(SMALL.name, "quick", frontend="level", classifier=Quick)
    monkeypatch.setitem(RECIPES, SMALL.name, recipe)


@pytest.mark.usefixtures("quick")
def test_trackers_are_told_of_epochs_measurements_and_files(run: Run, tones: Path, tmp_path: Path, told: Told) -> None:
    result = run("train", tones, *TRAIN, "--out", tmp_path, "--track", "mlflow")
    final = [entry for entry in told.metrics if entry == ({"loss", "learning_rate", "seconds"}, 1)]
    folds = [names for names, _ in told.metrics if any(name.endswith("/loss") for name in names)]
    assert len(final) == 1
    assert len(folds) >= 2
    assert any("measured/accuracy" in names for names, _ in told.metrics)
    assert told.files == ["net"]
    assert told.config["recipe"] == SMALL.name
    assert told.config["mode"] == "train"
    assert told.ended == [True]
    assert "earmark: no validation part: too few rows" in result.stderr
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == ["bundle.json", "curves.png", "model.onnx"]


@pytest.mark.usefixtures("quick")
def test_a_run_that_fails_is_marked_as_failed_and_keeps_its_checkpoints(
    run: Run, tones: Path, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.training.package.check_parity", refuse)
    with pytest.raises(BundleError, match="differs"):
        run("train", tones, *TRAIN, "--out", tmp_path, "--track", "wandb")
    assert told.ended == [False]
    kept = tmp_path / ".net.training"
    assert any(kept.glob("*.pt"))
    monkeypatch.undo()


def refuse(*arguments: object) -> None:
    raise BundleError("differs")


@pytest.mark.usefixtures("quick")
def test_checkpoints_are_gone_on_from_unless_told_otherwise_and_go_when_all_is_done(
    run: Run, tones: Path, tmp_path: Path
) -> None:
    kept = tmp_path / ".net.training"
    kept.mkdir()
    (kept / "old.pt").write_text("")
    result = run("train", tones, *TRAIN, "--out", tmp_path)
    assert f"earmark: going on with the training kept in {kept}; --no-resume begins anew" in result.stderr
    assert not kept.exists()
    kept.mkdir()
    (kept / "old.pt").write_text("")
    assert "going on" not in run("train", tones, *TRAIN, "--out", tmp_path, "--no-resume").stderr
    assert not kept.exists()


def test_an_unknown_tracker_is_refused_before_any_work(run: Run, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='tracker "wandd" is not known; did you mean "wandb"'):
        run("train", tones, *TRAIN, "--out", tmp_path, "--track", "wandd")
    assert list(tmp_path.iterdir()) == []


def test_a_network_goes_from_training_to_eight_bits(
    run: Run, tones: Path, own_tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("train", tones, *TRAIN, "--out", tmp_path)
    spec = load_bundle(tmp_path / "net").spec
    assert len(spec.provenance["training"]["epochs"]) == 3
    arguments = ("bundle", "quantize", tmp_path / "net", tmp_path / "small", "--data", own_tones)
    result = run(*arguments, "--largest-loss", "1", "--method", "static")
    assert "8-bit (static)" in result.stdout
    assert "MB" in result.stdout
    assert "accuracy changes by " in result.stdout
    assert f"bundle: {tmp_path / 'small'}" in result.stdout
    found = json.loads(run(*arguments, "--largest-loss", "1", "--json").stdout)
    assert found == load_bundle(tmp_path / "small").spec.metrics["quantisation"]
    seen = run("bundle", "quantize", tmp_path / "net", tmp_path / "seen", "--data", tones, "--largest-loss", "1")
    assert "groups of this dataset" in seen.stderr
    assert "the loss on new ones may be larger" in seen.stderr


def test_trees_and_linear_models_are_refused(run: Run, bundle: Path, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="neither convolutions nor matrix products"):
        run("bundle", "quantize", bundle, tmp_path / "small", "--data", tones)
    assert not (tmp_path / "small").exists()


def test_a_killed_training_goes_on_through_the_command_line(
    run: Run, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands in for a kill: nothing in the package may catch it."""

    from earmark.models import fit

    keep, n_epochs = fit._Loop._keep, 0

    def counted(self: Any) -> None:
        nonlocal n_epochs
        keep(self)
        n_epochs += 1
        if n_epochs == 4:
            raise Killed

    monkeypatch.setattr(fit._Loop, "_keep", counted)
    monkeypatch.setattr(network.NetworkClassifier, "to_onnx", refuse)
    with pytest.raises(Killed):
        run("train", tones, *TRAIN, "--out", tmp_path)
    with pytest.raises(BundleError, match="differs"):
        run("train", tones, *TRAIN, "--out", tmp_path)
    assert n_epochs == 3 * (len(list((tmp_path / ".net.training").glob("*.pt"))))
