"""A graph in 8-bit integers, by ONNX Runtime's quantiser."""

from __future__ import annotations

import logging
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.core.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Method = Literal["static", "dynamic"]


def choose_method(content: bytes, wanted: Method | None = None) -> Method:
    """Return the method wanted, else the one that suits the graph.

    Raises:
        BundleError: There is nothing in it to quantise.
    """
    import onnx

    operators = {node.op_type for node in onnx.load_from_string(content).graph.node}
    if "QuantizeLinear" in operators or "DynamicQuantizeLinear" in operators:
        raise BundleError("graph: is in 8 bits already; quantise the original")
    if not operators & {"Conv", "Gemm", "MatMul"}:
        raise BundleError(
            f"graph: found neither convolutions nor matrix products in it ({', '.join(sorted(operators))}), which is "
            "what 8 bits make smaller; trees, support vector machines and linear models stay as they are"
        )
    return wanted or ("static" if "Conv" in operators else "dynamic")


def quantize_graph(content: bytes, method: Method, features: NDArray[np.float32]) -> bytes:
    """Return a graph in 8 bits: weights int8 per channel, activations uint8.

    Args:
        content: The graph.
        method: "static" or "dynamic".
        features: float32 (n_rows, *shape) that set the ranges of "static".

    Raises:
        BundleError: ONNX Runtime cannot quantise it.
    """
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    weights = {"per_channel": True, "weight_type": quantization.QuantType.QInt8}
    with tempfile.TemporaryDirectory(prefix="earmark-") as temporary, _quiet():
        source, prepared, small = (Path(temporary) / f"{name}.onnx" for name in ("float", "prepared", "int8"))
        source.write_bytes(content)
        try:
            if method == "dynamic":
                quantization.quantize_dynamic(source, small, op_types_to_quantize=["MatMul", "Gemm"], **weights)
            else:
                quant_pre_process(source, prepared, skip_symbolic_shape=True)
                quantization.quantize_static(
                    prepared,
                    small,
                    _reader(features),
                    quant_format=quantization.QuantFormat.QDQ,
                    activation_type=quantization.QuantType.QUInt8,
                    reduce_range=True,  # processors without VNNI add up pairs in 16 bits, which 8-bit weights overflow
                    **weights,
                )
        except Exception as error:  # a dozen unrelated classes
            raise BundleError(f"graph: ONNX Runtime cannot quantise it ({type(error).__name__}: {error})") from error
        return small.read_bytes()


def _reader(features: NDArray[np.float32]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Rows(CalibrationDataReader):  # type: ignore[misc]
        """Hands out one row after the other."""

        def __init__(self) -> None:
            self._rows = iter(features)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            row = next(self._rows, None)
            return None if row is None else {"features": np.ascontiguousarray(row[np.newaxis])}

    return Rows()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime from setting up logging of its own to give advice about steps that are done already."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
