"""Networks keep the contract of classifiers, learn small problems, and cross to other processes."""

from __future__ import annotations

import pickle
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, MissingExtraError, ModelError
from earmark.encoders.session import OnnxGraph
from earmark.models import network
from earmark.models.base import FitContext, TakesContext
from earmark.models.testing import ClassifierContract, example_problem

if TYPE_CHECKING:
    from earmark.data.dataset import Task
    from earmark.models.base import Classifier

CHECKS = [name for name in dir(ClassifierContract) if name.startswith("check_")]
NAMES = ("vgg", "mobilenet", "resnet", "cs230_cnn")
TASKS: tuple[Task, ...] = ("one", "many")
# An export takes two seconds and sees nothing of the task: each network is exported for one of them.
CASES = [
    (name, check, task)
    for name in NAMES
    for check in CHECKS
    for task in TASKS
    if "graph" not in check or (task == "one") == (name in ("resnet", "cs230_cnn"))
]
# What chance does in training is tested by itself; here the networks shall learn in a second.
PLAIN: dict[str, Any] = {"mixup": 0.0, "mel_masks": 0, "time_masks": 0, "shift": 0.0, "dropout": 0.0}
SHORT = PLAIN | {"epochs": 2, "min_steps": 72, "learning_rate": 0.01}  # mobilenet has learned nothing after 24


class NetworkContract(ClassifierContract):
    def __init__(self, name: str) -> None:
        self.name = name

    def build(self, task: Task) -> Classifier:
        classifier: Classifier = getattr(network, self.name)(task, **SHORT)
        return classifier


class FittedOnce(NetworkContract):
    """For checks that only look at what a fit gave: networks take their time."""

    def fitted(self, task: Task) -> Any:
        return fitted_once(self.name, task)


@cache
def fitted_once(name: str, task: Task) -> Any:
    return NetworkContract(name).fitted(task)


@pytest.mark.parametrize(("name", "check", "task"), CASES)
def test_network_keeps_the_contract(name: str, check: str, task: Task) -> None:
    contract = NetworkContract if check == "check_fit_is_repeatable" else FittedOnce
    assert getattr(contract(name), check)(task) is None


def stripes(n_rows: int, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Any, Any]:
    """Return spectrograms in dB with a tone in one of two places that lasts a while, and which of them."""
    answers = np.arange(n_rows) % 2
    features = rng.normal(-60, 5, (n_rows, *shape)).astype(np.float32)
    for window, answer in zip(features, answers, strict=True):
        start = int(rng.integers(0, shape[0] // 2))
        column = shape[1] // 4 * (1 + 2 * int(answer))
        window[start : start + shape[0] // 3, column : column + 2] += 30
    return features, np.eye(2, dtype=np.float32)[answers]


@pytest.mark.parametrize("name", ["vgg", "mobilenet", "resnet"])
def test_a_spectrogram_network_learns_from_sixteen_clips(name: str, rng: np.random.Generator) -> None:
    features, targets = stripes(16, (32, 24), rng)
    new, answers = stripes(40, (32, 24), rng)
    classifier = getattr(network, name)("one", epochs=12, min_steps=60, dropout=0.1, learning_rate=0.01)
    classifier.fit(features, targets, rng)
    assert (classifier.scores(new).argmax(axis=1) == answers.argmax(axis=1)).mean() > 0.9


def test_equal_generators_give_equal_weights_whatever_torch_drew_before(rng: np.random.Generator) -> None:
    import torch

    features, targets = stripes(16, (16, 12), rng)

    def scores() -> Any:
        classifier = network.resnet("one", epochs=2, min_steps=4, width=4)
        classifier.fit(features, targets, np.random.default_rng(7))
        return classifier.scores(features)

    first = scores()
    torch.manual_seed(1)
    torch.rand(5)
    before = torch.get_rng_state()
    assert np.array_equal(scores(), first)
    assert torch.equal(torch.get_rng_state(), before), "a fit leaves the caller's generator as it was"


def test_a_fitted_network_crosses_to_another_process_without_its_context(rng: np.random.Generator) -> None:
    features, targets = stripes(12, (16, 12), rng)
    classifier = network.vgg("one", epochs=1, min_steps=2, width=4)
    classifier.context = FitContext(on_epoch=lambda epoch, figures: None)
    classifier.fit(features, targets, rng)
    other = pickle.loads(pickle.dumps(classifier))  # noqa: S301
    assert np.array_equal(other.scores(features), classifier.scores(features))
    assert np.abs(OnnxGraph(other.to_onnx())(features) - classifier.scores(features)).max() < 1e-4
    assert other.context == FitContext()
    assert other.history == classifier.history


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (13, 3), (128, 6)])
@pytest.mark.parametrize("name", NAMES)
def test_any_image_will_do_and_one_label_has_one_column(name: str, shape: tuple[int, int]) -> None:
    from earmark.models import convnets

    options = {"orders": 1} if name == "cs230_cnn" else {}
    classifier = getattr(network, name)("many", **options)
    module = getattr(convnets, name)(classifier.options, shape, 1).eval()
    import torch

    assert module(torch.zeros(2, *shape)).shape == (2, 1)


def test_standardising_is_part_of_the_graph_and_blows_up_no_still_column(rng: np.random.Generator) -> None:
    features, targets = stripes(16, (16, 12), rng)
    features[:, :, 5] = -80.0
    classifier = network.vgg("one", epochs=2, min_steps=10, width=4)
    classifier.fit(features, targets, np.random.default_rng(0))
    other = network.vgg("one", epochs=2, min_steps=10, width=4)
    other.fit(features * 3 + 100, targets, np.random.default_rng(0))
    assert np.abs(classifier.scores(features) - other.scores(features * 3 + 100)).max() < 0.02
    moved = features.copy()
    moved[:, :, 5] += 1e-3
    assert np.abs(classifier.scores(moved) - classifier.scores(features)).max() < 1e-2


def test_groups_make_a_validation_part_and_few_rows_none(rng: np.random.Generator) -> None:
    features, targets = stripes(40, (16, 12), rng)
    groups = np.array([f"g{number // 4}" for number in range(40)])
    told: list[tuple[int, dict[str, float]]] = []
    classifier = network.vgg("one", epochs=3, min_steps=6, width=4, min_validation=4)
    classifier.context = FitContext(groups=groups, on_epoch=lambda epoch, figures: told.append((epoch, figures)))
    classifier.fit(features, targets, rng)
    assert [epoch for epoch, _ in told] == [1, 2, 3]
    assert [figures for _, figures in told] == list(classifier.history)
    assert set(told[0][1]) == {"loss", "validation_loss", "validation_f1", "learning_rate", "seconds"}
    assert classifier.remarks == ()
    small = network.vgg("one", epochs=1, min_steps=1, width=4)
    small.context = FitContext(groups=groups[:12])
    small.fit(features[:12], targets[:12], rng)
    assert small.remarks == ("no validation part: 12 rows, 2 would be too few to judge by",)
    assert "validation_loss" not in small.history[0]


def test_networks_take_a_context() -> None:
    assert isinstance(network.vgg("one"), TakesContext)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vgg", {"widht": 8}, 'recipe "vgg": key "widht" is not known; did you mean "width"'),
        ("resnet", {"blocks": 0}, 'recipe "resnet": key "blocks": found 0'),
        ("mobilenet", {"learning_rate": -1}, 'key "learning_rate": found -1'),
        ("cs230_cnn", {"class_weight": "even"}, "key \"class_weight\": found 'even'"),
        ("vgg", {"batch": 1}, 'key "batch": found 1'),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        getattr(network, name)("one", **options)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("vgg", (12,), r"features of shape \(12,\), expected \(n_frames, n_columns\)"),
        ("cs230_cnn", (5, 4), "4 columns cannot be parted into 3 orders of MFCC"),
    ],
)
def test_features_that_are_no_image_are_refused(name: str, shape: tuple[int, ...], message: str) -> None:
    features, targets = np.zeros((8, *shape), np.float32), np.eye(2, dtype=np.float32)[np.arange(8) % 2]
    with pytest.raises(ConfigError, match=message):
        getattr(network, name)("one").fit(features, targets, np.random.default_rng(0))


def test_features_that_are_no_numbers_are_told_with_the_remedy() -> None:
    features, targets = example_problem("one")
    features[3] = np.nan
    with pytest.raises(ModelError, match="the loss became nan in epoch 1, step 1; lower learning_rate"):
        network.vgg("one", **SHORT).fit(features, targets, np.random.default_rng(0))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    features, targets = example_problem("one")
    with pytest.raises(ConfigError, match='device "cuda" is not there'):
        network.vgg("one", device="cuda", **SHORT).fit(features, targets, np.random.default_rng(0))


def test_without_torch_the_recipe_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(network, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r'The recipe "resnet" needs the package torch.*earmark\[train\]'):
        network.resnet("one")
