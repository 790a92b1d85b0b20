"""PANNs are encoders like any other, from checkpoints as their makers wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from earmark.core.errors import ConfigError, WeightsError
from earmark.encoders import converted, panns
from earmark.encoders.random_weights import panns_weights
from earmark.features.testing import FrontendContract
from earmark.models.recipes import FRONTENDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.encoders.audio_tags import AudioTagEncoder
    from earmark.features.base import Frontend

NARROWER = 16
ENCODERS: dict[str, Callable[..., AudioTagEncoder]] = {
    "panns_cnn14": panns.cnn14,
    "panns_cnn10": panns.cnn10,
    "panns_cnn6": panns.cnn6,
    "panns_mobilenetv1": panns.mobilenetv1,
}
SHORT = {"window_s": 0.5, "hop_s": 0.25}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return checkpoints as PANNs are published: the format before PyTorch 1.6, the network under `model`."""
    folder = tmp_path_factory.mktemp("panns")
    paths = {}
    for name in ENCODERS:
        tensors = panns_weights(np.random.default_rng(2), name.removeprefix("panns_"), narrower=NARROWER)
        state = {key: torch.from_numpy(values) for key, values in tensors.items()}
        state["spectrogram_extractor.stft.conv_real.weight"] = torch.zeros(513, 1, 1024)
        sampler = {"indexes": np.arange(4), "pointer": np.int64(2)}
        paths[name] = folder / f"{name}.pth"
        checkpoint = {"iteration": 1, "model": state, "sampler": sampler}
        torch.save(checkpoint, paths[name], _use_new_zipfile_serialization=False)
    return paths


@pytest.fixture
def narrow_networks(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converted, "weights_path", checkpoints.__getitem__)
    for name, dim in panns.DIMS.items():
        monkeypatch.setitem(panns.DIMS, name, dim // NARROWER)


@pytest.mark.usefixtures("narrow_networks")
class TestCnn14(FrontendContract):
    tolerance = 1e-4  # ONNX Runtime adds up in another order for another batch

    def frontend(self) -> Frontend:
        return panns.cnn14(**SHORT)


@pytest.mark.usefixtures("narrow_networks")
class TestCnn10Scores(FrontendContract):
    tolerance = 1e-4

    def frontend(self) -> Frontend:
        return panns.cnn10(**SHORT, output="scores")


@pytest.mark.usefixtures("narrow_networks")
class TestCnn6(FrontendContract):
    tolerance = 1e-4

    def frontend(self) -> Frontend:
        return panns.cnn6(**SHORT)


@pytest.mark.usefixtures("narrow_networks")
class TestMobileNetV1(FrontendContract):
    tolerance = 1e-4

    def frontend(self) -> Frontend:
        return panns.mobilenetv1(**SHORT)


@pytest.mark.usefixtures("narrow_networks")
@pytest.mark.parametrize("name", ENCODERS)
def test_the_name_is_that_in_the_table_of_frontends(name: str) -> None:
    spec = ENCODERS[name]().spec
    assert (spec.name, spec.rate_hz, spec.window_s, spec.shape) == (name, 32000, 10.0, (panns.DIMS[name],))
    target = FRONTENDS[name]
    assert isinstance(target, str)
    assert target.partition(":")[2] == ENCODERS[name].__name__


def test_dimensions_are_the_published_ones() -> None:
    assert list(panns.DIMS.values()) == [2048, 512, 512, 1024]


@pytest.mark.usefixtures("narrow_networks")
def test_another_network_s_checkpoint_is_refused(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converted, "weights_path", lambda _: checkpoints["panns_mobilenetv1"])
    with pytest.raises(WeightsError, match="layer fc_audioset takes 64 numbers, expected 32"):
        panns.cnn6()


@pytest.mark.usefixtures("narrow_networks")
@pytest.mark.parametrize("name", ENCODERS)
def test_an_option_that_makes_no_sense_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f'frontend "{name}": key "layers" is not known'):
        ENCODERS[name](layers="many")
