"""Designs that answer together."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.distortion.designs import Design
from earmark.distortion.designs.boosting import MeasuresBoosting
from earmark.distortion.designs.committee import Committee, blend, fusion
from earmark.distortion.designs.embedding import EncodedFrontend, EncodedOptions
from earmark.distortion.designs.networks import EmbeddingNetwork, MidSideNetwork
from earmark.distortion.designs.options import EmbeddingOptions, MidSideNetworkOptions, PerceptronOptions
from earmark.distortion.designs.perceptron import MeasuresPerceptron
from earmark.distortion.designs.spectra import midside
from earmark.encoders.session import OnnxGraph
from earmark.features import LevelFrontend
from earmark.models.base import FitContext
from tests.distortion.designs.conftest import Rows, draw_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.features.base import NativeFrontend

pytest.importorskip("torch")

N_MEASURES = 12


def members() -> tuple[MeasuresBoosting, MeasuresPerceptron]:
    options = PerceptronOptions(epochs=8, batch=16, hidden=(24,), n_members=2, learning_rate=0.01, validation_share=0)
    return MeasuresBoosting(n_trees=8, learning_rate=0.4), MeasuresPerceptron(options)


def measured() -> Rows:
    drawn = draw_rows(160, (N_MEASURES,))
    features = np.concatenate([drawn.features, np.ones_like(drawn.features)], axis=1)
    return Rows(features, drawn.presence, drawn.severity, drawn.groups)


def fit(design: Committee, rows: Rows, features: NDArray[np.float32] | None = None, **context: Path) -> Committee:
    seen = rows.features if features is None else features
    parts = rows.presence, rows.severity, rows.groups
    design.fit(seen, *parts, np.random.default_rng(1), FitContext(**context))  # type: ignore[arg-type]
    return design


@pytest.fixture(scope="module")
def rows() -> Rows:
    return measured()


@pytest.fixture(scope="module")
def fitted(rows: Rows) -> Committee:
    return fit(Committee("both", members()), rows)


def test_it_keeps_the_contract_of_designs(rows: Rows) -> None:
    for design, name, frontend in ((blend(), "blend", "measures"), (fusion(), "fusion", "measures_midside")):
        assert isinstance(design, Design)
        assert (design.name, design.frontend.spec.name) == (name, frontend)
    for use in (lambda: blend().predict(rows.features), blend().to_onnx):
        with pytest.raises(ModelError, match='design "blend" was not fitted'):
            use()


def test_the_mean_of_its_members_is_its_answer(fitted: Committee, rows: Rows) -> None:
    scores, severity = fitted.predict(rows.features)
    assert scores.dtype == severity.dtype == np.float32
    told = [member.predict(rows.features) for member in fitted.members]
    np.testing.assert_allclose(scores, (told[0][0] + told[1][0]) / 2, atol=1e-6)
    np.testing.assert_allclose(severity, (told[0][1] + told[1][1]) / 2, atol=1e-6)
    assert np.abs(told[0][0] - told[1][0]).max() > 0.1
    assert ((scores > 0) == (rows.presence > 0)).mean() > 0.97


def test_one_graph_holds_all_members(fitted: Committee, rows: Rows) -> None:
    graph = OnnxGraph(fitted.to_onnx())
    assert graph.input_shape == (None, 2 * N_MEASURES)
    assert graph.output_names == ("scores", "severity")
    for found, expected in zip(
        graph.run(rows.features, "scores", "severity"), fitted.predict(rows.features), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_it_pickles_and_learns_the_same_from_equal_generators(fitted: Committee, rows: Rows) -> None:
    again: Committee = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - packed on this line
    np.testing.assert_allclose(again.predict(rows.features)[0], fitted.predict(rows.features)[0], atol=1e-6)
    other = fit(Committee("both", members()), rows)
    np.testing.assert_array_equal(other.predict(rows.features)[0], fitted.predict(rows.features)[0])
    assert len(fitted.history) == 8
    assert fitted.remarks == ("no validation part: none was asked for",)


def test_each_member_has_a_checkpoint_of_its_own(rows: Rows, tmp_path: Path) -> None:
    fit(Committee("both", members()), rows, checkpoint=tmp_path / "run.checkpoint")
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint.perceptron"]


class Levels(EmbeddingNetwork):
    """A head on levels of middle and side, 17 numbers."""

    @property
    def frontend(self) -> NativeFrontend:
        return EncodedFrontend("levels", LevelFrontend(8000, 10.0, 10.0), EncodedOptions())


class Pictures(MidSideNetwork):
    """The network of spectra, on small ones."""

    @property
    def frontend(self) -> NativeFrontend:
        return midside(n_bands=16, n_frames=20)


def test_members_of_several_frontends_see_their_own_columns() -> None:
    pictures, levels = draw_rows(48, (2, 16, 21)), draw_rows(48, (17,))
    head = Levels(options=EmbeddingOptions(epochs=2, validation_share=0))
    network = Pictures(MidSideNetworkOptions(epochs=1, min_steps=2, validation_share=0, pretrained=False))
    design = Committee("three", [head, network, Levels(options=EmbeddingOptions(epochs=1, validation_share=0))])
    assert design.frontend.spec.name == "levels_midside"
    joined = np.concatenate([levels.features, pictures.features.reshape(48, -1)], axis=1)
    assert joined.shape[1:] == design.frontend.spec.shape
    fit(design, pictures, joined)
    scores, _ = design.predict(joined)
    seen = levels.features, pictures.features, levels.features
    alone = [member.predict(features)[0] for member, features in zip(design.members, seen, strict=True)]
    np.testing.assert_allclose(scores, np.mean(alone, axis=0), atol=1e-5)
    graph = OnnxGraph(design.to_onnx())
    np.testing.assert_allclose(graph(joined), scores, atol=1e-4)
    assert all(np.shares_memory(joined, part) for part in design._parts(joined))
