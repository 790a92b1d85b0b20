"""Run a TensorFlow Lite network with LiteRT itself, where ONNX Runtime is not wanted: the reference, and slower."""

from __future__ import annotations

import struct
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ModelError
from earmark.core.optional import import_extra
from earmark.encoders.tflite_read import with_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LiteRtGraph:
    """A TensorFlow Lite network with one input, on one thread, that gives any of its float tensors.

    LiteRT keeps inner tensors only at 25 times the cost; here those that are wanted are made outputs of the file.
    Pickles as its bytes.

    Args:
        content: The TensorFlow Lite file.
        outputs: What to give, by name: the index of the tensor in the file.
        what: The start of every message.

    Raises:
        MissingExtraError: The extra `litert` is not installed.
        ModelError: LiteRT refuses the network.
    """

    def __init__(self, content: bytes, outputs: dict[str, int], *, what: str) -> None:
        module = import_extra("ai_edge_litert.interpreter", "litert", "Running a network with LiteRT")
        self._arguments = (content, outputs, what)
        self._lock = threading.Lock()  # an interpreter holds the input of one call; others of a service wait
        try:
            # Kept alive: the interpreter reads the weights from these very bytes.
            self._content = with_outputs(content, tuple(outputs.values()))
            self._interpreter = module.Interpreter(model_content=self._content, num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, struct.error) as error:
            raise ModelError(f"{what}: LiteRT cannot load the network ({error})") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        found = {int(detail["index"]): detail for detail in self._interpreter.get_output_details()}
        self._outputs = {name: found[index] for name, index in outputs.items()}

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the first output, None for the batch."""
        first = next(iter(self._outputs.values()))
        return (None, *(int(length) for length in first["shape"][1:]))

    def run(self, values: NDArray[np.float32], *names: str) -> list[NDArray[np.float32]]:
        """Return the outputs of these names for one input, window by window."""
        found: list[list[NDArray[np.float32]]] = [[] for _ in names]
        for value in values:
            with self._lock:
                self._interpreter.set_tensor(self._input, np.ascontiguousarray(value[np.newaxis]))
                self._interpreter.invoke()
                for name, rows in zip(names, found, strict=True):
                    rows.append(self._interpreter.get_tensor(self._outputs[name]["index"])[0])
        shapes = [tuple(self._outputs[name]["shape"][1:]) for name in names]
        return [
            np.asarray(rows, dtype=np.float32).reshape(len(values), *shape)
            for rows, shape in zip(found, shapes, strict=True)
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the bytes of the file."""
        return _reopen, self._arguments


def _reopen(content: bytes, outputs: dict[str, int], what: str) -> LiteRtGraph:
    return LiteRtGraph(content, outputs, what=what)
