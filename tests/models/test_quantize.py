"""Bundles in 8 bits: measured beside the original, refused where they lose too much."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.core.errors import BundleError, DataError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.features.base import LevelFrontend
from earmark.features.logmel import log_mel
from earmark.models.bundle import Bundle, load_bundle, save_bundle
from earmark.models.bundle_spec import (
    BundleSpec,
    CalibrationPart,
    FrontendPart,
    LicencePart,
    ParityPart,
    ThresholdPart,
)
from earmark.models.calibrate import Calibration
from earmark.models.heads import Head
from earmark.models.network import vgg
from earmark.models.quantize import quantize_bundle, save_quantized
from earmark.models.quantize_graph import choose_method, quantize_graph

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.features.base import Frontend
    from earmark.models.base import Classifier

RATE_HZ = 8000
GROUPS = ("ada", "ben", "cleo", "dan", "eve", "fay")
TONES_HZ = {"high": 2000.0, "low": 400.0}


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return four takes of a high and a low tone by each of six groups."""
    folder, rng = tmp_path_factory.mktemp("tones"), np.random.default_rng(5)
    clips = []
    for group in GROUPS:
        for label, tone_hz in TONES_HZ.items():
            for take in range(4):
                path = folder / f"{group}-{label}-{take}.wav"
                times_s = np.arange(RATE_HZ // 2) / RATE_HZ
                level = 0.3 if label == "high" else 0.05
                sound = level * np.sin(2 * np.pi * tone_hz * rng.uniform(0.9, 1.1) * times_s)
                soundfile.write(path, sound + rng.normal(0, 0.01, times_s.size), RATE_HZ)
                clips.append(Clip(path.name, path, (label,), group))
    return Dataset.of("tones", clips)


def bundle_of(folder: Path, frontend: Frontend, name: str, classifier: Classifier, dataset: Dataset) -> Bundle:
    from earmark.features.extract import extract_features

    table = extract_features(dataset, frontend)
    classifier.fit(table.features, dataset.targets[table.clip_rows], np.random.default_rng(0))
    spec = frontend.spec
    return save_bundle(
        folder,
        BundleSpec(
            name="tones",
            summary="High or low.",
            created="2026-11-20T12:00:00+00:00",
            earmark_version="0.1.0",
            recipe="made here",
            labels=dataset.labels,
            task=dataset.task,
            aggregate="mean",
            frontend=FrontendPart(
                name=name,
                config=spec.config,
                fingerprint=spec.fingerprint,
                rate_hz=spec.rate_hz,
                window_s=spec.window_s,
                hop_s=spec.hop_s,
                min_source_rate_hz=8000,
            ),
            calibration=CalibrationPart.of(Calibration.identity(dataset.task, classifier.score_kind, 2)),
            thresholds=ThresholdPart(rule="best_f1", goal=0.95, values=(0.5, 0.5)),
            metrics={"n_clips": 48},
            provenance={"dataset": "tones", "groups": ["ada", "zoe"], "extra": None},
            licences=(LicencePart(what="data: tones", licence="CC0-1.0"),),
            parity=ParityPart(max_difference=0.0, tolerance=1e-4, n_rows=1),
            files={},
        ),
        classifier.to_onnx(),
    )


@pytest.fixture(scope="module")
def network_bundle(tones: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    frontend = log_mel(rate_hz=RATE_HZ, window_s=0.5, hop_s=0.5, fft_samples=256, frame_hop_samples=256, n_mels=16)
    classifier = vgg("one", epochs=6, min_steps=40, width=8, learning_rate=0.01)
    return bundle_of(tmp_path_factory.mktemp("bundles") / "net", frontend, "logmel", classifier, tones)


@pytest.fixture(scope="module")
def head_bundle(tones: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "head"
    return bundle_of(folder, LevelFrontend(), "level", Head("one", kind="mlp", hidden=16), tones)


@pytest.fixture(scope="module")
def small(network_bundle: Bundle, tones: Dataset) -> Any:
    return quantize_bundle(network_bundle, tones)


def test_convolutions_are_quantised_statically_and_measured_on_other_groups(
    small: Any, network_bundle: Bundle, tones: Dataset
) -> None:
    graph, found = small
    assert found.method == "static"
    assert found.n_groups == 4
    assert found.n_clips == 32
    assert found.n_calibration == 16
    assert found.bytes_after < 0.6 * found.bytes_before == 0.6 * (network_bundle.folder / "model.onnx").stat().st_size
    assert len(graph) == found.bytes_after
    assert found.metric == "accuracy"
    assert found.before is not None
    assert found.after is not None
    assert found.before > 0.9
    assert found.loss == pytest.approx(found.before - found.after)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= -found.loss <= found.high
    assert 0 < found.largest_change < 0.3
    assert found.ms_before > 0
    assert found.ms_after > 0


def test_groups_that_were_trained_on_are_named(small: Any) -> None:
    assert small[1].seen_groups == ("ada",)


def test_the_new_bundle_holds_what_was_measured_and_where_it_came_from(
    small: Any, network_bundle: Bundle, tmp_path: Path
) -> None:
    saved = save_quantized(network_bundle, tmp_path / "tones-8bit", *small, largest_loss=1.0)
    spec = load_bundle(tmp_path / "tones-8bit").spec
    assert spec.name == "tones-8bit"
    assert spec.summary == "High or low. (8-bit)"
    assert spec.metrics["n_clips"] == 48
    assert spec.metrics["quantisation"] == small[1].to_dict()
    assert spec.provenance["quantised_from"]["sha256"] == network_bundle.spec.files["model.onnx"].sha256
    assert spec.parity.max_difference == small[1].largest_change
    with pytest.raises(BundleError, match="is in 8 bits already; quantise the original"):
        choose_method((saved.folder / "model.onnx").read_bytes())


def test_a_loss_that_is_too_large_is_not_saved(small: Any, network_bundle: Bundle, tmp_path: Path) -> None:
    worse = replace(small[1], before=0.95, after=0.9)
    with pytest.raises(
        BundleError, match=r"accuracy falls from 0\.950 to 0\.900 on tones, by more than 0\.02; nothing"
    ):
        save_quantized(network_bundle, tmp_path / "bad", small[0], worse)
    assert not (tmp_path / "bad").exists()


def test_matrix_products_are_quantised_dynamically_on_all_clips(head_bundle: Bundle, tones: Dataset) -> None:
    graph, found = quantize_bundle(head_bundle, tones)
    assert found.method == "dynamic"
    assert found.n_calibration == 0
    assert found.n_clips == 48
    assert found.before == 1.0
    assert found.loss < 0.1
    assert graph != (head_bundle.folder / "model.onnx").read_bytes()


def test_a_single_group_gives_the_loss_without_an_interval(head_bundle: Bundle, tones: Dataset) -> None:
    alone = tones.where(lambda clip: clip.group == "ben")
    _, found = quantize_bundle(head_bundle, alone, method="static")
    assert found.n_clips == 8
    assert found.low is None
    assert found.how.startswith("none (")
    assert found.seen_groups == ()


def test_trees_and_linear_models_have_nothing_to_quantise(tones: Dataset, tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "linear", LevelFrontend(), "level", Head("one"), tones)
    with pytest.raises(BundleError, match=r"found neither convolutions nor matrix products in it .*LinearClassifier"):
        quantize_bundle(bundle, tones)


def test_a_label_that_the_bundle_does_not_know_is_refused(head_bundle: Bundle, tones: Dataset) -> None:
    other = Dataset.of("other", [replace(tones.clips[0], labels=("hihg",))])
    with pytest.raises(DataError, match=r'high-0\.wav: label "hihg" is not one of the bundle\'s; did you mean "high"'):
        quantize_bundle(head_bundle, other)


def test_answers_that_are_no_numbers_are_refused(
    head_bundle: Bundle, tones: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.models import quantize

    probabilities = quantize._probabilities
    answers = iter([1.0, float("nan")])
    monkeypatch.setattr(quantize, "_probabilities", lambda *arguments: probabilities(*arguments) * next(answers))
    with pytest.raises(BundleError, match="in 8 bits its probabilities are no numbers; try the other method"):
        quantize_bundle(head_bundle, tones)


def test_a_graph_that_onnx_runtime_cannot_quantise_is_refused() -> None:
    with pytest.raises(BundleError, match="ONNX Runtime cannot quantise it"):
        quantize_graph(b"no graph", "dynamic", np.zeros((1, 2), np.float32))
