"""Sound to damage: short, synthetic, with something at every frequency and between the channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.files import write_bytes, write_json
from earmark.core.identity import file_sha256
from earmark.distortion.effects import apply_effect
from earmark.distortion.frontend import MeasuresFrontend
from earmark.distortion.heard import Heard, listen
from earmark.distortion.measures import LINE_NAMES, NAMES, Evidence
from earmark.distortion.measures.texture import TEXTURE_NAMES
from earmark.distortion.seconds import second_features
from earmark.distortion.severity import KINDS, Kind
from earmark.encoders.session import OnnxGraph
from earmark.models.bundle_spec import BundleSpec, CalibrationPart, FilePart, FrontendPart, ParityPart, ThresholdPart
from earmark.models.calibrate import Calibration

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Make = Callable[..., Waveform]


def make_music(n_channels: int = 2, rate_hz: int = 22_050, duration_s: float = 1.0, seed: int = 5) -> Waveform:
    """Return decaying chords over soft noise, peak 0.8; the channels share most of it."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(max(1, round(duration_s * rate_hz))) / rate_hz
    samples = np.zeros((n_channels, len(times_s)))
    for beat in np.arange(0, duration_s, 0.25):
        since_s = np.where(times_s >= beat, times_s - beat, np.inf)
        for note_hz in rng.choice([55, 82, 110, 220, 330, 440, 660, 880, 1320, 2200, 3300], 5, replace=False):
            voice = np.exp(-6 * since_s) * np.sin(2 * np.pi * note_hz * np.where(np.isfinite(since_s), since_s, 0))
            samples += rng.uniform(0.4, 1.0, (n_channels, 1)) * voice
    samples += 0.05 * (rng.standard_normal(len(times_s)) + 0.3 * rng.standard_normal(samples.shape))
    return Waveform((0.8 * samples / np.abs(samples).max()).astype(np.float32), rate_hz)


@pytest.fixture(scope="session")
def make() -> Make:
    return make_music


@pytest.fixture(scope="session")
def music() -> Waveform:
    return make_music()


@pytest.fixture(scope="session")
def mono() -> Waveform:
    return make_music(n_channels=1)


# A bundle of the shape of the shipped one, fitted in seconds on made-up music: answers about such music are real.
TAUGHT = {
    "clipping": ("hard-clip", (0.35, 0.7)),
    "compression": ("vorbis", (0.35, 0.7)),
    "noise": ("white", (0.4, 0.8)),
    "frequency": ("telephone", (0.6, 0.9)),
    "phase": ("inversion", (0.6, 0.95)),
}
N_SONGS = 8


@dataclass(frozen=True, eq=False)
class Lessons:
    """Sound with what is wrong with it: rows of blocks and of seconds with presence and severity, (n, 5)."""

    blocks: list[NDArray[np.float32]]
    severities: list[NDArray[np.float32]]
    heard: list[Heard]
    damaged: list[NDArray[np.bool_]]

    def take(self, sound: Waveform, severities: dict[Kind, float], damaged: NDArray[np.bool_] | None = None) -> None:
        heard = listen([sound])
        row = np.array([[severities.get(kind, 0.0) for kind in KINDS]], dtype=np.float32)
        self.blocks.append(heard.rows())
        self.severities.append(row)
        self.heard.append(heard)
        where = np.ones(len(heard.times_s), dtype=np.bool_) if damaged is None else damaged
        self.damaged.append((row > 0) & where[:, np.newaxis])


def _lessons() -> Lessons:
    lessons = Lessons([], [], [], [])
    rng = np.random.default_rng(4)
    for song in range(N_SONGS):
        clean = make_music(2, 44_100, 2.0, seed=100 + song)
        lessons.take(clean, {})
        lessons.take(Waveform(clean.samples * np.float32(0.2), 44_100), {})
        if song % 3 == 0:
            lessons.take(apply_effect(clean, "lost-channel", rng).waveform, {"phase": 1.0})
        for kind, (effect, (low, high)) in TAUGHT.items():
            damaged = apply_effect(clean, effect, rng, severity=float(rng.uniform(low, high)))
            lessons.take(damaged.waveform, {cast("Kind", kind): damaged.severity})
            if song % 2 == 0:
                halves = np.concatenate([clean.samples, damaged.waveform.samples], axis=1)
                later = np.arange(4) >= 2
                lessons.take(Waveform(halves, 44_100), {cast("Kind", kind): damaged.severity}, later)
    return lessons


def _fit(rows: NDArray[np.float32], targets: NDArray[np.float32], strength: float) -> tuple[_Line, _Line]:
    """Return a line for the log odds of each type, and one for its severity."""
    from sklearn.linear_model import LogisticRegression, Ridge

    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    factor = np.where(spread > 1e-3, 1 / np.maximum(spread, 1e-3), 0)
    standard = np.clip((rows - centre) * factor, -4, 4)
    odds = [LogisticRegression(C=strength, max_iter=2000).fit(standard, column > 0) for column in targets.T]
    severity = Ridge(alpha=10.0).fit(standard, targets)
    return (
        _Line(
            centre,
            factor,
            np.concatenate([fit.coef_ for fit in odds]),
            np.concatenate([fit.intercept_ for fit in odds]),
        ),
        _Line(centre, factor, severity.coef_, severity.intercept_),
    )


@dataclass(frozen=True, eq=False)
class _Line:
    centre: NDArray[np.float32]
    factor: NDArray[np.float32]
    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]


def _graph(outputs: dict[str, tuple[_Line, str]]) -> bytes:
    """Return a graph of lines over standardised features, each followed by an operator ("" for none)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []
    n_features = 0
    for name, (line, operator) in outputs.items():
        n_features = len(line.centre)
        values: dict[str, NDArray[np.floating[Any]]] = {
            "centre": line.centre,
            "factor": line.factor,
            "weights": line.weights.T,
            "offsets": line.offsets,
        }
        values |= {"least": np.array(-4.0), "most": np.array(4.0), "none": np.array(0.0), "all": np.array(1.0)}
        constants += [
            numpy_helper.from_array(value.astype(np.float32), f"{name}_{key}") for key, value in values.items()
        ]
        key = {key: f"{name}_{key}" for key in values}
        nodes.append(helper.make_node("Sub", ["features", key["centre"]], [f"{name}_1"]))
        nodes.append(helper.make_node("Mul", [f"{name}_1", key["factor"]], [f"{name}_2"]))
        nodes.append(helper.make_node("Clip", [f"{name}_2", key["least"], key["most"]], [f"{name}_3"]))
        end = f"{name}_4" if operator else name
        nodes.append(helper.make_node("Gemm", [f"{name}_3", key["weights"], key["offsets"]], [end]))
        if operator:
            limits = [key["none"], key["all"]] if operator == "Clip" else []
            nodes.append(helper.make_node(operator, [end, *limits], [name]))
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", len(KINDS)]) for name in outputs]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", n_features])
    graph = helper.make_graph(nodes, "small", [features], shapes, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def make_small_bundle(folder: Path) -> Path:
    """Fit and write a bundle of the shape of the shipped one."""
    lessons = _lessons()
    blocks, severities = np.concatenate(lessons.blocks), np.concatenate(lessons.severities)
    # Of a few dozen clips a line learns more from the measures alone; texture gets no weight.
    read = np.tile(np.arange(blocks.shape[1] // 2) < len(NAMES), 2)
    odds, severity = _fit(np.where(read, blocks, 0), severities, 0.1)
    model = _graph({"scores": (odds, ""), "severity": (severity, "Clip")})
    probabilities = (1 / (1 + np.exp(-OnnxGraph(model)(blocks)))).astype(np.float32)
    rows = [
        second_features(heard.line, heard.line_known, probabilities[number])
        for number, heard in enumerate(lessons.heard)
    ]
    where, _ = _fit(np.concatenate(rows), np.concatenate(lessons.damaged).astype(np.float32), 1.0)
    write_bundle(folder, {"model.onnx": model, "seconds.onnx": _graph({"scores": (where, "Sigmoid")})})
    return folder


def write_bundle(folder: Path, files: dict[str, bytes], **changes: object) -> None:
    """Write a sealed bundle of distortion with these files; `changes` are fields of its spec."""
    for name, content in files.items():
        write_bytes(folder / name, content)
    frontend = MeasuresFrontend().spec
    spec = BundleSpec(
        name="distortion",
        summary="a small one for tests",
        created="2026-11-20T00:00:00Z",
        earmark_version="0",
        recipe="distortion",
        labels=KINDS,
        task="many",
        aggregate="mean",
        frontend=FrontendPart(
            name="measures",
            config={},
            fingerprint=frontend.fingerprint,
            rate_hz=frontend.rate_hz,
            window_s=frontend.window_s,
            hop_s=frontend.hop_s,
            min_source_rate_hz=4000,
        ),
        calibration=CalibrationPart.of(Calibration.identity("many", "margin", len(KINDS))),
        thresholds=ThresholdPart(rule="precision", goal=0.95, values=(0.5,) * len(KINDS)),
        metrics={},
        provenance={},
        licences=(),
        parity=ParityPart(max_difference=0.0, tolerance=1e-4, n_rows=1),
        files={name: FilePart(sha256=file_sha256(folder / name), size_bytes=len(files[name])) for name in files},
    )
    write_json(folder / "bundle.json", spec.model_copy(update=changes).sealed())


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as `AudioDistortionValidator.load_checkpoint` takes it, for music as `make` makes it."""
    return make_small_bundle(tmp_path_factory.mktemp("bundles") / "distortion")


Write = Callable[..., None]


@pytest.fixture(scope="session")
def write() -> Write:
    return write_bundle


Hear = Callable[..., Heard]


def hear_of(
    *blocks: dict[str, float],
    line: dict[str, list[float]] | None = None,
    moments: tuple[Evidence, ...] = (),
    n_channels: int = 2,
) -> Heard:
    """Return blocks of ten seconds at 44.1 kHz of which nothing but these measures is known."""
    values, known = np.zeros((len(blocks), len(NAMES)), dtype=np.float32), np.zeros((len(blocks), len(NAMES)), np.bool_)
    for number, block in enumerate(blocks):
        for name, value in block.items():
            values[number, NAMES.index(name)], known[number, NAMES.index(name)] = value, True
    n_seconds = 10 * len(blocks)
    lines, lines_known = (
        np.zeros((n_seconds, len(LINE_NAMES)), np.float32),
        np.zeros((n_seconds, len(LINE_NAMES)), bool),
    )
    for name, column in (line or {}).items():
        lines[:, LINE_NAMES.index(name)], lines_known[:, LINE_NAMES.index(name)] = column, True
    starts = np.arange(n_seconds, dtype=np.float64)
    return Heard(
        rate_hz=44_100,
        n_channels=n_channels,
        duration_s=float(n_seconds),
        silences=(None,) * len(blocks),
        silence=None,
        blocks_s=np.stack([starts[::10], starts[::10] + 10], axis=1),
        values=values,
        known=known,
        texture=np.full((len(blocks), len(TEXTURE_NAMES)), np.nan, dtype=np.float32),
        line=lines,
        line_known=lines_known,
        times_s=np.stack([starts, starts + 1], axis=1),
        block_of=np.repeat(np.arange(len(blocks)), 10),
        moments=moments,
    )


@pytest.fixture(scope="session")
def hear() -> Hear:
    return hear_of
