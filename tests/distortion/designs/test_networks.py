"""The deep designs learn what is easy to learn, resume, pickle and export."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, ModelError
from earmark.distortion.designs import Design, network
from earmark.distortion.designs.base import check_rows
from earmark.distortion.designs.networks import EmbeddingNetwork, MidSideNetwork
from earmark.distortion.designs.options import EmbeddingOptions, MidSideNetworkOptions
from earmark.encoders.weights import weights_at_hand
from earmark.models.base import FitContext

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.distortion.designs.network import MultiTaskNetwork
    from earmark.models.fit import Examples
    from tests.distortion.designs.conftest import Rows

pytest.importorskip("torch")


def head(**options: Any) -> EmbeddingNetwork:
    chosen = {"epochs": 30, "batch": 16, "learning_rate": 0.01, "dropout": 0.0, "min_validation": 8, **options}
    return EmbeddingNetwork(options=EmbeddingOptions(**chosen))


def convolutions(**options: Any) -> MidSideNetwork:
    chosen = {"epochs": 2, "min_steps": 4, "validation_share": 0.0, "pretrained": False, **options}
    return MidSideNetwork(MidSideNetworkOptions(**chosen))


def fit(design: MultiTaskNetwork, rows: Rows, *, context: FitContext | None = None, **other: Any) -> MultiTaskNetwork:
    parts = {"presence": rows.presence, "severity": rows.severity, "groups": rows.groups, **other}
    design.fit(rows.features, rng=np.random.default_rng(1), context=context or FitContext(), **parts)
    return design


def onnx_outputs(content: bytes, features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(content)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"features": features}), strict=True))


def test_a_head_learns_presence_and_severity(vectors: Rows) -> None:
    design = fit(head(validation_share=0.0), vectors)
    scores, severity = design.predict(vectors.features)
    assert ((scores > 0) == (vectors.presence > 0)).mean() > 0.97
    assert np.abs(severity - vectors.severity)[vectors.presence > 0].mean() < 0.1
    assert ((severity >= 0) & (severity <= 1)).all()


def test_a_head_stops_by_tracks_that_it_does_not_learn_from(vectors: Rows) -> None:
    design = fit(head(epochs=10), vectors)
    assert not design.remarks
    assert {"validation_loss", "validation_f1", "validation_severity_error"} <= design.history[-1].keys()
    assert design.history[-1]["validation_f1"] > 0.8


def test_too_few_tracks_to_validate_on_are_told(vectors: Rows) -> None:
    design = fit(head(epochs=1), vectors, groups=np.full(len(vectors.groups), "one track"))
    assert "no validation part" in design.remarks[0]


def test_what_is_unknown_teaches_nothing(vectors: Rows) -> None:
    presence, severity = vectors.presence.copy(), vectors.severity.copy()
    presence[::2], severity[::2] = np.nan, np.nan
    lying = vectors.features.copy()
    lying[::2] = -lying[::2]
    # Only the spread of columns may know of these rows: with equal ones nothing is left of them.
    half = fit(head(validation_share=0.0, epochs=15), vectors, presence=presence, severity=severity)
    scores, _ = half.predict(vectors.features[1::2])
    assert ((scores > 0) == (vectors.presence[1::2] > 0)).mean() > 0.95


def test_the_graph_gives_what_the_network_gives(vectors: Rows) -> None:
    design = fit(head(epochs=2), vectors)
    scores, severity = design.predict(vectors.features)
    found = onnx_outputs(design.to_onnx(), vectors.features)
    assert list(found) == ["scores", "severity"]
    np.testing.assert_allclose(found["scores"], scores, atol=1e-4)
    np.testing.assert_allclose(found["severity"], severity, atol=1e-4)


def test_convolutions_give_what_their_graph_and_their_pickle_give(pictures: Rows) -> None:
    design = fit(convolutions(), pictures)
    scores, severity = design.predict(pictures.features)
    content = design.to_onnx()
    assert len(content) < 5_000_000
    found = onnx_outputs(content, pictures.features)
    np.testing.assert_allclose(found["scores"], scores, atol=1e-4)
    np.testing.assert_allclose(found["severity"], severity, atol=1e-4)
    again: MidSideNetwork = pickle.loads(pickle.dumps(design))  # noqa: S301 - packed on this line
    np.testing.assert_allclose(again.predict(pictures.features)[0], scores, atol=1e-4)


@pytest.mark.skipif(weights_at_hand("mn04") is None, reason="weights of mn04 are not on this machine")
def test_convolutions_overfit_a_few_pictures_from_pretrained_weights(pictures: Rows) -> None:
    options = {"epochs": 10, "min_steps": 80, "crop": 1.0, "dropout": 0.0, "learning_rate": 3e-3}
    design = fit(convolutions(pretrained=True, **options), pictures)
    scores, _ = design.predict(pictures.features)
    losses = [epoch["loss"] for epoch in design.history]
    assert losses[-1] < 0.7 * losses[0], losses
    right = ((scores > 0) == (pictures.presence > 0)).mean()
    assert right > 0.85, (right, losses)


def test_a_step_sees_a_part_of_the_picture_and_the_whole_mask(pictures: Rows) -> None:
    features = pictures.features.copy()
    features[..., -1] = np.arange(16) % 2
    design, rng = convolutions(crop=0.5), np.random.default_rng(0)
    changed, targets = design._change(features, pictures.presence, design.options, rng)
    assert changed.shape == (48, 2, 16, 11)
    assert targets is pictures.presence
    np.testing.assert_array_equal(changed[..., -1], features[..., -1])
    kept = {tuple(frame) for frame in features[0, 0, :, :-1].T}
    assert all(tuple(frame) in kept for frame in changed[0, 0, :, :-1].T)


def test_bands_that_are_not_told_say_nothing(pictures: Rows) -> None:
    design = fit(convolutions(epochs=1), pictures)
    features = pictures.features[:4].copy()
    features[:, 1, :, -1] = 0
    other = features.copy()
    other[:, 1, :, :-1] = 37.0
    np.testing.assert_allclose(design.predict(other)[0], design.predict(features)[0], atol=1e-5)


def test_a_killed_fit_goes_on_where_it_was(vectors: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(head(epochs=4), vectors).predict(vectors.features)[0]
    context, calls = FitContext(checkpoint=tmp_path / "checkpoint.pt"), iter(range(100))

    def killed(epoch: int, figures: dict[str, float]) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(head(epochs=4), vectors, context=FitContext(checkpoint=context.checkpoint, on_epoch=killed))
    resumed = fit(head(epochs=4), vectors, context=context)
    np.testing.assert_array_equal(resumed.predict(vectors.features)[0], whole)
    other = fit(head(epochs=4, learning_rate=0.02), vectors, context=context)
    assert not np.array_equal(other.predict(vectors.features)[0], whole)


def test_features_on_disk_are_read_batch_by_batch(
    vectors: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "features.npy", vectors.features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    sizes: list[int] = []
    take = network._Rows.take

    def counted(self: Any, rows: NDArray[np.intp]) -> Examples:
        sizes.append(len(rows))
        return take(self, rows)

    monkeypatch.setattr(network._Rows, "take", counted)
    design = head(epochs=1, validation_share=0.0)
    design.fit(mapped, vectors.presence, vectors.severity, vectors.groups, np.random.default_rng(1), FitContext())
    np.testing.assert_array_equal(
        design.predict(mapped)[0], fit(head(epochs=1, validation_share=0.0), vectors).predict(vectors.features)[0]
    )
    assert sizes.count(16) == len(sizes) - sizes.count(160)  # all but the rows whose spread is measured


def test_one_seed_gives_one_network(vectors: Rows) -> None:
    one, other = (fit(head(epochs=2), vectors).predict(vectors.features)[0] for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(vectors: Rows, value: float) -> None:
    vectors.features[7, 3] = value
    with pytest.raises(ModelError, match="rows 0 to 1000 hold NaN or infinite"):
        fit(head(), vectors)


def test_kinds_without_examples_are_refused(vectors: Rows) -> None:
    presence = vectors.presence.copy()
    presence[:, 2] = 0
    with pytest.raises(ModelError, match="kind 2 is in 0 rows"):
        fit(head(), vectors, presence=presence)
    presence[:, 2] = np.nan
    presence[:3, 2] = 1
    with pytest.raises(ModelError, match="kind 2 is in 3 rows and known not to be in 0"):
        check_rows(presence, presence)
    with pytest.raises(ModelError, match=r"found presence \(160, 5\) and severity \(160, 4\)"):
        fit(head(), vectors, severity=vectors.severity[:, :4])


def test_before_it_was_fitted_it_says_so(vectors: Rows) -> None:
    with pytest.raises(ModelError, match='design "midside" was not fitted'):
        convolutions().predict(vectors.features)
    with pytest.raises(ModelError, match='design "mn04_midside" was not fitted'):
        head().to_onnx()


def test_no_rows_give_no_answers(vectors: Rows) -> None:
    scores, severity = fit(head(epochs=1), vectors).predict(vectors.features[:0])
    assert scores.shape == severity.shape == (0, 5)


def test_designs_keep_their_contract_and_know_their_frontend() -> None:
    assert isinstance(MidSideNetwork(), Design)
    assert MidSideNetwork().frontend.spec.name == "midside"
    wrong = EmbeddingNetwork("level")
    with pytest.raises(ConfigError, match='frontend "level" is not a native one'):
        _ = wrong.frontend
