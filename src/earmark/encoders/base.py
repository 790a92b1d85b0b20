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

    def _run(self, windows: NDArray[np.float32], *outputs: Output) -> list[NDArray[np.float32]]:
        check_windows(windows, self.spec)
        if not len(windows):  # ONNX Runtime's convolutions refuse an empty batch
            nothing = np.zeros((1, self.spec.window_samples), dtype=np.float32)
            return [found[:0] for found in self._run_batch(nothing, outputs)]
        starts = range(0, len(windows), self._batch)
        parts = [self._run_batch(windows[start : start + self._batch], outputs) for start in starts]
        return [np.concatenate(found) for found in zip(*parts, strict=True)]

    def _run_batch(self, windows: NDArray[np.float32], outputs: tuple[Output, ...]) -> list[NDArray[np.float32]]:
        given = windows if self._prepare is None else self._prepare(windows)
        found = self._graph.run(given, *(self._names.get(output, output) for output in outputs))
        return [
            self._finish(values) if output == "scores" else values
            for output, values in zip(outputs, found, strict=True)
        ]

    def _finish(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities of what the graph gives as scores; a subclass whose graph gives logits overrides it."""
        return scores
