from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError, WeightsError
from earmark.encoders import birdnet_places
from earmark.encoders.birdnet_places import expected_species, species_frequencies
from earmark.encoders.weights import weights_at_hand
from tests.encoders.test_tflite_numpy import places_network

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    path = tmp_path / "places.tflite"
    path.write_bytes(places_network(7, rng)[0])
    monkeypatch.setattr(birdnet_places, "weights_path", lambda _name: path)


@pytest.mark.usefixtures("small")
def test_what_is_reported_often_enough_is_expected() -> None:
    frequencies = species_frequencies(42, -71, 20)
    assert frequencies.shape == (7,)
    assert expected_species(42, -71, 20, 7).tolist() == (frequencies >= 0.03).tolist()
    assert not np.array_equal(frequencies, species_frequencies(42, -71))
    with pytest.raises(WeightsError, match="found 7 classes, expected BirdNET's 6522"):
        expected_species(42, -71, None, 6522)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((91, 0, 1), "found latitude 91, longitude 0; expected -90 to 90 and -180 to 180"),
        ((0, -181, 1), "found latitude 0, longitude -181"),
        ((float("nan"), 0, 1), "found latitude nan"),
        ((0, 0, 49), "found week 49, expected 1 to 48"),
        ((0, 0, 0), "found week 0"),
    ],
)
def test_a_place_that_is_none_is_refused(place: tuple[float, float, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        species_frequencies(*place)


@pytest.mark.real
def test_it_is_what_litert_says() -> None:
    if weights_at_hand("birdnet_places") is None:
        pytest.skip("the weights birdnet_places are not on this machine")
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = interpreters.Interpreter(model_path=str(weights_at_hand("birdnet_places")))
    interpreter.allocate_tensors()
    for latitude, longitude, week in ((42, -71, 20), (42, -71, None), (-33, 151, 3), (89, 179, 48)):
        question = np.array([[latitude, longitude, -1 if week is None else week]], dtype=np.float32)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], question)
        interpreter.invoke()
        expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(species_frequencies(latitude, longitude, week), expected, atol=1e-5)
