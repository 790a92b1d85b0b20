"""Trained networks behind the contract of classifiers, and a builder for each that comes with earmark."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.config import parse_config
from earmark.core.errors import ModelError
from earmark.core.identity import array_fingerprint, fingerprint
from earmark.core.optional import import_extra
from earmark.encoders.torch_graph import export_graph
from earmark.models import convnets
from earmark.models.base import FitContext
from earmark.models.checkpoint import CHECKPOINT_VERSION
from earmark.models.classical import check_examples
from earmark.models.fit import Examples, FitJob, find_device, fit_network, numeric_threads, run_network
from earmark.models.holdout import split_rows
from earmark.models.mixing import change_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from earmark.data.dataset import Task
    from earmark.models.base import ScoreKind
    from earmark.models.fit_options import FitOptions

# Columns that hardly move (an empty mel band) are not blown up beyond this share of the mean spread.
LEAST_SPREAD = 0.1

Build = Callable[[Any, tuple[int, ...], int], "nn.Module"]


class NetworkClassifier:
    """A network that learns from features as they are, standardised column by column inside its graph.

    Args:
        task: Decides the loss.
        options: Of the network and of the loop.
        build: Makes the untrained module from options, the shape of an example and the number of classes; a function
            at the top of a module, so that the fitted classifier can cross to another process.

    Attributes:
        context: Set before `fit`: groups, progress, checkpoint.
        history: The figures of each epoch of the last fit.
        remarks: What the last fit could not do, such as "no validation part: ...".
    """

    _change: Callable[..., tuple[Any, Any]] = staticmethod(change_batch)  # what training does to its batches

    def __init__(self, task: Task, options: FitOptions, build: Build) -> None:
        self.task, self.options = task, options
        self.context = FitContext()
        self.history: tuple[dict[str, float], ...] = ()
        self.remarks: tuple[str, ...] = ()
        self._build = build
        self._shape: tuple[int, ...] = ()
        self._n_classes = 0
        self._weights: dict[str, NDArray[Any]] | None = None
        self._module: nn.Module | None = None

    @property
    def score_kind(self) -> ScoreKind:
        """Logits."""
        return "margin"

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Learn from features (n_rows, *shape) and targets (n_rows, n_classes).

        Raises:
            ModelError: There are fewer than two classes, a class has no example, or the loss is no longer a number.
            ConfigError: The network cannot take features of this shape, or the device is not there.
            MissingExtraError: torch is not installed.
            StoreError: The checkpoint cannot be written.
        """
        torch = import_extra("torch", "train", "Training a network")
        check_examples(targets, self.task)
        seed, options = int(rng.integers(2**62)), self.options
        rows, held_out, remark = split_rows(
            targets,
            self.context.groups,
            np.random.default_rng(seed),
            share=options.validation_share,
            min_rows=options.min_validation,
        )
        everything = Examples(np.asarray(features, dtype=np.float32), np.asarray(targets, dtype=np.float32))
        training = everything if not len(held_out) else everything.take(rows)
        job = FitJob(
            task=self.task,
            options=options,
            training=training,
            validation=everything.take(held_out) if len(held_out) else None,
            seed=seed,
            context=self.context,
            fingerprint=self._fingerprint(everything, seed) if self.context.checkpoint else "",
            change=self._change,
        )
        self._shape, self._n_classes = features.shape[1:], targets.shape[1]
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            module = self._untrained(training.features)
        if remark:
            self.context.progress.note(remark)
        self.history, self.remarks = fit_network(module, job), ((remark,) if remark else ())
        self._weights = {name: np.array(value.numpy()) for name, value in module.state_dict().items()}
        self._module = module

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits float32 (n_rows, n_classes).

        Raises:
            ModelError: It was not fitted.
        """
        module, device = self._fitted(), find_device(self.options.device)
        with numeric_threads(self.options.threads):
            return run_network(module.to(device), features, device)

    def to_onnx(self) -> bytes:
        """Return the ONNX graph, input `features` (n_rows, *shape), output `scores` (n_rows, n_classes).

        Raises:
            ModelError: It was not fitted.
            MissingExtraError: onnxscript is not installed.
        """
        return export_graph(self._fitted().to("cpu"), self._shape)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the module, which is made anew of its weights, and without whom to tell of the fit."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_module", "context")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come back with no module and a context that tells nobody."""
        self.__dict__ |= state | {"_module": None, "context": FitContext()}

    def _fitted(self) -> nn.Module:
        if self._weights is None:
            raise ModelError(f"{self._build.__name__} was not fitted; call fit first")
        if self._module is None:
            torch = import_extra("torch", "train", "Scoring with a network")
            self._module = self._blank()
            self._module.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in self._weights.items()})
        return self._module

    def _untrained(self, features: NDArray[np.float32]) -> nn.Module:
        """Return the module that training begins with, made for these training rows."""
        return self._make(self._n_classes, *_column_spread(features))

    def _blank(self) -> nn.Module:
        """Return a module that the weights of a fitted one can be put into."""
        return self._make(self._n_classes, *_no_spread(self._shape))

    def _make(self, n_classes: int, mean: NDArray[np.float32], spread: NDArray[np.float32]) -> nn.Module:
        return convnets.standardised(self._build(self.options, self._shape, n_classes), mean, spread)

    def _fingerprint(self, examples: Examples, seed: int) -> str:
        groups = None if self.context.groups is None else self.context.groups.tolist()
        data = [array_fingerprint(np.ascontiguousarray(part)) for part in (examples.features, examples.targets)]
        return fingerprint(
            [CHECKPOINT_VERSION, self._build.__name__, self.options.model_dump(), self.task, data, groups, seed]
        )


def _column_spread(features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and spread of each column over rows and frames, float32 (n_columns,)."""
    axes = tuple(range(features.ndim - 1))
    mean = features.mean(axis=axes, dtype=np.float64)
    spread = np.sqrt(np.square(features - mean).mean(axis=axes))
    return mean.astype(np.float32), np.maximum(spread, max(LEAST_SPREAD * spread.mean(), 1e-6)).astype(np.float32)


def _no_spread(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.zeros(shape[-1], dtype=np.float32), np.ones(shape[-1], dtype=np.float32)


def vgg(task: Task = "one", **options: Any) -> NetworkClassifier:
    """Return the classifier of the recipe `vgg`, options of `VggOptions`. Raises ConfigError for others."""
    return _network("vgg", task, convnets.VggOptions, convnets.vgg, options)


def mobilenet(task: Task = "one", **options: Any) -> NetworkClassifier:
    """Return the classifier of the recipe `mobilenet`, options of `MobileNetOptions`. Raises ConfigError for others."""
    return _network("mobilenet", task, convnets.MobileNetOptions, convnets.mobilenet, options)


def resnet(task: Task = "one", **options: Any) -> NetworkClassifier:
    """Return the classifier of the recipe `resnet`, options of `ResNetOptions`. Raises ConfigError for others."""
    return _network("resnet", task, convnets.ResNetOptions, convnets.resnet, options)


def cs230_cnn(task: Task = "one", **options: Any) -> NetworkClassifier:
    """Return the classifier of the recipe `cs230_cnn`, options of `DigitCnnOptions`. Raises ConfigError for others."""
    return _network("cs230_cnn", task, convnets.DigitCnnOptions, convnets.cs230_cnn, options)


def _network(
    name: str, task: Task, model: type[FitOptions], build: Build, options: dict[str, Any]
) -> NetworkClassifier:
    if find_spec("torch") is None:  # told when the plan is read, not after the features were computed
        import_extra("torch", "train", f'The recipe "{name}"')
    return NetworkClassifier(task, parse_config(model, options, f'recipe "{name}"'), build)
