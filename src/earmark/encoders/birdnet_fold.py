"""BirdNET 2.4 as one ONNX graph: its front end folded into two convolutions, its body converted.

The network takes the STFT of the sound twice (frames of 2048 and 1024) and casts the complex result to float, which
keeps the real part alone. Window, cosine transform and mel filters are then all linear, so each branch is exactly one
convolution with 96 kernels as long as a frame, and the hop as its stride. They are multiplied out in float64.
Then follow the square, a learned exponent, and the image of both branches, bands from high to low, that the body sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import WeightsError
from earmark.encoders.onnx_parts import OnnxParts
from earmark.encoders.outside_weights import weights_outside
from earmark.encoders.tflite_onnx import Converter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.encoders.tflite_read import TfliteGraph

BRANCHES = ("model/MEL_SPEC1", "model/MEL_SPEC2")
IMAGE = "model/concatenate/concat"
EMBEDDING = "model/GLOBAL_AVG_POOL/Mean"


def folded_birdnet(graph: TfliteGraph) -> bytes:
    """Return the ONNX graph of a BirdNET file.

    Input `windows` float32 (n, n_samples); outputs `embedding` (n, dim), `scores` (n, n_classes) in [0, 1] and
    `logits` (n, n_classes).

    Raises:
        WeightsError: The file holds another network.
    """
    parts, _ = _whole(graph)
    dim, n_classes = graph.tensor(EMBEDDING).shape[-1], graph.tensors[graph.outputs[0]].shape[-1]
    outputs = {"embedding": ("n", dim), "scores": ("n", n_classes), "logits": ("n", n_classes)}
    return parts.model("birdnet", _source(graph), outputs)


def folded_birdnet_pair(graph: TfliteGraph, location: str) -> tuple[bytes, bytes]:
    """Return the ONNX graph from `windows` to `embedding`, and the file `location` with its weights and last layer.

    Raises:
        WeightsError: The file holds another network.
    """
    parts, last = _whole(graph)
    content = parts.model("birdnet", _source(graph), {"embedding": ("n", graph.tensor(EMBEDDING).shape[-1])})
    return weights_outside(content, location, last)


def _whole(graph: TfliteGraph) -> tuple[OnnxParts, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return all parts of the graph, and the matrix and bias of its last layer.

    Raises:
        WeightsError: The file holds another network.
    """
    parts = OnnxParts()
    image, size = folded_image(graph, parts)
    converter = Converter(graph, parts)
    converter.convert(IMAGE, image, size)
    embedding, last = graph.tensor(EMBEDDING), graph.tensors[graph.outputs[0]]
    parts.add("Identity", converter.name_of(embedding.name), output="embedding")
    parts.add("Identity", converter.name_of(last.name), output="logits")
    parts.add("Sigmoid", "logits", output="scores")
    (step,) = (each for each in graph.operators if last.index in each.outputs)
    values = [graph.tensors[index].value for index in step.inputs[1:]]
    matrix, bias = values if len(values) == 2 else (None, None)
    plain = step.kind == "FULLY_CONNECTED" and not step.options.get("FusedActivationFunction")
    if not plain or step.inputs[0] != embedding.index or matrix is None or bias is None:
        raise WeightsError(f"{graph.where}: its last layer is no plain matrix on {EMBEDDING}: another network")
    return parts, (matrix, bias)


def _source(graph: TfliteGraph) -> tuple[str, tuple[str, int]]:
    return "windows", ("n", graph.tensors[graph.inputs[0]].shape[1])


def folded_image(graph: TfliteGraph, parts: OnnxParts) -> tuple[str, tuple[int, int]]:
    """Add what leads from `windows` to the image that the body sees; return its name and size.

    The image is (n, 2, n_mels, n_frames), bands from high to low.

    Raises:
        WeightsError: The file holds another network.
    """
    n_samples = graph.tensors[graph.inputs[0]].shape[1]
    source = _normalised(graph, parts)
    branches = [_branch(graph, parts, branch, source, n_samples) for branch in BRANCHES]
    sizes = {size for _, size in branches}
    if len(sizes) != 1:
        raise WeightsError(f"{graph.where}: its branches have images of {sorted(sizes)}, expected one size")
    return parts.add("Concat", *(name for name, _ in branches), axis=1), sizes.pop()


def branch_kernels(graph: TfliteGraph, branch: str) -> NDArray[np.float64]:
    """Return window x cosine transform x mel filters of a branch, float64 (n_mels, frame_samples), bands reversed.

    Raises:
        WeightsError: The file holds another network.
    """
    taper = graph.constant(f"{branch}/stft/hann_window/sub_2").astype(np.float64)
    mel = graph.constant(f"{branch}/Tensordot/MatMul").astype(np.float64)  # (n_mels, n_bins)
    n_samples = taper.size
    if mel.ndim != 2 or mel.shape[1] != n_samples // 2 + 1:
        raise WeightsError(f"{graph.where}: mel filters {mel.shape} do not fit frames of {n_samples} samples")
    turns = np.outer(np.arange(mel.shape[1]), np.arange(n_samples)) % n_samples  # exact: whole turns are taken out
    return np.asarray((mel @ np.cos(2 * np.pi / n_samples * turns) * taper)[::-1])


def _normalised(graph: TfliteGraph, parts: OnnxParts) -> tuple[str, str]:
    """Add 2 ((x - min) / (max + eps) - 0.5), less what it makes of silence; return it (n, 1, n_samples), and that.

    Every step rounds as in the file: where a recording has no highs, BirdNET sees the rounding. What silence becomes
    is taken off and comes back behind the convolution, whose kernels would leave rounding noise of a constant, and
    the small exponent lifts it: a stretch of silence made 0.06 of difference in a logit.
    """
    epsilon, middle, scale = (
        parts.constant(graph.constant(f"{BRANCHES[0]}/{name}").reshape(())) for name in ("add/y", "Sub_1/y", "Mul/y")
    )
    lowest = parts.add("ReduceMin", "windows", axes=[1], keepdims=1)
    positive = parts.add("Sub", "windows", lowest)
    highest = parts.add("ReduceMax", positive, axes=[1], keepdims=1)
    reach = parts.add("Add", highest, epsilon)
    # With an offset silence may lie outside the window's range: then its nearest end, so that nothing grows.
    silence = parts.add("Min", parts.add("Max", parts.add("Neg", lowest), parts.constant(0.0)), highest)
    found, of_silence = (
        parts.add("Mul", parts.add("Sub", parts.add("Div", each, reach), middle), scale) for each in (positive, silence)
    )
    axis = parts.constant([1])
    return parts.add("Unsqueeze", parts.add("Sub", found, of_silence), axis), parts.add("Unsqueeze", of_silence, axis)


def _branch(
    graph: TfliteGraph, parts: OnnxParts, branch: str, source: tuple[str, str], n_samples: int
) -> tuple[str, tuple[int, int]]:
    """Add one branch; return the name and the size of its image, (n, 1, n_mels, n_frames)."""
    sound, of_silence = source
    kernels = branch_kernels(graph, branch)
    hop_samples = int(graph.constant(f"{branch}/stft/frame_step"))
    weights = parts.constant(kernels[:, np.newaxis].astype(np.float32))
    of_one = parts.constant(kernels.sum(axis=1)[:, np.newaxis].astype(np.float32))
    steady = parts.add("Mul", of_one, of_silence)  # (n, n_mels, 1)
    bands = parts.add("Add", parts.add("Conv", sound, weights, strides=[hop_samples]), steady)
    exponent = parts.constant(graph.constant(f"{branch}/truediv_1").reshape(()))
    image = parts.add("Pow", parts.add("Mul", bands, bands), exponent)
    n_frames = (n_samples - kernels.shape[1]) // hop_samples + 1
    return parts.add("Unsqueeze", image, parts.constant([1])), (len(kernels), n_frames)
