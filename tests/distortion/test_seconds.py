"""Where in a block a fault is: features and targets of seconds, what learns them, and its graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

from earmark.audio import Waveform
from earmark.core.errors import DataError, ModelError
from earmark.distortion.corpus.manifest import CorpusRow
from earmark.distortion.designs.base import Design
from earmark.distortion.frontend import measures
from earmark.distortion.material import CorpusMaterial
from earmark.distortion.measures import measure
from earmark.distortion.seconds import (
    MOST_SECONDS,
    N_LINE,
    LineFrontend,
    SecondsModel,
    fit_seconds,
    second_features,
    second_targets,
)
from earmark.distortion.severity import KINDS
from earmark.features.testing import NativeFrontendContract, noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.features.base import NativeFrontend
    from earmark.models.base import FitContext

NAN = float("nan")
EFFECTS_OF = ("hard-clip", "mp3", "white", "telephone", "inversion")


class TestLine(NativeFrontendContract):
    def frontend(self) -> NativeFrontend:
        return LineFrontend()


def row_of(*effects: str, span: tuple[float, float] | None = None, duration_s: float = 10.0) -> CorpusRow:
    nothing: dict[str, float | None] = dict.fromkeys(KINDS)
    return CorpusRow(
        id="clip",
        split="train",
        part="partial" if span else "single",
        source="made",
        track="song",
        kind="recorded",
        lossless=True,
        start_s=0.0,
        duration_s=duration_s,
        rate_hz=44_100,
        n_channels=2,
        variant="",
        span=span,
        effects=effects,
        presence=nothing,
        severity=nothing,
        steps=(),
    )


def presence_of(**present: float) -> NDArray[np.float32]:
    return np.array([present.get(kind, 0.0) for kind in KINDS], dtype=np.float32)


def test_a_line_is_what_the_measures_say_of_each_second() -> None:
    sound = noise(2, round(3.2 * 22_050), 22_050)
    (window,) = LineFrontend().measure([sound])
    found = measure(sound)
    assert window.features.shape == (MOST_SECONDS, 2 * N_LINE + 1)
    np.testing.assert_array_equal(window.features[:3, :N_LINE], found.line)
    np.testing.assert_array_equal(window.features[:3, N_LINE:-1] == 1, found.line_assessable)
    assert window.features[:, -1].tolist() == [1] * 3 + [0] * 8
    assert not window.features[3:].any()


def test_the_longest_block_has_eleven_seconds() -> None:
    windows = list(LineFrontend().measure([noise(1, round(20.9 * 8000), 8000)]))
    assert [int(window.features[:, -1].sum()) for window in windows] == [10, 11]
    assert windows[1].start_s == 10
    assert windows[1].end_s == pytest.approx(20.9)


def test_silence_cannot_be_assessed() -> None:
    (window,) = LineFrontend().measure([Waveform(np.zeros((2, 16_000), dtype=np.float32), 8000)])
    assert window.features[:2, -1].all()
    assert (window.features[:2, :-1] != 0).mean() < 0.5


def test_a_second_is_judged_by_itself_its_block_and_what_was_found_there() -> None:
    line = np.zeros((3, N_LINE), dtype=np.float32)
    line[:, 0], line[:, 1] = [1, 2, 9], [5, 5, 5]
    known = np.zeros((3, N_LINE), dtype=np.bool_)
    known[:2, 0] = True
    probabilities = np.array([0.1, 0.2, 0.3, 0.4, 0.5], dtype=np.float32)
    found = second_features(line, known, probabilities)
    assert found.shape == (3, 4 * N_LINE + 5)
    assert found.dtype == np.float32
    own, own_mask, block, block_mask, block_found = np.split(found, [N_LINE * part for part in (1, 2, 3, 4)], axis=1)
    assert own[:, 0].tolist() == [1, 2, 0]  # what cannot be told is 0
    assert not own[:, 1:].any()
    np.testing.assert_array_equal(own_mask == 1, known)
    assert block[:, 0].tolist() == [1.5] * 3  # mean of the two that can be told
    assert block_mask[:, 0].tolist() == [1] * 3
    assert not block[:, 1:].any()
    assert not block_mask[:, 1:].any()
    np.testing.assert_array_equal(block_found, np.tile(probabilities, (3, 1)))


def test_a_fault_throughout_is_in_every_second() -> None:
    presence = presence_of(noise=1, phase=NAN)
    found = second_targets(row_of("white"), presence, 10)
    np.testing.assert_array_equal(found, np.tile(presence, (10, 1)))


def test_a_fault_of_a_part_is_where_most_of_a_second_has_it() -> None:
    row = row_of("white", span=(2.5, 6.95))
    found = second_targets(row, presence_of(noise=1), 10)
    np.testing.assert_array_equal(found[:, 2], [0, 0, NAN, 1, 1, 1, 1, 0, 0, 0])
    assert not found[:, [0, 1, 3, 4]].any()
    edges = second_targets(replace(row, span=(2.19, 6.09)), presence_of(noise=1), 10)
    np.testing.assert_array_equal(edges[:, 2], [0, 0, 1, 1, 1, 1, 0, 0, 0, 0])
    unclear = second_targets(replace(row, span=(2.21, 6.11)), presence_of(noise=1), 10)
    np.testing.assert_array_equal(unclear[:, 2], [0, 0, NAN, 1, 1, 1, NAN, 0, 0, 0])


def test_the_last_second_ends_with_the_clip() -> None:
    row = row_of("white", span=(1.0, 4.3), duration_s=4.3)
    assert second_targets(row, presence_of(noise=1), 4)[:, 2].tolist() == [0, 1, 1, 1]
    half = replace(row, span=(1.0, 3.6))
    np.testing.assert_array_equal(second_targets(half, presence_of(noise=1), 4)[:, 2], [0, 1, 1, NAN])


def test_what_is_not_asked_of_the_clip_is_not_asked_of_its_seconds() -> None:
    found = second_targets(row_of("white", span=(2.0, 6.0)), presence_of(noise=NAN, phase=NAN), 10)
    assert np.isnan(found[:, [2, 4]]).all()


def test_the_codec_of_a_lossy_track_is_in_every_second_whatever_was_put_in() -> None:
    found = second_targets(row_of("white", span=(2.0, 6.0)), presence_of(noise=1, compression=1), 10)
    assert found[:, 1].tolist() == [1] * 10
    assert found[:, 2].tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]


def draw(n_seconds: int = 700, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features and targets of seconds: measure k tells kind k, some measures cannot be told."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n_seconds, 5)) < 0.4).astype(np.float32)
    line = rng.normal(0, 0.3, (n_seconds, N_LINE)).astype(np.float32)
    line[:, :5] += targets
    known = np.ones((n_seconds, N_LINE), dtype=np.bool_)
    known[:, 5:] = rng.random((n_seconds, N_LINE - 5)) < 0.7
    blocks = [
        second_features(line[first : first + 10], known[first : first + 10], rng.random(5, dtype=np.float32))
        for first in range(0, n_seconds, 10)
    ]
    targets[::9, 3] = NAN
    return np.concatenate(blocks), targets


def fit(n_trees: int = 8) -> SecondsModel:
    model = SecondsModel(n_trees=n_trees, n_leaves=6)
    model.fit(*draw(), np.random.default_rng(0))
    return model


@pytest.fixture(scope="module")
def fitted() -> SecondsModel:
    return fit()


def test_it_finds_the_seconds(fitted: SecondsModel) -> None:
    features, targets = draw(seed=1)
    found = fitted.probabilities(features)
    asked = np.isfinite(targets)
    assert found.dtype == np.float32
    assert found.shape == targets.shape
    assert 0 < found.min() <= found.max() < 1
    assert np.mean((found > 0.5)[asked] == (targets[asked] == 1)) > 0.9
    np.testing.assert_array_equal(fit(n_trees=1).probabilities(features), fit(n_trees=1).probabilities(features))


def test_its_graph_gives_the_same_numbers(fitted: SecondsModel) -> None:
    features, _ = draw(seed=2)
    hidden = features.copy()
    hidden[:, N_LINE : 2 * N_LINE] = 0
    hidden[::2, :N_LINE] = NAN  # what lies behind a mask of 0 may be anything
    hidden[::3, 3 * N_LINE : 4 * N_LINE] = 0
    at_thresholds = []
    for model in fitted._models:
        for stage in model._predictors:
            for node in stage[0].nodes[stage[0].nodes["is_leaf"] == 0]:
                row, place = features[0].copy(), int(node["feature_idx"])
                # told: 12 of its own, 12 of the block, 5 found; features: the same with masks between
                masked = place < 2 * N_LINE
                column = place + N_LINE * (place // N_LINE) if masked else place + 2 * N_LINE
                row[column] = node["num_threshold"]
                if masked:
                    row[column + N_LINE] = 1
                at_thresholds.append(row)
    assert len(at_thresholds) > 50
    session = onnxruntime.InferenceSession(fitted.to_onnx())
    assert [entry.name for entry in session.get_outputs()] == ["scores"]
    for rows in (features, hidden, np.array(at_thresholds)):
        (found,) = session.run(None, {"features": rows})
        np.testing.assert_allclose(found, fitted.probabilities(rows), atol=1e-4)


def test_what_no_second_has_cannot_be_learned() -> None:
    features, targets = draw(60)
    for value, said in ((0, "found 0 of 60 with noise"), (1, "found 60 of 60 with noise")):
        targets[:, 2] = value
        with pytest.raises(ModelError, match=said):
            SecondsModel(n_trees=1).fit(features, targets, np.random.default_rng(0))


def test_before_a_fit_there_is_no_answer() -> None:
    with pytest.raises(ModelError, match="seconds: was not fitted"):
        SecondsModel().probabilities(draw(10)[0])
    with pytest.raises(ModelError, match="seconds: was not fitted"):
        SecondsModel().to_onnx()


class Simple:
    """A design that takes its first five features for margins, and keeps of which pieces it learned."""

    name = "simple"
    learnt: list[set[str]]

    def __init__(self, learnt: list[set[str]]) -> None:
        self.learnt = learnt

    @property
    def frontend(self) -> NativeFrontend:
        return measures()

    def fit(
        self,
        features: NDArray[np.float32],
        presence: NDArray[np.float32],
        severity: NDArray[np.float32],
        groups: NDArray[np.str_],
        rng: np.random.Generator,
        context: FitContext,
    ) -> None:
        self.learnt.append(set(groups.tolist()))

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return features[:, :5], np.zeros((len(features), 5), dtype=np.float32)

    def to_onnx(self) -> bytes:
        raise NotImplementedError


def materials(n_clips: int = 600) -> tuple[CorpusMaterial, CorpusMaterial]:
    """Return clips of four seconds with their margins and with their time lines; half of the faults come later."""
    rng = np.random.default_rng(5)
    presence = (rng.random((n_clips, 5)) < 0.45).astype(np.float32)
    margins = (2 * presence - 1 + rng.normal(0, 0.7, presence.shape)).astype(np.float32)
    rows, lines = [], np.zeros((n_clips, MOST_SECONDS, 2 * N_LINE + 1), dtype=np.float32)
    for number in range(n_clips):
        effects = tuple(effect for effect, there in zip(EFFECTS_OF, presence[number], strict=True) if there)
        span = (2.0, 4.0) if number % 2 and effects else None
        row = row_of(*effects, span=span, duration_s=4.0)
        rows.append(replace(row, id=str(number), track=f"song {number // 4}"))
        lines[number, :4, :5] = second_targets(row, presence[number], 4) + rng.normal(0, 0.2, (4, 5))
        lines[number, :4, N_LINE:] = 1
    severity = np.full_like(presence, NAN)
    return CorpusMaterial(tuple(rows), margins, presence, severity), CorpusMaterial(
        tuple(rows), lines, presence, severity
    )


def test_seconds_are_learned_from_answers_for_pieces_that_the_design_never_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("earmark.distortion.seconds.SecondsModel", lambda: SecondsModel(n_trees=6, n_leaves=6))
    material, lines = materials()
    learnt: list[set[str]] = []
    design = Simple(learnt)
    assert isinstance(design, Design)
    model = fit_seconds(lambda: Simple(learnt), material, lines, seed=1)
    everything = set(material.groups.tolist())
    held = [everything - pieces for pieces in learnt]
    assert set().union(*held) == everything
    assert sum(len(pieces) for pieces in held) == len(everything) == 150
    clip = 1  # the fault comes after two seconds
    table = lines.features[clip, :4]
    found = model.probabilities(
        second_features(table[:, :N_LINE], table[:, N_LINE:-1] > 0, np.full(5, 0.8, np.float32))
    )
    expected = second_targets(lines.rows[clip], lines.presence[clip], 4)
    np.testing.assert_array_equal(found > 0.5, expected == 1)
    assert expected.any()


def test_too_few_clips_for_seconds_are_told() -> None:
    material, lines = materials(40)
    with pytest.raises(DataError, match="calibration: found"):
        fit_seconds(lambda: Simple([]), material, lines)
