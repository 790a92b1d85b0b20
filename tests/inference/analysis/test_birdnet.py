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
from earmark.encoders.birdnet import BirdNet
from earmark.inference.analysis import Hearing, Listener, Place
from earmark.inference.hearers import ModelChoice
from tests.encoders.conftest import SmallBirdNet
from tests.encoders.test_birdnet import NAMES, WINDOW, use
from tests.encoders.test_tflite_numpy import places_network
from tests.inference.analysis.conftest import detections_of, parts_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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


@pytest.mark.parametrize("at_once", [1, 4, 8, 12])
def test_what_is_put_together_changes_nothing(
    sound: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, at_once: int
) -> None:
    """Silence, blocks and the end fall inside of what is put together."""
    samples = 0.1 * rng.standard_normal(100 * 48_000)
    samples[20 * 48_000 : 46 * 48_000] = 0
    soundfile.write(sound, samples, 48_000)
    monkeypatch.setattr(BirdNet, "heard_at_once", 1)
    apart = detections_of(parts_of(Listener(replace(HEARING, block_s=30.0)), sound))
    monkeypatch.setattr(BirdNet, "heard_at_once", at_once)
    sizes = []
    heard = BirdNet.heard

    def count(encoder: BirdNet, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        sizes.append(len(prepared))
        return heard(encoder, prepared)

    monkeypatch.setattr(BirdNet, "heard", count)
    listener = Listener(replace(HEARING, block_s=30.0))
    together = parts_of(listener, sound)
    assert [each[:2] for each in detections_of(together)] == [each[:2] for each in apart]
    np.testing.assert_allclose([each[2] for each in detections_of(together)], [each[2] for each in apart], atol=2e-6)
    assert max(sizes) == max(4, at_once)
    assert listener.plan.block_windows % max(4, at_once) == 0
    assert parts_of(listener, sound, first=1) == together[1:]
