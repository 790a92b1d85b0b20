"""BirdNET's own options, on a small network of its structure and, where its weights are, on a real recording."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import ConfigError
from earmark.core.settings import settings
from earmark.encoders import birdnet_places
from earmark.inference.analysis import Hearing, Listener, Place
from earmark.inference.hearers import ModelChoice
from tests.encoders.conftest import SmallBirdNet
from tests.encoders.test_birdnet import NAMES, WINDOW, use
from tests.encoders.test_tflite_numpy import places_network
from tests.inference.analysis.conftest import detections_of, parts_of

if TYPE_CHECKING:
    from pathlib import Path

HEARING = Hearing(ModelChoice("birdnet"), min_confidence=0.0)


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Path:
    """Put small networks in the place of BirdNET's, and return a recording of nine seconds."""
    # The graph that another test made of the real weights would serve instead of a file that is not at hand.
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    small = SmallBirdNet(n_samples=WINDOW, n_classes=len(NAMES), hops=(2000, 2000))
    (tmp_path / "net.tflite").write_bytes(small.content())
    (tmp_path / "labels.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    (tmp_path / "places.tflite").write_bytes(places_network(len(NAMES), rng)[0])
    use(monkeypatch, tmp_path / "net.tflite", tmp_path / "labels.txt")
    monkeypatch.setattr(birdnet_places, "weights_path", lambda _name: tmp_path / "places.tflite")
    soundfile.write(tmp_path / "night.wav", 0.1 * rng.standard_normal(9 * 48_000), 48_000)
    return tmp_path / "night.wav"


def columns(hearing: Hearing, path: Path) -> set[int]:
    return {column for _, column, _ in detections_of(parts_of(Listener(hearing), path))}


def test_its_labels_answer_to_every_name(sound: Path) -> None:
    assert Listener(HEARING).plan.labels == ("Coyote", "American Bullfrog", "Engine")
    assert columns(HEARING, sound) == {0, 1, 2}
    for name, column in (("Coyote", 0), ("lithobates catesbeianus", 1), ("Canis latrans_Coyote", 0)):
        assert columns(replace(HEARING, labels=(name,)), sound) == {column}


def test_sensitivity_raises_what_is_heard(sound: Path) -> None:
    heard = [
        detections_of(parts_of(Listener(replace(HEARING, choice=ModelChoice("birdnet", value))), sound))
        for value in (0.9, None, 1.1)
    ]
    logits = [[np.log(p / (1 - p)) for _, _, p in each] for each in heard]
    np.testing.assert_allclose(np.subtract(logits[2], logits[1]), 1, atol=0.02)
    np.testing.assert_allclose(np.subtract(logits[1], logits[0]), 1, atol=0.02)
    with pytest.raises(ConfigError, match='"sensitivity"'):
        Listener(replace(HEARING, choice=ModelChoice("birdnet", 3.0)))


def test_only_what_is_expected_at_a_place(sound: Path) -> None:
    frequencies = birdnet_places.species_frequencies(42, -71, 20)
    expected = set(np.flatnonzero(frequencies >= birdnet_places.LEAST_FREQUENCY).tolist())
    assert columns(replace(HEARING, place=Place(42, -71, 20)), sound) == expected
    with pytest.raises(ConfigError, match="found week 50"):
        Listener(replace(HEARING, place=Place(42, -71, 50)))


@pytest.mark.real
def test_real_weights_find_the_bullfrog(wildlife_dir: Path) -> None:
    from earmark.encoders.weights import weights_at_hand

    if weights_at_hand("birdnet") is None:
        pytest.skip("the weights birdnet are not on this machine")
    with (wildlife_dir / "clips.csv").open(encoding="utf-8", newline="") as file:
        paths = [wildlife_dir / row["path"] for row in csv.DictReader(file) if "bullfrog" in row["path"]]
    listener = Listener(replace(HEARING, min_confidence=0.25, labels=("American Bullfrog",)))
    heard = [detections_of(parts_of(listener, path)) for path in paths]
    assert sum(map(bool, heard)) >= 2
