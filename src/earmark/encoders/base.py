"""Encoders: pretrained networks as frontends, with classes of their own to score without training.

An encoder gives two outputs, `embedding` float32 (n_windows, dim) and `scores` float32 (n_windows, n_classes).
Which of them are the features is the option `output`, so the feature store keeps either and a trial repeats neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import Field

from earmark.core.config import Config
from earmark.features.base import check_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from earmark.features.base import FrontendSpec

Output = Literal["embedding", "scores"]


class EncoderOptions(Config):
    """Options that every encoder takes; its own file adds the window and step."""

    output: Annotated[Output, Field(description="What the features are: embedding, or the encoder's class scores")] = (
        "embedding"
    )


@runtime_checkable
class Encoder(Protocol):
    """A frontend that also knows classes of its own."""

    @property
    def spec(self) -> FrontendSpec:
        """What it takes and gives; the shape is that of the output chosen."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of its classes, in the order of its scores; empty if it has none."""
        ...

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output chosen; scores are probabilities in [0, 1]. Raises AudioError as every frontend."""
        ...

    def both(self, windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return embedding (n_windows, dim) and scores (n_windows, n_classes) in one pass. Raises AudioError."""
        ...


class Graph(Protocol):
    """A network that gives several outputs for one input, such as `OnnxGraph`."""

    def run(self, values: NDArray[np.float32], *names: str) -> list[NDArray[np.float32]]:
        """Return the outputs of these names for one input, first axis n_windows."""
        ...


class OnnxEncoder:
    """An encoder over a graph with an output for the embedding and one for the scores.

    Args:
        spec: What it takes and gives.
        graph: Takes what `prepare` makes of windows, first axis n_windows.
        output: Which output the features are.
        class_names: Names of its classes, or a function that reads them when they are asked for.
        prepare: From windows float32 (n_windows, n_samples) to the graph's input; None hands them on.
        names: What the graph calls an output, where it does not call it `embedding` or `scores`.
        batch: Windows that the graph gets at once: few enough for the processor's cache.
    """

    def __init__(
        self,
        spec: FrontendSpec,
        graph: Graph,
        output: Output,
        class_names: tuple[str, ...] | Callable[[], tuple[str, ...]],
        *,
        prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
        names: Mapping[Output, str] | None = None,
        batch: int = 8,
    ) -> None:
        self.spec = spec
        self._graph = graph
        self._output = output
        self._class_names = class_names
        self._prepare = prepare
        self._names = dict(names or {})
        self._batch = batch

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of its classes, in the order of its scores. Raises WeightsError where their list is missing."""
        return self._class_names() if callable(self._class_names) else self._class_names

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_windows, *spec.shape): the output chosen.

        Raises:
            AudioError: The windows do not have the length that `spec` says.
        """
        return self._run(windows, self._output)[0]

    def both(self, windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return embedding (n_windows, dim) and scores (n_windows, n_classes) in one pass.

        Raises:
            AudioError: The windows do not have the length that `spec` says.
        """
        embedding, scores = self._run(windows, "embedding", "scores")
        return embedding, scores

    heard_at_once = 1  # windows for which `heard` had better be called together

    @property
    def prepares(self) -> bool:
        """Whether `prepared` is work: it can be done for the next windows while these are `heard`."""
        return self._prepare is not None

    def prepared(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what `heard` takes, first axis n_windows; windows as they are where there is nothing to do.

        Raises:
            AudioError: The windows do not have the length that `spec` says.
        """
        check_windows(windows, self.spec)
        if not len(windows):
            return self._given(self._one_silent())[:0]
        return np.concatenate([self._given(part) for part in self._in_batches(windows)])

    def heard(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output chosen, float32 (n_windows, *spec.shape), for what `prepared` gives."""
        return self._network(prepared, (self._output,))[0]

    def _run(self, windows: NDArray[np.float32], *outputs: Output) -> list[NDArray[np.float32]]:
        check_windows(windows, self.spec)
        if not len(windows):  # ONNX Runtime's convolutions refuse an empty batch
            return [found[:0] for found in self._network(self._given(self._one_silent()), outputs)]
        parts = [self._network(self._given(part), outputs) for part in self._in_batches(windows)]
        return [np.concatenate(found) for found in zip(*parts, strict=True)]

    def _given(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return windows if self._prepare is None else self._prepare(windows)

    def _network(self, prepared: NDArray[np.float32], outputs: tuple[Output, ...]) -> list[NDArray[np.float32]]:
        names = [self._names.get(output, output) for output in outputs]
        parts = [self._graph.run(part, *names) for part in self._in_batches(prepared)]
        found = [np.concatenate(each) if len(each) > 1 else each[0] for each in zip(*parts, strict=True)]
        return [
            self._finish(values) if output == "scores" else values
            for output, values in zip(outputs, found, strict=True)
        ]

    def _in_batches(self, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [values[start : start + self._batch] for start in range(0, len(values), self._batch)]

    def _one_silent(self) -> NDArray[np.float32]:
        return np.zeros((1, self.spec.window_samples), dtype=np.float32)

    def _finish(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities of what the graph gives as scores; a subclass whose graph gives logits overrides it."""
        return scores
