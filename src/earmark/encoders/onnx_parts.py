"""An ONNX graph under construction: nodes and constants are added one by one, what nothing needs is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

OPSET = 17
IR_VERSION = 8  # what ONNX Runtime 1.14 and later take


class OnnxParts:
    """Nodes and constants of a graph to be."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def constant(self, value: NDArray[Any] | Sequence[int] | float) -> str:
        """Add a constant, float32 unless it is a list of integers; return its name."""
        dtype = np.int64 if isinstance(value, (list, tuple)) else np.float32
        name = f"c{len(self._constants)}"
        self._constants[name] = np.asarray(value, dtype, order="C")
        return name

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        from onnx import helper

        output = output or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=f"{kind}_{output}", **attributes))
        return output

    def model(
        self, name: str, source: tuple[str, Sequence[int | str]], outputs: Mapping[str, Sequence[int | str]]
    ) -> bytes:
        """Return the graph as bytes.

        Args:
            name: Its name.
            source: Name and shape of its input, float32; a free axis is a string.
            outputs: Names and shapes of its outputs, float32.

        Raises:
            WeightsError: The parts make no valid graph.
        """
        from onnx import TensorProto, checker, helper, numpy_helper

        nodes = self._needed(set(outputs))
        used = {each for node in nodes for each in node.input}
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, list(source[1]))],
            [helper.make_tensor_value_info(each, TensorProto.FLOAT, list(shape)) for each, shape in outputs.items()],
            [numpy_helper.from_array(value, each) for each, value in self._constants.items() if each in used],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        try:
            checker.check_model(made, full_check=True)
        except Exception as error:  # the checker and shape inference each have classes of their own
            raise WeightsError(f"{name}: the weights give no valid graph ({error})") from error
        content: bytes = made.SerializeToString()
        return content

    def _needed(self, wanted: set[str]) -> list[Any]:
        kept = []
        for node in reversed(self._nodes):
            if wanted & set(node.output):
                wanted |= set(node.input)
                kept.append(node)
        return kept[::-1]
