"""Each operator gives LiteRT's numbers in ONNX Runtime, and what is not known is refused by name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.core.errors import WeightsError
from earmark.encoders.onnx_parts import OnnxParts
from earmark.encoders.session import OnnxGraph
from earmark.encoders.tflite_onnx import Converter
from earmark.encoders.tflite_read import parse_tflite
from earmark.encoders.tflite_write import TfliteWriter

SAME, VALID = 0, 1
RELU, RELU6, TANH = 1, 3, 4
Image = NDArray[np.float32]


@pytest.fixture
def image(rng: np.random.Generator) -> Image:
    return rng.standard_normal((1, 7, 10, 4)).astype(np.float32)


def weights(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


def network(writer: TfliteWriter, shape: tuple[int, ...], last: int, source: int = 0) -> tuple[bytes, bytes]:
    """Return a network as TensorFlow Lite and as ONNX; its ONNX input is (n, channels, height, width)."""
    content = writer.content([source], [last])
    graph = parse_tflite(content, "net.tflite")
    parts = OnnxParts()
    converter = Converter(graph, parts)
    converter.convert(graph.tensors[source].name, "image", (shape[1], shape[2]))
    parts.add("Identity", converter.name_of(graph.tensors[last].name), output="found")
    axes = [f"axis{number}" for number in range(len(graph.tensors[last].shape))]
    return content, parts.model("net", ("image", ("n", shape[3], shape[1], shape[2])), {"found": ("n", *axes[1:])})


def onnx_numbers(content: bytes, image: Image) -> NDArray[np.float32]:
    found = OnnxGraph(content)(np.ascontiguousarray(image.transpose(0, 3, 1, 2)))
    return found.transpose(0, 2, 3, 1) if found.ndim == 4 else found


def litert_numbers(content: bytes, image: Image) -> NDArray[np.float32]:
    if find_spec("ai_edge_litert") is None:
        pytest.skip("ai_edge_litert is not installed: pip install earmark[litert]")
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found: NDArray[np.float32] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return found


def start(image: Image) -> tuple[TfliteWriter, int]:
    writer = TfliteWriter()
    return writer, writer.tensor("image", image.shape)


def convolution(image: Image, rng: np.random.Generator, kind: str, options: dict[str, int]) -> Any:
    writer, source = start(image)
    depthwise = kind == "DEPTHWISE_CONV_2D"
    kernel = weights(rng, *((1, 3, 4, 8) if depthwise else (8, 3, 4, 4)))
    inputs = [source, writer.constant("kernel", kernel), writer.constant("bias", weights(rng, 8))]
    strides = options.get("StrideH", 1), options.get("StrideW", 1)
    reach = (3 - 1) * options.get("DilationHFactor", 1) + 1, (4 - 1) * options.get("DilationWFactor", 1) + 1
    if options["Padding"] == SAME:
        size = [-(-length // stride) for length, stride in zip((7, 10), strides, strict=True)]
    else:
        size = [(length - r) // stride + 1 for length, r, stride in zip((7, 10), reach, strides, strict=True)]
    extra = {"DepthMultiplier": 2} if depthwise else {}
    last = writer.operator(kind, inputs, "convolved", (1, *size, 8), **options, **extra)
    return network(writer, image.shape, last)


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(
    "options",
    [
        {"Padding": SAME, "StrideH": 1, "StrideW": 1},
        {"Padding": SAME, "StrideH": 2, "StrideW": 2, "FusedActivationFunction": RELU},
        {"Padding": VALID, "StrideH": 2, "StrideW": 2, "FusedActivationFunction": RELU6},
        {"Padding": VALID, "StrideH": 1, "StrideW": 1, "DilationHFactor": 2, "DilationWFactor": 2},
        {"Padding": SAME, "StrideH": 1, "StrideW": 1, "DilationHFactor": 2, "DilationWFactor": 2},
    ],
    ids=["same", "same-stride-relu", "valid-stride-relu6", "dilated", "same-dilated"],
)
def test_convolutions_equal_those_of_litert(
    image: Image, rng: np.random.Generator, kind: str, options: dict[str, int]
) -> None:
    tflite, onnx = convolution(image, rng, kind, options)
    expected = litert_numbers(tflite, image)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(onnx_numbers(onnx, image), expected, atol=1e-5)


def test_a_convolution_is_the_sum_that_it_is(image: Image, rng: np.random.Generator) -> None:
    writer, source = start(image)
    kernel = weights(rng, 2, 2, 3, 4)
    inputs = [source, writer.constant("kernel", kernel), -1]  # -1: no bias
    last = writer.operator("CONV_2D", inputs, "convolved", (1, 3, 4, 2), Padding=VALID, StrideH=2, StrideW=2)
    _, onnx = network(writer, image.shape, last)
    windows = np.lib.stride_tricks.sliding_window_view(image[0], (2, 3), axis=(0, 1))[::2, ::2]
    np.testing.assert_allclose(onnx_numbers(onnx, image)[0], np.einsum("hwcij,oijc->hwo", windows, kernel), atol=1e-5)


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("padding", [SAME, VALID])
def test_pools_equal_those_of_litert(image: Image, kind: str, padding: int) -> None:
    writer, source = start(image)
    size = (4, 4) if padding == SAME else (3, 3)
    options = {"Padding": padding, "StrideH": 2, "StrideW": 3, "FilterHeight": 3, "FilterWidth": 2}
    last = writer.operator(kind, [source], "pooled", (1, *size, 4), **options)
    tflite, onnx = network(writer, image.shape, last)
    np.testing.assert_allclose(onnx_numbers(onnx, image), litert_numbers(tflite, image), atol=1e-6)


def test_a_pool_counts_no_padding() -> None:
    image = np.ones((1, 3, 3, 1), np.float32)
    writer, source = start(image)
    options = {"Padding": SAME, "StrideH": 1, "StrideW": 1, "FilterHeight": 2, "FilterWidth": 2}
    _, onnx = network(
        writer, image.shape, writer.operator("AVERAGE_POOL_2D", [source], "pooled", (1, 3, 3, 1), **options)
    )
    np.testing.assert_allclose(onnx_numbers(onnx, image), image)


def padded(writer: TfliteWriter, source: int, rows: list[list[int]]) -> int:
    amounts = writer.constant("amounts", np.array(rows, np.int32))
    return writer.operator("PAD", [source, amounts], "padded", (1, 9, 13, 4))


def test_a_pad_becomes_part_of_the_convolution(image: Image, rng: np.random.Generator) -> None:
    import onnx as onnx_package

    writer, source = start(image)
    inputs = [
        padded(writer, source, [[0, 0], [1, 1], [1, 2], [0, 0]]),
        writer.constant("kernel", weights(rng, 1, 3, 3, 4)),
    ]
    inputs.append(writer.constant("bias", weights(rng, 4)))
    options = {"Padding": VALID, "StrideH": 2, "StrideW": 2, "DepthMultiplier": 1}
    last = writer.operator("DEPTHWISE_CONV_2D", inputs, "convolved", (1, 4, 6, 4), **options)
    tflite, onnx = network(writer, image.shape, last)
    np.testing.assert_allclose(onnx_numbers(onnx, image), litert_numbers(tflite, image), atol=1e-5)
    kinds = [node.op_type for node in onnx_package.load_from_string(onnx).graph.node]
    assert kinds == ["Conv", "Identity"]


def test_a_pad_that_no_convolution_takes_stays(image: Image) -> None:
    writer, source = start(image)
    last = writer.operator(
        "LOGISTIC", [padded(writer, source, [[0, 0], [1, 1], [1, 2], [0, 0]])], "sigmoid", (1, 9, 13, 4)
    )
    _, onnx = network(writer, image.shape, last)
    expected = 1 / (1 + np.exp(-np.pad(image, ((0, 0), (1, 1), (1, 2), (0, 0)))))
    np.testing.assert_allclose(onnx_numbers(onnx, image), expected, atol=1e-6)


def test_squeeze_and_excitation_equals_that_of_litert(image: Image, rng: np.random.Generator) -> None:
    """MEAN, RESHAPE, CONV_2D on one point, LOGISTIC, MUL over the image, ADD of a constant, CONCATENATION."""
    writer, source = start(image)
    axes = writer.constant("axes", np.array([1, 2], np.int32))
    mean = writer.operator("MEAN", [source, axes], "mean", (1, 4), KeepDims=0)
    shape = writer.constant("shape", np.array([1, 1, 1, 4], np.int32))
    point = writer.operator("RESHAPE", [mean, shape], "point", (1, 1, 1, 4))
    inputs = [point, writer.constant("kernel", weights(rng, 4, 1, 1, 4)), writer.constant("bias", weights(rng, 4))]
    squeezed = writer.operator("CONV_2D", inputs, "squeezed", (1, 1, 1, 4), Padding=VALID, StrideH=1, StrideW=1)
    gate = writer.operator("LOGISTIC", [squeezed], "gate", (1, 1, 1, 4))
    scaled = writer.operator("MUL", [source, gate], "scaled", (1, 7, 10, 4))
    offset = writer.constant("offset", weights(rng, 4))
    shifted = writer.operator("ADD", [scaled, offset], "shifted", (1, 7, 10, 4), FusedActivationFunction=RELU)
    last = writer.operator("CONCATENATION", [shifted, source], "joined", (1, 7, 10, 8), Axis=3)
    tflite, onnx = network(writer, image.shape, last)
    np.testing.assert_allclose(onnx_numbers(onnx, image), litert_numbers(tflite, image), atol=1e-5)


@pytest.mark.parametrize("keep", [0, 1])
def test_a_head_on_pooled_channels_equals_that_of_litert(image: Image, rng: np.random.Generator, keep: int) -> None:
    writer, source = start(image)
    axes = writer.constant("axes", np.array([2, 1], np.int32))
    pooled = writer.operator("MEAN", [source, axes], "mean", (1, 1, 1, 4) if keep else (1, 4), KeepDims=keep)
    if keep:
        shape = writer.constant("shape", np.array([1, 4], np.int32))
        pooled = writer.operator("RESHAPE", [pooled, shape], "flat", (1, 4))
    inputs = [pooled, writer.constant("matrix", weights(rng, 3, 4)), writer.constant("bias", weights(rng, 3))]
    dense = writer.operator("FULLY_CONNECTED", inputs, "dense", (1, 3), FusedActivationFunction=RELU)
    last = writer.operator("MUL", [dense, writer.constant("two", np.array(2, np.float32))], "doubled", (1, 3))
    tflite, onnx = network(writer, image.shape, last)
    np.testing.assert_allclose(onnx_numbers(onnx, image), litert_numbers(tflite, image), atol=1e-5)
    batch = np.concatenate([image, -image, image])
    np.testing.assert_allclose(onnx_numbers(onnx, batch)[2], onnx_numbers(onnx, image)[0], atol=1e-6)


def test_a_vector_becomes_an_image_of_one_point(image: Image, rng: np.random.Generator) -> None:
    writer, source = start(image)
    axes = writer.constant("axes", np.array([1, 2], np.int32))
    mean = writer.operator("MEAN", [source, axes], "mean", (1, 4), KeepDims=0)
    dense = writer.operator("FULLY_CONNECTED", [mean, writer.constant("matrix", weights(rng, 4, 4))], "dense", (1, 4))
    shape = writer.constant("shape", np.array([1, 1, 1, 4], np.int32))
    point = writer.operator("RESHAPE", [dense, shape], "point", (1, 1, 1, 4))
    last = writer.operator("MUL", [source, point], "scaled", (1, 7, 10, 4))
    tflite, onnx = network(writer, image.shape, last)
    np.testing.assert_allclose(onnx_numbers(onnx, image), litert_numbers(tflite, image), atol=1e-5)


def test_computed_shapes_are_left_out(image: Image) -> None:
    writer, source = start(image)
    shape = writer.tensor("shape", (4,), "INT32")
    writer._operators.append(("SHAPE", (source,), shape, {}))
    _, onnx = network(writer, image.shape, writer.operator("LOGISTIC", [source], "sigmoid", image.shape))
    assert onnx_numbers(onnx, image).shape == image.shape


def refused(image: Image, message: str, *steps: Any) -> None:
    writer, source = start(image)
    last = source
    for step in steps:
        last = step(writer, last)
    with pytest.raises(WeightsError, match=message):
        network(writer, image.shape, last)


def mean(writer: TfliteWriter, source: int) -> int:
    return writer.operator("MEAN", [source, writer.constant("axes", np.array([1, 2], np.int32))], "mean", (1, 4))


def test_what_is_not_known_is_refused_by_name(image: Image, rng: np.random.Generator) -> None:
    def step(kind: str, *constants: NDArray[Any], shape: tuple[int, ...] = (1, 7, 10, 4), **options: int) -> Any:
        def write(writer: TfliteWriter, source: int) -> int:
            inputs = [source, *(writer.constant(f"k{place}", value) for place, value in enumerate(constants))]
            return writer.operator(kind, inputs, "result", shape, **options)

        return write

    rows = np.array([[1, 0], [0, 0], [0, 0], [0, 0]], np.int32)
    kernel = weights(rng, 4, 1, 1, 4)
    refused(
        image, r'net.tflite: operator COS \("result"\) is not one that earmark converts; it knows CONV_2D', step("COS")
    )
    refused(image, r"operator PAD .* pads .*expected height and width alone", step("PAD", rows))
    refused(image, r"operator MEAN .* is over axes \[1\]", step("MEAN", np.array([1], np.int32)))
    refused(image, r"operator MEAN .* is over axes \[1, 2\]", mean, step("MEAN", np.array([1, 2], np.int32)))
    refused(image, r"RESHAPE .* is from \(1, 7, 10, 4\) to \(1, 280\)", step("RESHAPE", rows, shape=(1, 280)))
    refused(image, "FULLY_CONNECTED .* takes a tensor of rank 4", step("FULLY_CONNECTED", weights(rng, 3, 4)))
    refused(image, "CONCATENATION .* is along axis 1, expected the channels", step("CONCATENATION", Axis=1))
    refused(image, "CONCATENATION .* takes a tensor that is not", step("CONCATENATION", kernel, Axis=3))
    strides: dict[str, Any] = {"Padding": VALID, "StrideH": 1, "StrideW": 1}
    refused(image, "CONV_2D .* fused activation 4", step("CONV_2D", kernel, **strides, FusedActivationFunction=TANH))
    refused(image, r"CONV_2D .* has strides \(0, 0\), expected at least 1", step("CONV_2D", kernel, Padding=VALID))
    refused(image, 'CONV_2D .* takes "mean", expected a tensor of rank 4', mean, step("CONV_2D", kernel, **strides))


def test_tensors_that_do_not_fit_together_are_refused(image: Image) -> None:
    def mixed(writer: TfliteWriter, source: int) -> int:
        return writer.operator("MUL", [source, mean(writer, source)], "mixed", (1, 7, 10, 4))

    def foreign(writer: TfliteWriter, source: int) -> int:
        return writer.operator("ADD", [source, writer.tensor("elsewhere", (1, 7, 10, 4))], "sum", (1, 7, 10, 4))

    def without_kernel(writer: TfliteWriter, source: int) -> int:
        return writer.operator("CONV_2D", [source, writer.tensor("kernel", (1, 1, 1, 4))], "convolved", (1, 7, 10, 1))

    refused(image, r'operator MUL \("mixed"\) joins tensors of different ranks', mixed)
    refused(image, r'operator ADD \("sum"\) takes "elsewhere", which is not converted', foreign)
    refused(image, r'operator CONV_2D \("convolved"\) takes "kernel", expected a constant', without_kernel)
    refused(
        image,
        '"elsewhere" does not follow from what is converted',
        lambda writer, _: writer.tensor("elsewhere", (1, 4)),
    )


def test_parts_that_make_no_graph_are_refused() -> None:
    parts = OnnxParts()
    parts.add("Conv", "image", "nowhere", output="found")
    with pytest.raises(WeightsError, match="net: the weights give no valid graph"):
        parts.model("net", ("image", ("n", 1, 4, 4)), {"found": ("n", 1, 4, 4)})
