"""Which of BirdNET's species to expect where and when, by BirdNET's own network of what is reported there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ConfigError, WeightsError
from earmark.encoders.tflite_numpy import run_tflite
from earmark.encoders.tflite_read import read_tflite
from earmark.encoders.weights import weights_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_WEEKS = 48
WHOLE_YEAR = -1
LEAST_FREQUENCY = 0.03  # BirdNET-Analyzer's default


def species_frequencies(latitude: float, longitude: float, week: int | None = None) -> NDArray[np.float32]:
    """Return how often each of BirdNET's classes is reported at a place, float32 (n_classes,) in [0, 1].

    Args:
        latitude: In degrees, -90 to 90.
        longitude: In degrees, -180 to 180.
        week: 1 to 48, four to a month; None for the whole year.

    Raises:
        ConfigError: A number is out of range.
        WeightsError: The network's file is missing or damaged.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ConfigError(f"found latitude {latitude:g}, longitude {longitude:g}; expected -90 to 90 and -180 to 180")
    if week is not None and not 1 <= week <= N_WEEKS:
        raise ConfigError(f"found week {week}, expected 1 to {N_WEEKS}: BirdNET counts four weeks to a month")
    path = weights_path("birdnet_places")
    question = np.array([[latitude, longitude, WHOLE_YEAR if week is None else week]], dtype=np.float32)
    frequencies: NDArray[np.float32] = run_tflite(read_tflite(path), question)[0]
    return frequencies


def expected_species(latitude: float, longitude: float, week: int | None, n_classes: int) -> NDArray[np.bool_]:
    """Return which of BirdNET's classes are reported at a place often enough to count (0.03), bool (n_classes,).

    Raises:
        ConfigError: A number is out of range.
        WeightsError: The network's file is missing, damaged, or is about other classes.
    """
    frequencies = species_frequencies(latitude, longitude, week)
    if len(frequencies) != n_classes:
        raise WeightsError(f"birdnet_places: found {len(frequencies)} classes, expected BirdNET's {n_classes}")
    return np.asarray(frequencies >= LEAST_FREQUENCY)
