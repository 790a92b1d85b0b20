"""From a torch module to ONNX bytes, quietly."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from earmark.core.errors import ModelError
from earmark.core.optional import import_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

LARGEST_BYTES = 2_000_000_000  # protobuf ends at 2 GiB


def export_graph(module: nn.Module, shape: tuple[int, ...], output: str | tuple[str, ...] = "scores") -> bytes:
    """Return the graph of a module in evaluation mode: input `features` (n_rows, *shape), outputs (n_rows, ...).

    `output` names what the module returns, several where it returns a tuple. None may be the name of anything inside,
    which torch names after its functions ("embedding").

    Raises:
        MissingExtraError: torch or onnxscript is not installed.
        ModelError: It has more weights than one ONNX file can hold.
    """
    torch = import_extra("torch", "train", "Exporting a network")
    import_extra("onnxscript", "train", "Exporting a network")
    n_bytes = sum(value.numel() * value.element_size() for value in module.state_dict().values())
    if n_bytes > LARGEST_BYTES:
        raise ModelError(f"network: {n_bytes / 1e9:.1f} GB of weights, an ONNX file holds 2.0; choose a smaller model")
    module.eval()
    example = torch.zeros((2, *shape))
    with quiet_torch(), torch.no_grad():
        program = torch.onnx.export(
            module,
            (example,),
            input_names=["features"],
            output_names=[output] if isinstance(output, str) else list(output),
            dynamic_shapes=({0: torch.export.Dim("n_rows")},),
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        part.ClearField("metadata_props")  # lines of source code with the paths of this machine
        part.ClearField("doc_string")
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def quiet_torch() -> Iterator[None]:
    """Keep torch and its exporter from logging what they could also use, and from scolding themselves."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
