"""BirdNET as a frontend, on a small network of its structure and, where its weights are, on real recordings."""

from __future__ import annotations

import csv
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import AudioError, ConfigError, EarmarkError, WeightsError
from earmark.core.settings import settings
from earmark.encoders import birdnet as module
from earmark.encoders import converted
from earmark.encoders.base import Encoder
from earmark.encoders.birdnet import BATCH, BirdNet, birdnet, birdnet_graph, birdnet_pair
from earmark.encoders.birdnet_fold import BRANCHES, EMBEDDING, IMAGE, folded_image
from earmark.encoders.onnx_parts import OnnxParts
from earmark.encoders.session import OnnxGraph
from earmark.encoders.tflite_read import TfliteGraph, read_tflite, with_outputs
from earmark.encoders.tflite_write import TfliteWriter
from earmark.encoders.weights import weights_path
from earmark.features.testing import FrontendContract

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.features.base import Frontend

WINDOW = 144000
NAMES = ["Canis latrans_Coyote", "Lithobates catesbeianus_American Bullfrog", "Engine_Engine"]
LITERT = find_spec("ai_edge_litert") is not None


def use(monkeypatch: pytest.MonkeyPatch, network: Path, labels: Path) -> None:
    def path_of(name: str) -> Path:
        return {"birdnet": network, "birdnet_labels": labels}[name]

    monkeypatch.setattr(module, "weights_path", path_of)
    monkeypatch.setattr(converted, "weights_path", path_of)


@pytest.fixture(scope="session")
def small_files(tmp_path_factory: pytest.TempPathFactory, small_birdnet: Any) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("birdnet")
    small = small_birdnet(n_samples=WINDOW, n_classes=len(NAMES), hops=(2000, 2000))
    (folder / "net.tflite").write_bytes(small.content())
    (folder / "labels.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return folder / "net.tflite", folder / "labels.txt"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, small_files: tuple[Path, Path]) -> None:
    use(monkeypatch, *small_files)


@pytest.mark.usefixtures("small")
class TestBirdNet(FrontendContract):
    tolerance = 1e-4  # ONNX Runtime adds up in another order for another batch

    def frontend(self) -> Frontend:
        return birdnet(hop_s=1.5)


@pytest.mark.usefixtures("small")
class TestScoresOfBirdNet(FrontendContract):
    tolerance = 1e-4

    def frontend(self) -> Frontend:
        return birdnet(output="scores", sensitivity=1.25)


@pytest.mark.usefixtures("small")
def test_knows_its_classes_by_both_names() -> None:
    encoder = birdnet()
    assert isinstance(encoder, Encoder)
    assert encoder.class_names == ("Coyote", "American Bullfrog", "Engine")
    assert encoder.scientific_names == ("Canis latrans", "Lithobates catesbeianus", "Engine")
    assert (encoder.spec.rate_hz, encoder.spec.window_samples, encoder.spec.hop_s) == (48000, WINDOW, 3.0)
    assert (encoder.spec.shape, birdnet(output="scores").spec.shape) == ((2,), (3,))


@pytest.mark.usefixtures("small")
def test_both_outputs_come_in_one_pass(rng: np.random.Generator) -> None:
    windows = rng.standard_normal((BATCH + 1, WINDOW)).astype(np.float32)
    embedding, scores = birdnet().both(windows)
    np.testing.assert_array_equal(embedding, birdnet()(windows))
    np.testing.assert_array_equal(scores, birdnet(output="scores")(windows))
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-birdnet().logits(windows))), rtol=1e-6)
    assert [part.shape for part in birdnet().both(windows[:0])] == [(0, 2), (0, 3)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("sensitivity", "shift"), [(0.5, -5.0), (1.0, 0.0), (1.25, 2.5), (1.5, 5.0)])
def test_sensitivity_shifts_the_sigmoid_as_birdnet_does(
    rng: np.random.Generator, sensitivity: float, shift: float
) -> None:
    windows = rng.standard_normal((2, WINDOW)).astype(np.float32)
    encoder = birdnet(output="scores", sensitivity=sensitivity)
    np.testing.assert_allclose(
        encoder(windows), 1 / (1 + np.exp(-(encoder.logits(windows) + np.float32(shift)))), rtol=1e-6
    )


@pytest.mark.usefixtures("small")
def test_the_graph_is_made_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = birdnet_pair()

    def never(*_: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(module, "folded_birdnet_pair", never)
    assert pair is not None
    assert birdnet_pair() == pair


@pytest.mark.usefixtures("small")
def test_what_runs_equals_the_graph_in_one_piece(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    windows = rng.standard_normal((BATCH + 1, WINDOW)).astype(np.float32)
    streamed = birdnet()
    embedding, logits = OnnxGraph(birdnet_graph()).run(windows, "embedding", "logits")
    np.testing.assert_allclose(streamed(windows), embedding, atol=1e-6)
    np.testing.assert_allclose(streamed.logits(windows), logits, atol=1e-5)
    (tmp_path / "blocked").touch()  # where the cache cannot be written, the whole graph is held in memory
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "blocked"))
    settings.cache_clear()
    whole = birdnet()
    assert (streamed.prepares, whole.prepares) == (True, False)
    np.testing.assert_array_equal(whole.logits(windows), logits[: len(windows)])
    assert birdnet_pair() is None


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("output", ["embedding", "scores"])
def test_its_two_stages_give_what_it_gives(
    rng: np.random.Generator, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = rng.standard_normal((5, WINDOW)).astype(np.float32)
    encoder = birdnet(output=output)
    assert encoder.prepared(windows).shape == (5, 2)
    np.testing.assert_allclose(encoder.heard(encoder.prepared(windows)), encoder(windows), rtol=1e-5)
    with pytest.raises(AudioError, match="144000"):
        encoder.prepared(windows[:, :-1])
    monkeypatch.setattr(module, "birdnet_pair", lambda: None)
    whole = birdnet(output=output)
    np.testing.assert_array_equal(whole.heard(whole.prepared(windows)), whole(windows))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop_s": 3.5}, 'key "hop_s": found 3.5'),
        ({"hop_s": 0.0}, 'key "hop_s": found 0'),
        ({"sensitivity": 2.0}, 'key "sensitivity": found 2.0'),
        ({"runtime": "torch"}, "key \"runtime\": found 'torch'"),
        ({"output": "logits"}, "key \"output\": found 'logits'"),
        ({"hop": 1.0}, 'key "hop" is not known; did you mean "hop_s"'),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f'frontend "birdnet": {message}'):
        birdnet(**options)


def test_names_that_are_none_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_files: tuple[Path, Path]
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("Canis latrans_Coyote\nno underscore\n", encoding="utf-8")
    use(monkeypatch, small_files[0], labels)
    with pytest.raises(
        WeightsError, match=r'labels\.txt:2: found "no underscore", expected "Genus species_Common name"'
    ):
        birdnet()


def test_litert_runs_the_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_files: tuple[Path, Path], rng: np.random.Generator
) -> None:
    if not LITERT:
        pytest.skip("ai_edge_litert is not installed: pip install earmark[litert]")
    writer = TfliteWriter()
    source = writer.tensor("INPUT", (1, WINDOW))
    matrix = rng.standard_normal((2, WINDOW)).astype(np.float32) / 1000
    hidden = writer.operator("FULLY_CONNECTED", [source, writer.constant("m", matrix)], EMBEDDING, (1, 2))
    head = rng.standard_normal((3, 2)).astype(np.float32)
    last = writer.operator("FULLY_CONNECTED", [hidden, writer.constant("h", head)], "logits", (1, 3))
    (tmp_path / "net.tflite").write_bytes(writer.content([source], [last]))
    use(monkeypatch, tmp_path / "net.tflite", small_files[1])
    windows = rng.standard_normal((3, WINDOW)).astype(np.float32)
    embedding, scores = birdnet(runtime="litert").both(windows)
    np.testing.assert_allclose(embedding, windows @ matrix.T, atol=1e-4)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-windows @ matrix.T @ head.T)), atol=1e-4)
    assert birdnet(runtime="litert", output="scores")(windows[:0]).shape == (0, 3)


# What follows needs BirdNET's own weights, fetched into the user's cache, and the recordings.


@pytest.fixture(scope="session")
def real_files() -> tuple[Path, Path]:
    """Return BirdNET's file and labels from the user's cache, fetched if need be, or skip with the reason."""
    if not os.environ.get("EARMARK_DATA_DIR"):
        pytest.skip("EARMARK_DATA_DIR is not set")
    settings.cache_clear()  # of the settings of the test before: the user's own count here
    try:
        return weights_path("birdnet"), weights_path("birdnet_labels")
    except EarmarkError as error:
        pytest.skip(f"BirdNET's weights cannot be had ({error})")
    finally:
        settings.cache_clear()


def windows_of(path: Path) -> NDArray[np.float32]:
    from earmark.audio import read_audio
    from earmark.audio.window import cut_windows

    return cut_windows(read_audio(path, rate_hz=48000, mono=True).mono(), WINDOW, WINDOW)


def best_scores(encoder: BirdNet, path: Path) -> dict[str, float]:
    return dict(zip(encoder.class_names, encoder(windows_of(path)).max(axis=0).tolist(), strict=True))


@pytest.mark.real
def test_birdnet_hears_the_bullfrog_and_the_coyote(
    real_files: tuple[Path, Path], wildlife_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, *real_files)
    encoder = birdnet(output="scores")
    with (wildlife_dir / "clips.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "coyote" or "USGS" in row["source"]]
    paths = {row["label"]: wildlife_dir / row["path"] for row in rows}
    usgs, yellowstone = best_scores(encoder, paths["bullfrog"]), best_scores(encoder, paths["coyote"])
    assert max(usgs, key=usgs.__getitem__) == "American Bullfrog"
    assert usgs["American Bullfrog"] > 0.95
    assert yellowstone["Coyote"] > 0.95
    assert max(usgs["Coyote"], yellowstone["American Bullfrog"]) < 0.1
    assert len(usgs) == len(encoder.class_names) == 6522
    assert birdnet().spec.shape == (1024,)


@pytest.mark.real
def test_real_recordings_give_the_detections_of_litert(
    real_files: tuple[Path, Path], wildlife_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they differ by more than 3e-4, LiteRT is the one that differs from float64: docs/birdnet.md."""
    pytest.importorskip("ai_edge_litert.interpreter", reason="pip install earmark[litert]")
    use(monkeypatch, *real_files)
    windows = np.concatenate([windows_of(path)[:3] for path in sorted((wildlife_dir / "audio").iterdir())[::13]])
    ours, theirs = birdnet(), birdnet(runtime="litert")
    logits, expected = ours.logits(windows), theirs.logits(windows)
    differences = np.abs(logits - expected).max(axis=1)
    assert np.median(differences) < 1e-4
    assert differences.max() < 5e-3
    np.testing.assert_allclose(ours(windows), theirs(windows), atol=2e-3)
    scores, wanted = (1 / (1 + np.exp(-values)) for values in (logits, expected))
    assert np.abs(scores - wanted).max() < 2e-4
    for threshold in (0.1, 0.25, 0.5):
        np.testing.assert_array_equal(scores >= threshold, wanted >= threshold)
    assert (wanted >= 0.25).sum() >= 10


def true_image(graph: TfliteGraph, window: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the image of a window with transform and filters in float64, (2, n_mels, n_frames)."""
    positive = window - window.min()
    sound = (positive / (positive.max() + np.float32(1e-6)) - np.float32(0.5)) * np.float32(2)
    image = []
    for branch in BRANCHES:
        taper, mel = (graph.constant(f"{branch}/{name}") for name in ("stft/hann_window/sub_2", "Tensordot/MatMul"))
        hop_samples, exponent = (graph.constant(f"{branch}/{name}") for name in ("stft/frame_step", "truediv_1"))
        frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), taper.size)[:: int(hop_samples)]
        bands = np.fft.rfft(frames * taper).real @ mel.T.astype(np.float64)
        image.append((bands**2).T[::-1] ** float(exponent))
    return np.array(image)


@pytest.mark.real
def test_the_front_end_is_nearer_to_float64_than_that_of_litert(
    real_files: tuple[Path, Path], wildlife_dir: Path
) -> None:
    """The last window of a recording is filled up with zeros, which LiteRT's transform turns into rounding noise."""
    interpreters = pytest.importorskip("ai_edge_litert.interpreter", reason="pip install earmark[litert]")
    graph = read_tflite(real_files[0])
    parts = OnnxParts()
    image, size = folded_image(graph, parts)
    parts.add("Identity", image, output="image")
    ours = OnnxGraph(parts.model("image", ("windows", ("n", WINDOW)), {"image": ("n", 2, *size)}))
    content = with_outputs(real_files[0].read_bytes(), (graph.tensor(IMAGE).index,))
    theirs = interpreters.Interpreter(model_content=content, num_threads=1)
    theirs.allocate_tensors()
    errors = []
    for window in windows_of(wildlife_dir / "audio" / "american-bullfrog-1.ogg")[[0, 5, -1]]:
        theirs.set_tensor(theirs.get_input_details()[0]["index"], window[np.newaxis])
        theirs.invoke()
        found = theirs.get_tensor(theirs.get_output_details()[0]["index"])[0].transpose(2, 0, 1)
        expected = true_image(graph, window)
        assert found.shape == expected.shape == (2, 96, 511)
        images = ours(window[np.newaxis])[0], found
        errors.append([float(np.sqrt(np.square(each - expected).mean())) for each in images])
    assert max(own for own, _ in errors) < 4e-6
    assert errors[-1][0] < errors[-1][1] / 10
