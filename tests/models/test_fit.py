"""The loop stops early, keeps the best epoch, and goes on after a kill as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import StoreError
from earmark.models import checkpoint, fit, network
from earmark.models.base import FitContext
from earmark.models.fit_options import START_FACTOR, FitOptions
from earmark.models.objective import ClassObjective

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {"epochs": 5, "min_steps": 15, "width": 4, "hidden": 8, "min_validation": 4}


def problem() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(3)
    answers = np.arange(40) % 2
    features = rng.normal(size=(40, 12, 8)).astype(np.float32)
    features[:, :, 2] += 1.5 * answers[:, None]
    return features, np.eye(2, dtype=np.float32)[answers], np.array([f"g{row // 4}" for row in range(40)])


def fitted(path: Path | None = None, **changes: Any) -> network.NetworkClassifier:
    features, targets, groups = problem()
    classifier = network.vgg("one", **(OPTIONS | changes))
    classifier.context = FitContext(groups=groups, checkpoint=path)
    classifier.fit(features, targets, np.random.default_rng(11))
    return classifier


def weights_of(classifier: network.NetworkClassifier) -> dict[str, Any]:
    found: dict[str, Any] = classifier.__getstate__()["_weights"]
    return found


def same_weights(one: network.NetworkClassifier, other: network.NetworkClassifier) -> bool:
    first, second = weights_of(one), weights_of(other)
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def without_time(history: tuple[dict[str, float], ...]) -> list[dict[str, float]]:
    return [{name: value for name, value in figures.items() if name != "seconds"} for figures in history]


# Runs in a process of its own, which kills itself: after the checkpoint of an epoch, or in the middle of the next.
KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {folder!r})
from test_fit import problem, OPTIONS
from earmark.models import network
from earmark.models.base import FitContext

epoch, step = {epoch}, {step}
change, n_done = network.change_batch, 0
def counted(*arguments):
    global n_done
    n_done += 1
    if step and n_done == 3 * (epoch - 1) + step:
        os.kill(os.getpid(), signal.SIGKILL)
    return change(*arguments)
network.NetworkClassifier._change = staticmethod(counted)
def tell(number, figures):
    if not step and number == epoch:
        os.kill(os.getpid(), signal.SIGKILL)
features, targets, groups = problem()
classifier = network.vgg("one", **OPTIONS)
classifier.context = FitContext(groups=groups, checkpoint=Path({path!r}), on_epoch=tell)
classifier.fit(features, targets, np.random.default_rng(11))
"""


@pytest.mark.parametrize(("epoch", "step"), [(2, 0), (4, 2)])
def test_a_killed_run_goes_on_to_the_very_same_weights(tmp_path: Path, epoch: int, step: int) -> None:
    path = tmp_path / "fit.pt"
    code = KILLED.format(folder=os.path.dirname(__file__), path=str(path), epoch=epoch, step=step)  # noqa: PTH120
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    told: list[int] = []
    features, targets, groups = problem()
    resumed = network.vgg("one", **OPTIONS)
    resumed.context = FitContext(groups=groups, checkpoint=path, on_epoch=lambda number, figures: told.append(number))
    resumed.fit(features, targets, np.random.default_rng(11))
    whole = fitted()
    assert told == list(range(epoch + (1 if not step else 0), 6)), "only what was left is done"
    assert same_weights(resumed, whole)
    assert without_time(resumed.history) == without_time(whole.history)


def test_every_epoch_is_a_place_to_go_on_from(tmp_path: Path) -> None:
    whole = fitted()
    path, kept = tmp_path / "fit.pt", tmp_path / "kept.pt"
    for epoch in range(1, 6):

        def keep(number: int, figures: dict[str, float], wanted: int = epoch) -> None:
            if number == wanted:
                kept.write_bytes(path.read_bytes())

        features, targets, groups = problem()
        classifier = network.vgg("one", **OPTIONS)
        classifier.context = FitContext(groups=groups, checkpoint=path, on_epoch=keep)
        classifier.fit(features, targets, np.random.default_rng(11))
        path.unlink()
        assert same_weights(fitted(kept), whole)


def test_a_finished_run_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fitted(tmp_path / "fit.pt")
    monkeypatch.setattr(network.NetworkClassifier, "_change", None)
    assert same_weights(fitted(tmp_path / "fit.pt"), first)


class Notes:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def start(self, label: str, total: int) -> None:
        """Nothing to note."""

    def advance(self, n_steps: int = 1) -> None:
        """Nothing to note."""

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a checkpoint", None])
def test_a_damaged_or_foreign_checkpoint_is_replaced(tmp_path: Path, content: bytes | None) -> None:
    path, notes = tmp_path / "fit.pt", Notes()
    if content is None:
        fitted(path, learning_rate=0.001)
    else:
        path.write_bytes(content)
    features, targets, groups = problem()
    classifier = network.vgg("one", **OPTIONS)
    classifier.context = FitContext(groups=groups, checkpoint=path, progress=notes)
    classifier.fit(features, targets, np.random.default_rng(11))
    assert same_weights(classifier, fitted())
    told = "belongs to other data or options" if content is None else "cannot be read"
    assert told in notes.texts[0]
    assert "training begins anew" in notes.texts[0]


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path: Path) -> None:
    import torch

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"version": 1, "fingerprint": "", "state": Trap()}, tmp_path / "fit.pt")
    state, reason = checkpoint.load_checkpoint(tmp_path / "fit.pt", "")
    assert state is None
    assert "cannot be read" in reason
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"fit\.pt: cannot be written"):
        fitted(tmp_path / "file" / "fit.pt")


def test_progress_tells_epoch_loss_f1_and_time_left() -> None:
    notes = Notes()
    features, targets, groups = problem()
    classifier = network.vgg("one", **OPTIONS)
    classifier.context = FitContext(groups=groups, progress=notes)
    classifier.fit(features, targets, np.random.default_rng(0))
    assert len(notes.texts) == 5
    assert notes.texts[1].startswith("epoch 2/5, loss 0.")
    assert "validation F1 " in notes.texts[1]
    assert notes.texts[-1].endswith("at most 0 s left")


def test_training_stops_early_and_keeps_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    losses = iter([0.9, 0.5, 0.7, 0.6, 0.8, 0.1])
    seen: list[Any] = []
    honest = ClassObjective.loss

    def dictated(self: ClassObjective, logits: Any, targets: Any) -> Any:
        return honest(self, logits, targets) if torch.is_grad_enabled() and logits.requires_grad else next(losses)

    validate = fit._Loop._validate

    def remember(self: Any) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in self.module.state_dict().items()})
        return validate(self)

    monkeypatch.setattr(ClassObjective, "loss", dictated)
    monkeypatch.setattr(fit._Loop, "_validate", remember)
    classifier = fitted(epochs=6, min_steps=6, patience=3)
    assert [figures["validation_loss"] for figures in classifier.history] == [0.9, 0.5, 0.7, 0.6, 0.8]
    assert all(np.array_equal(weights_of(classifier)[name], value.numpy()) for name, value in seen[1].items())


def test_without_patience_every_epoch_is_trained() -> None:
    assert len(fitted(patience=0).history) == 5


def test_threads_are_as_the_options_say_inside_and_as_before_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    seen: list[int] = []
    change = network.NetworkClassifier._change

    def spy(*arguments: Any) -> Any:
        seen.append(torch.get_num_threads())
        return change(*arguments)

    monkeypatch.setattr(network.NetworkClassifier, "_change", staticmethod(spy))
    before = torch.get_num_threads()
    fitted(threads=2, epochs=1, min_steps=1)
    assert set(seen) == {2}
    assert torch.get_num_threads() == before


def test_the_learning_rate_rises_and_falls_once() -> None:
    options = FitOptions(learning_rate=0.1, warm_up=0.25)
    rates = [options.rate_at(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1 * START_FACTOR)
    assert max(rates) == rates[25] == pytest.approx(0.1)
    assert np.all(np.diff(rates[:26]) > 0)
    assert np.all(np.diff(rates[25:]) < 0)
    assert 0 < rates[-1] < 1e-4
    assert FitOptions(learning_rate=0.1, warm_up=0).rate_at(0, 100) == pytest.approx(0.1)


@pytest.mark.parametrize("n_rows", [2, 3, 5, 6, 15, 17, 33, 100])
def test_batches_are_even_and_none_is_a_single_row(n_rows: int) -> None:
    options = FitOptions(batch=4, epochs=3, min_steps=30)
    n_steps = options.steps_per_epoch(n_rows)
    sizes = [len(rows) for rows in fit._batches(n_rows, options, n_steps, np.random.default_rng(0))]
    assert len(sizes) == n_steps == max(options.batches(n_rows), 10)
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1


def test_rare_classes_count_as_much_as_frequent_ones(rng: np.random.Generator) -> None:
    features = rng.normal(size=(60, 8, 8)).astype(np.float32)
    answers = (np.arange(60) % 10 == 0).astype(int)
    features[:, :, 0] += 0.4 * answers[:, None]
    targets = np.eye(2, dtype=np.float32)[answers]

    def share_called_rare(class_weight: str | None) -> float:
        classifier = network.vgg(
            "one", epochs=4, min_steps=40, width=4, class_weight=class_weight, mixup=0.0, validation_share=0.0
        )
        classifier.fit(features, targets, np.random.default_rng(0))
        return float((classifier.scores(features).argmax(axis=1) == 1).mean())

    assert share_called_rare("balanced") > share_called_rare(None) + 0.1
