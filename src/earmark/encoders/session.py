"""One way to open an ONNX graph, with threads set deliberately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class OnnxGraph:
    """An ONNX graph with one input, on the CPU.

    Pickles as its bytes or path, so that a frontend that holds one can cross to a worker process. From a file it needs
    less memory by twice the file's size.

    Args:
        content: The graph, or the file that holds it.
        n_threads: Threads of its operators.
        what: Its name in messages.

    Raises:
        ModelError: ONNX Runtime cannot load the graph, or it has not exactly one input.
    """

    def __init__(self, content: bytes | Path, *, n_threads: int = 1, what: str = "model") -> None:
        self._arguments = (content, n_threads, what)
        self._session = open_session(content, n_threads, what)
        if len(self._session.get_inputs()) != 1:
            raise ModelError(f"{what}: found {len(self._session.get_inputs())} inputs, expected 1")
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the input, None for a free axis."""
        return _shape(self._session.get_inputs()[0].shape)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the first output, None for a free axis."""
        return _shape(self._session.get_outputs()[0].shape)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(output.name for output in self._session.get_outputs())

    @property
    def metadata(self) -> dict[str, str]:
        """What its makers wrote into it beside the network."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, values: NDArray[np.float32], *names: str) -> list[NDArray[np.float32]]:
        """Return the outputs of these names for one input."""
        outputs: list[NDArray[np.float32]] = self._session.run(list(names), {self._input: values})
        return outputs

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the first output for one input."""
        output: NDArray[np.float32] = self._session.run([self._output], {self._input: values})[0]
        return output

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the bytes of the graph, or its path."""
        content, n_threads, what = self._arguments
        return _reopen, (content, n_threads, what)


def _reopen(content: bytes | Path, n_threads: int, what: str) -> OnnxGraph:
    return OnnxGraph(content, n_threads=n_threads, what=what)


def open_session(content: bytes | Path, n_threads: int, what: str) -> Any:
    """Return an ONNX Runtime session on the CPU, for a graph of any inputs.

    Raises:
        ModelError: ONNX Runtime cannot load the graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = content if isinstance(content, bytes) else str(content)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen unrelated classes for a damaged graph
        raise ModelError(f"{what}: ONNX Runtime {onnxruntime.__version__} cannot load the graph ({error})") from error


def _shape(shape: list[Any]) -> tuple[int | None, ...]:
    return tuple(axis if isinstance(axis, int) else None for axis in shape)
