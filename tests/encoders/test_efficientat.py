"""mn04 and mn10 are encoders like any other, and the real mn04 hears what its makers' code hears."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from earmark.core.errors import AudioError, ConfigError, WeightsError
from earmark.encoders import audio_tags, converted
from earmark.encoders.base import Encoder
from earmark.encoders.efficientat import mn04, mn10
from earmark.encoders.random_weights import efficientat_weights
from earmark.features.testing import FrontendContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from earmark.encoders.audio_tags import AudioTagEncoder
    from earmark.features.base import Frontend

NAMES = tuple(f"Sound {index}" for index in range(527))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a checkpoint and a list of names of the official shapes."""
    folder = tmp_path_factory.mktemp("weights")
    tensors = efficientat_weights(np.random.default_rng(1), width=0.4)
    torch.save({name: torch.from_numpy(values) for name, values in tensors.items()}, folder / "mn04.pt")
    rows = "".join(f"{index},/m/{index},{name}\n" for index, name in enumerate(NAMES))
    (folder / "labels.csv").write_text("index,mid,display_name\n" + rows, encoding="utf-8")
    return {"mn04": folder / "mn04.pt", "mn10": folder / "mn04.pt", "audioset_labels": folder / "labels.csv"}


@pytest.fixture
def random_weights(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(converted, "weights_path", checkpoints.__getitem__)
    monkeypatch.setattr(audio_tags, "weights_path", checkpoints.__getitem__)
    audio_tags.audio_tag_names.cache_clear()
    yield
    audio_tags.audio_tag_names.cache_clear()


@pytest.mark.usefixtures("random_weights")
class TestMn04(FrontendContract):
    tolerance = 1e-4  # ONNX Runtime adds up in another order for another batch

    def frontend(self) -> Frontend:
        return mn04(window_s=1.0, hop_s=0.5)


@pytest.mark.usefixtures("random_weights")
class TestMn04ManyLayers(FrontendContract):
    tolerance = 1e-4

    def frontend(self) -> Frontend:
        return mn04(window_s=0.5, hop_s=0.5, layers="many")


@pytest.mark.usefixtures("random_weights")
class TestMn04Scores(FrontendContract):
    tolerance = 1e-4

    def frontend(self) -> Frontend:
        return mn04(window_s=0.5, hop_s=0.25, output="scores")


@pytest.mark.usefixtures("random_weights")
def test_a_window_is_10_s_at_32_khz_unless_told_otherwise() -> None:
    spec = mn04().spec
    assert (spec.name, spec.rate_hz, spec.window_samples, spec.hop_samples) == ("mn04", 32000, 320000, 160000)
    assert (spec.shape, mn04(layers="many").spec.shape, mn04(output="scores").spec.shape) == ((384,), (1696,), (527,))
    assert spec.fingerprint != mn04(layers="many").spec.fingerprint


@pytest.mark.usefixtures("random_weights")
def test_both_outputs_come_in_one_pass(rng: np.random.Generator) -> None:
    windows = (0.1 * rng.standard_normal((3, 16000))).astype(np.float32)
    options = {"window_s": 0.5, "hop_s": 0.5}
    embedding, scores = mn04(**options).both(windows)
    np.testing.assert_allclose(embedding, mn04(**options)(windows), atol=1e-5)
    np.testing.assert_allclose(scores, mn04(**options, output="scores")(windows), atol=1e-5)
    assert ((scores >= 0) & (scores <= 1)).all()
    nothing = mn04(**options).both(windows[:0])
    assert [part.shape for part in nothing] == [(0, 384), (0, 527)]
    with pytest.raises(AudioError, match='frontend "mn04": found windows of shape'):
        mn04(**options).both(windows[:0, :-1])


@pytest.mark.usefixtures("random_weights")
def test_classes_are_those_of_audioset() -> None:
    encoder = mn04(output="scores")
    assert isinstance(encoder, Encoder)
    assert encoder.class_names == NAMES


@pytest.mark.usefixtures("random_weights")
def test_without_the_list_of_names_embeddings_still_work(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Path:
        raise WeightsError(f'weights "{name}" were found nowhere')

    monkeypatch.setattr(audio_tags, "weights_path", missing)
    encoder = mn04(window_s=0.5, hop_s=0.5)
    assert encoder(np.zeros((1, 16000), np.float32)).shape == (1, 384)
    with pytest.raises(WeightsError, match='"audioset_labels" were found nowhere'):
        _ = encoder.class_names


@pytest.mark.usefixtures("random_weights")
def test_a_checkpoint_of_another_width_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"mn04\.pt: layer classifier\.2 takes 384 numbers, expected 960"):
        mn10()


@pytest.mark.usefixtures("random_weights")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_s": 0.4}, 'key "window_s": found 0.4'),
        ({"window_s": 61}, 'key "window_s": found 61'),
        ({"hop_s": 11}, r"hop_s is 11.0, expected 0.01 to window_s \(10.0\)"),
        ({"hop_s": 0.001}, "hop_s is 0.001, expected 0.01"),
        ({"output": "logits"}, "key \"output\": found 'logits'"),
        ({"layers": "all"}, "key \"layers\": found 'all'"),
        ({"layer": "many"}, 'key "layer" is not known; did you mean "layers"'),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f'frontend "mn04": {message}'):
        mn04(**options)


def weights_folder() -> Path:
    """Return the folder with the real checkpoint, or skip with the reason."""
    folder = Path(os.environ.get("EARMARK_WEIGHTS_DIR") or "none")
    if not (folder / "mn04_as_mAP_432.pt").is_file():
        pytest.skip(f"no mn04_as_mAP_432.pt in EARMARK_WEIGHTS_DIR ({folder})")
    return folder


@pytest.fixture
def tags_of(esc50_dir: Path) -> Callable[[str], tuple[AudioTagEncoder, NDArray[np.float32]]]:
    """Return a function from the name of a recording to an encoder for its length and its samples, (1, n_samples)."""
    from earmark.audio import read_audio

    weights_folder()

    def prepared(name: str) -> tuple[AudioTagEncoder, NDArray[np.float32]]:
        if name.startswith("sine"):
            samples = (0.5 * np.sin(2 * np.pi * 440 * np.arange(320000) / 32000)).astype(np.float32)[np.newaxis]
        else:
            samples = read_audio(esc50_dir.parent / name, rate_hz=32000, mono=True).samples
        # The prototype that wrote the expected numbers has one sample more after its pre-emphasis, a zero.
        longer = np.append(samples, np.float32(0.97) * samples[:, -1:], axis=1)
        duration_s = longer.shape[1] / 32000
        return mn04(window_s=duration_s, hop_s=duration_s), longer

    return prepared


@pytest.mark.real
def test_real_embeddings_and_tags_are_those_of_the_makers_network(
    tags_of: Callable[[str], tuple[AudioTagEncoder, NDArray[np.float32]]],
) -> None:
    expected = json.loads((weights_folder() / "mn04_expected.json").read_text(encoding="utf-8"))
    assert len(expected) == 6
    for name, values in expected.items():
        encoder, windows = tags_of(name)
        embedding, scores = encoder.both(windows)
        best = np.argsort(-scores[0])[:5]
        assert [encoder.class_names[index] for index in best] == [tag for tag, _ in values["top5"]], name
        np.testing.assert_allclose(scores[0, best], [score for _, score in values["top5"]], atol=2e-4)
        np.testing.assert_allclose(embedding[0, :8], values["embedding_first_8"], atol=2e-4)
        assert np.linalg.norm(embedding) == pytest.approx(values["embedding_l2"], abs=1e-3)


def window_of(paths: list[Path]) -> NDArray[np.float32]:
    """Return recordings one behind the other, cut off or filled up to 10 s, float32 (n_samples,)."""
    from earmark.audio import read_audio

    sounds = [read_audio(path, rate_hz=32000, mono=True).samples[0] for path in paths]
    window = np.zeros(320000, np.float32)
    joined = np.concatenate(sounds)[: window.size]
    window[: joined.size] = joined
    return window


def paths_of(corpus: Path, label: str, n_clips: int) -> list[Path]:
    with (corpus / "clips.csv").open(encoding="utf-8", newline="") as file:
        return [corpus / row["path"] for row in csv.DictReader(file) if row["label"] == label][:n_clips]


def share_of_first_tags(windows: list[NDArray[np.float32]], tags: set[str]) -> float:
    """Return in how many of the windows the first tag is among these."""
    weights_folder()
    encoder = mn04(output="scores")
    best = encoder(np.stack(windows)).argmax(axis=1)
    return sum(encoder.class_names[index] in tags for index in best) / len(windows)


@pytest.mark.real
def test_real_digits_are_speech(fsdd_dir: Path) -> None:
    speakers = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    takes = [[fsdd_dir / "recordings" / f"{digit}_{name}_0.wav" for digit in range(10)] for name in speakers]
    assert share_of_first_tags([window_of(paths) for paths in takes], {"Speech"}) == 1


@pytest.mark.real
def test_real_loops_are_music(oneshots_dir: Path) -> None:
    windows = [window_of([path] * 8) for path in paths_of(oneshots_dir, "loop", 12)]
    assert share_of_first_tags(windows, {"Music", "Drum", "Drum kit", "Drum machine"}) == 1


@pytest.mark.real
def test_real_typing_is_typing(esc50_dir: Path) -> None:
    windows = [window_of([path]) for path in paths_of(esc50_dir, "keyboard_typing", 8)]
    assert share_of_first_tags(windows, {"Typing", "Computer keyboard"}) == 1
