from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import WeightsError
from earmark.encoders.tflite_numpy import run_tflite
from earmark.encoders.tflite_read import parse_tflite
from earmark.encoders.tflite_write import TfliteWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray


def places_network(n_classes: int, rng: np.random.Generator) -> tuple[bytes, dict[str, NDArray[np.float32]]]:
    """Return a file like BirdNET's list of species: numbers of a row, their sines, layers; and its constants."""
    values = {
        "turns": np.linspace(0, 3, 4).astype(np.float32),
        "hidden": rng.standard_normal((5, 8)).astype(np.float32),
        "hidden_bias": rng.standard_normal(5).astype(np.float32),
        "head": rng.standard_normal((n_classes, 5)).astype(np.float32),
        "head_bias": rng.standard_normal(n_classes).astype(np.float32),
    }
    writer = TfliteWriter()
    source = writer.tensor("INPUT", (1, 3))

    def constant(name: str, value: object, kind: type = np.float32) -> int:
        return writer.constant(name, np.array(value, kind))

    axis, one, zero = constant("axis", 1, np.int32), constant("one", 1.0), constant("zero", 0.0)
    steps = constant("steps", [1, 1], np.int32)

    def number(place: int) -> int:
        begin, end = constant(f"b{place}", [0, place], np.int32), constant(f"e{place}", [0, place + 1], np.int32)
        return writer.operator("STRIDED_SLICE", [source, begin, end, steps], f"number{place}", (1,))

    def sines(value: int, name: str) -> int:
        scaled = writer.operator("MUL", [value, constant(f"scale{name}", 0.01)], f"scaled{name}", (1,))
        row = writer.operator("EXPAND_DIMS", [scaled, axis], f"row{name}", (1, 1))
        turned = writer.operator("ADD", [row, writer.constant(f"turns{name}", values["turns"])], f"t{name}", (1, 4))
        return writer.operator("SIN", [turned], f"sin{name}", (1, 4))

    week = writer.operator("SUB", [number(2), one], "week", (1,))
    late = writer.operator("GREATER", [week, zero], "late", (1,))
    early = writer.operator("LESS", [week, constant("last", 47.0)], "early", (1,))
    masks = [writer.operator("SELECT_V2", [each, one, zero], f"mask{each}", (1,)) for each in (late, early)]
    mask = writer.operator("MUL", masks, "mask", (1,))
    of_week = writer.operator("MUL", [sines(week, "week"), mask], "of_week", (1, 4))
    both = writer.operator("CONCATENATION", [sines(number(0), "latitude"), of_week], "both", (1, 8), Axis=1)
    layer = [writer.constant(name, values[name]) for name in ("hidden", "hidden_bias")]
    hidden = writer.operator("FULLY_CONNECTED", [both, *layer], "h", (1, 5), FusedActivationFunction=1)
    layer = [writer.constant(name, values[name]) for name in ("head", "head_bias")]
    last = writer.operator("FULLY_CONNECTED", [hidden, *layer], "logits", (1, n_classes))
    scores = writer.operator("LOGISTIC", [last], "scores", (1, n_classes))
    return writer.content([source], [scores]), values


@pytest.mark.parametrize("week", [-1, 1, 12, 48])
def test_every_operator_does_what_its_name_says(rng: np.random.Generator, week: int) -> None:
    content, values = places_network(7, rng)
    found = run_tflite(parse_tflite(content, "net"), np.array([[42.0, -71.0, week]], dtype=np.float32))
    shown = float(0 < week - 1 < 47)
    parts = [np.sin(0.01 * 42 + values["turns"]), shown * np.sin(0.01 * (week - 1) + values["turns"])]
    hidden = np.maximum(values["hidden"] @ np.concatenate(parts) + values["hidden_bias"], 0)
    expected = 1 / (1 + np.exp(-(values["head"] @ hidden + values["head_bias"])))
    assert found.shape == (1, 7)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_an_operator_that_is_not_known_is_named() -> None:
    writer = TfliteWriter()
    source = writer.tensor("INPUT", (1, 3))
    content = writer.content([source], [writer.operator("COS", [source], "x", (1, 3))])
    with pytest.raises(WeightsError, match="net: operator COS is not known here"):
        run_tflite(parse_tflite(content, "net"), np.zeros((1, 3), dtype=np.float32))
