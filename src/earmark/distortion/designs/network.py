"""What the deep designs share: a network that learns presence and severity of all faults at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ConfigError, ModelError
from earmark.core.identity import array_fingerprint, fingerprint
from earmark.core.optional import import_extra
from earmark.distortion.designs import bodies
from earmark.distortion.designs.base import check_rows
from earmark.distortion.designs.losses import MultiTaskObjective, check_finite, pack_targets
from earmark.features.base import NativeFrontend
from earmark.models.checkpoint import CHECKPOINT_VERSION
from earmark.models.fit import Examples, FitJob, find_device, fit_network, numeric_threads, run_network
from earmark.models.holdout import split_rows
from earmark.models.table import build_frontend

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from earmark.distortion.designs.options import MultiTaskOptions
    from earmark.models.base import FitContext

    Spread = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class _Rows(Examples):
    """Some rows of features that stay where they are, perhaps on disk; `targets` are those of the rows."""

    rows: NDArray[np.intp]

    def take(self, rows: NDArray[np.intp]) -> Examples:
        return Examples(np.asarray(self.features[self.rows[rows]], dtype=np.float32), self.targets[rows])


class MultiTaskNetwork(ABC):
    """A network under the head of the PANN recipes, behind the contract of designs.

    Args:
        name: What reports call it.
        frontend: Name of its frontend, which is built when it is asked for.
        options: Of the network and of the loop.

    Attributes:
        history: The figures of each epoch of the last fit.
        remarks: What the last fit could not do, such as "no validation part: ...".
    """

    half = False  # whether weights are rounded to half precision, so that they take half the room in a bundle
    spread_rows = 1000  # enough to know how columns spread; features may be larger than memory

    def __init__(self, name: str, frontend: str, options: MultiTaskOptions) -> None:
        self.name, self.options = name, options
        self.history: tuple[dict[str, float], ...] = ()
        self.remarks: tuple[str, ...] = ()
        self._frontend = frontend
        self._shape: tuple[int, ...] = ()
        self._n_kinds = 0
        self._weights: dict[str, NDArray[Any]] | None = None
        self._module: nn.Module | None = None

    @property
    def frontend(self) -> NativeFrontend:
        """What makes its features.

        Raises:
            ConfigError: There is none of its name, or it is not native.
            WeightsError: It needs weights that are missing.
        """
        frontend = build_frontend(self._frontend, {})
        if not isinstance(frontend, NativeFrontend):
            raise ConfigError(f'design "{self.name}": frontend "{self._frontend}" is not a native one')
        return frontend

    def fit(
        self,
        features: NDArray[np.float32],
        presence: NDArray[np.float32],
        severity: NDArray[np.float32],
        groups: NDArray[np.str_],
        rng: np.random.Generator,
        context: FitContext,
    ) -> None:
        """Learn from rows; see `Design.fit`. They are read batch by batch, from float16 too.

        Raises:
            ModelError: A kind has no example or none without it, features are not finite, or the loss is no number.
            WeightsError: The weights to begin with are missing.
            MissingExtraError: torch is not installed.
            StoreError: The checkpoint cannot be written.
        """
        torch = import_extra("torch", "train", "Training a network")
        check_rows(presence, severity)
        check_finite(features)
        self._shape, self._n_kinds = features.shape[1:], presence.shape[1]
        seed = int(rng.integers(2**62))
        job, remark = self._job(features, pack_targets(presence, severity), groups, seed, context)
        chosen = np.random.default_rng(seed).permutation(len(job.training.targets))[: self.spread_rows]
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            module = self._headed(*self._untrained(*self._spread(job.training.take(np.sort(chosen)).features), seed))
        if remark:
            context.progress.note(remark)
        self.history, self.remarks = fit_network(module, job), ((remark,) if remark else ())
        if self.half:
            bodies.round_weights(module)
        self._weights = {name: np.array(value.numpy()) for name, value in module.state_dict().items()}
        self._module = module

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return margins and severities 0..1, both float32 (n_rows, n_kinds).

        Raises:
            ModelError: It was not fitted.
        """
        module, device = self._fitted(), find_device(self.options.device)
        if not len(features):
            nothing = np.empty((0, self._n_kinds), dtype=np.float32)
            return nothing, nothing.copy()
        with numeric_threads(self.options.threads):
            outputs = run_network(module.to(device), features, device)
        return outputs[:, : self._n_kinds].copy(), outputs[:, self._n_kinds :].copy()

    def to_onnx(self) -> bytes:
        """Return the graph: input `features` (n_rows, *shape), outputs `scores` and `severity` (n_rows, n_kinds).

        Raises:
            ModelError: It was not fitted.
            MissingExtraError: onnxscript is not installed.
        """
        from earmark.encoders.torch_graph import export_graph

        return export_graph(bodies.split_outputs(self._fitted().to("cpu")), self._shape, ("scores", "severity"))

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the module, which is made anew of its weights."""
        return {name: value for name, value in self.__dict__.items() if name != "_module"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come back with no module."""
        self.__dict__ |= state | {"_module": None}

    @abstractmethod
    def _spread(self, features: NDArray[np.float32]) -> Spread:
        """Return mean and spread of columns, to standardise by, or what else tells how they are spread."""

    @abstractmethod
    def _untrained(self, mean: NDArray[np.float32], spread: NDArray[np.float32], seed: int) -> tuple[nn.Module, int]:
        """Return the body that training begins with, and the length of its embedding."""

    @abstractmethod
    def _blank(self) -> tuple[nn.Module, int]:
        """Return a body that the weights of a fitted one can be put into."""

    @abstractmethod
    def _change(
        self, features: NDArray[np.float32], targets: NDArray[np.float32], options: Any, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what training does to a batch."""

    def _headed(self, body: nn.Module, dim: int) -> nn.Module:
        """Return the network of a body whose embedding has this length."""
        return bodies.multi_task(body, dim, self._n_kinds, dropout=self.options.dropout)

    def _job(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.float32],
        groups: NDArray[np.str_],
        seed: int,
        context: FitContext,
    ) -> tuple[FitJob, str]:
        options = self.options
        rows, held_out, remark = split_rows(
            targets[:, : self._n_kinds],
            groups,
            np.random.default_rng(seed),
            share=options.validation_share,
            min_rows=options.min_validation,
        )
        objective = partial(
            MultiTaskObjective,
            severity_weight=options.severity_weight,
            absent_weight=options.absent_weight,
            smoothing=options.label_smoothing,
            balanced=options.class_weight is not None,
        )
        job = FitJob(
            task="many",
            options=options.model_copy(update={"label_smoothing": 0.0}),  # the loss does it, among what is known
            training=_Rows(features, targets[rows], rows),
            validation=Examples(np.asarray(features[held_out], dtype=np.float32), targets[held_out])
            if len(held_out)
            else None,
            seed=seed,
            context=context,
            fingerprint=self._fingerprint(features, targets, groups, seed) if context.checkpoint else "",
            change=self._change,
            objective=objective,
        )
        return job, remark

    def _fitted(self) -> nn.Module:
        if self._weights is None:
            raise ModelError(f'design "{self.name}" was not fitted; call fit first')
        if self._module is None:
            torch = import_extra("torch", "train", "Scoring with a network")
            self._module = self._headed(*self._blank())
            self._module.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in self._weights.items()})
        return self._module

    def _fingerprint(
        self, features: NDArray[np.float32], targets: NDArray[np.float32], groups: NDArray[np.str_], seed: int
    ) -> str:
        data = [array_fingerprint(np.ascontiguousarray(part)) for part in (features, targets)]
        name = type(self).__name__
        return fingerprint([CHECKPOINT_VERSION, name, self.options.model_dump(), data, groups.tolist(), seed])
