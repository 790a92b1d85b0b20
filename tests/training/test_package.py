"""A bundle is saved only if its graph agrees with the model, and it says what it was made from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import AudioError, BundleError, StoreError
from earmark.data.dataset import Dataset
from earmark.models import load_bundle, save_bundle
from earmark.models.top_scores import METRIC, N_BINS, bin_of, reference_counts
from earmark.training import TrainingOptions, measurements, prepare, save_trained, train

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.training import Material, Trained
    from tests.training.conftest import MakeTones


@pytest.fixture
def trained(material: Material, options: TrainingOptions) -> Trained:
    return train(material, options, "cv")


def test_a_bundle_says_what_it_is_and_where_it_came_from(
    trained: Trained, options: TrainingOptions, tmp_path: Path
) -> None:
    save_trained(trained, tmp_path / "bundle", "tones-level", summary="Loud or quiet.")
    spec = load_bundle(tmp_path / "bundle").spec
    assert (spec.name, spec.summary, spec.recipe, spec.task) == ("tones-level", "Loud or quiet.", "level", "one")
    assert spec.labels == ("loud", "middle", "quiet")
    assert spec.frontend.min_source_rate_hz == 8000
    assert spec.parity.max_difference <= 1e-4
    assert spec.parity.n_rows == 36
    assert spec.calibration.scales == trained.calibration.scales
    assert spec.thresholds.values == trained.thresholds
    facts = spec.provenance
    assert facts["dataset"] == "tones"
    assert facts["dataset_source"] == "made here"
    assert facts["dataset_fingerprint"] == trained.material.dataset.fingerprint
    assert facts["n_clips"] == 36
    assert facts["groups"] == ["ada", "ben", "cleo", "dan", "eve", "fay"]
    assert facts["source_rates_hz"] == [8000]
    assert facts["extra"] is None
    assert facts["mode"] == "cv"
    assert facts["options"] == options.model_dump(mode="json")
    assert {"python", "numpy", "scikit_learn", "machine"} <= set(facts)
    assert [(part.what, part.licence) for part in spec.licences] == [("data: tones", "CC0-1.0")]


def test_a_bundle_holds_how_sure_it_was_of_unseen_groups(trained: Trained, tmp_path: Path) -> None:
    spec = save_trained(trained, tmp_path / "bundle", "tones").spec
    counts = reference_counts(spec.metrics)
    assert counts is not None
    numbers = [bin_of(top) for top in trained.measured.probabilities.max(axis=1).tolist()]
    assert list(counts) == [numbers.count(number) for number in range(N_BINS)]
    assert sum(counts) == spec.metrics["n_clips"]


def test_with_several_labels_the_likeliest_one_counts(chords: Dataset) -> None:
    options = TrainingOptions(recipe="level", folds="grouped:3")
    found = train(prepare(chords, options), options, "cv")
    counts = reference_counts(measurements(found))
    assert counts is not None
    tops = found.measured.probabilities.max(axis=1).tolist()
    assert list(counts) == [sum(bin_of(top) == number for top in tops) for number in range(N_BINS)]


def test_a_bundle_that_was_made_without_that_loads_all_the_same(trained: Trained, tmp_path: Path) -> None:
    bundle = save_trained(trained, tmp_path / "bundle", "tones")
    older = bundle.spec.model_copy(
        update={"metrics": {name: part for name, part in bundle.spec.metrics.items() if name != METRIC}}
    )
    graph = (bundle.folder / "model.onnx").read_bytes()
    assert reference_counts(save_bundle(tmp_path / "older", older, graph).spec.metrics) is None


def test_measurements_are_json_and_complete(trained: Trained) -> None:
    found = measurements(trained)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["n_clips"] == 36
    assert found["n_groups"] == 6
    assert found["groups_on_both_sides"] == []
    assert found["primary"]["low"] <= found["primary"]["value"] <= found["primary"]["high"]
    assert [row["label"] for row in found["classes"]] == ["loud", "middle", "quiet"]


def test_searches_and_extra_data_stand_in_the_provenance(
    tones: Dataset, make_tones: MakeTones, options: TrainingOptions, tmp_path: Path
) -> None:
    extra = replace(make_tones("more", ("gus",), seed=2), licence="")
    searched = train(prepare(tones, options, extra=extra), options, "grid", grid={"C": [0.5, 1.0]})
    facts = save_trained(searched, tmp_path / "bundle", "b").spec
    assert facts.provenance["searches"][0]["options"]["C"] in (0.5, 1.0)
    assert facts.provenance["extra"]["dataset"] == "more"
    assert facts.provenance["extra"]["groups"] == ["gus"]
    assert facts.provenance["extra"]["n_clips"] == 6
    assert [(part.what, part.licence) for part in facts.licences] == [
        ("data: tones", "CC0-1.0"),
        ("data: more", "not stated"),
    ]


def test_weights_bring_their_licence(tones: Dataset, tmp_path: Path) -> None:
    options = TrainingOptions(recipe="speech_embedding", folds="grouped:2")
    part = tones.where(lambda clip: clip.group in ("ada", "ben"))
    bundle = save_trained(train(prepare(part, options), options, "cv"), tmp_path / "bundle", "b")
    assert bundle.spec.licences[1].what == "weights: speech_embedding"
    assert bundle.spec.licences[1].licence == "Apache-2.0"
    assert bundle.spec.frontend.min_source_rate_hz == 8000


def test_audio_above_the_rate_of_the_frontend_asks_for_no_more_than_that(make_tones: MakeTones, tmp_path: Path) -> None:
    dataset = make_tones()
    for clip in dataset.clips:
        samples, rate_hz = soundfile.read(clip.path)
        soundfile.write(clip.path, np.repeat(samples, 4), 4 * rate_hz)
    options = TrainingOptions(recipe="level", folds="grouped:2")
    bundle = save_trained(train(prepare(dataset, options), options, "cv"), tmp_path / "bundle", "b")
    assert bundle.spec.provenance["source_rates_hz"] == [32000]
    assert bundle.spec.frontend.min_source_rate_hz == 8000


def test_a_graph_that_disagrees_with_the_model_is_not_saved(
    trained: Trained, material: Material, options: TrainingOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = train(material, options.model_copy(update={"classifier": {"C": 1e-4}}), "cv")
    monkeypatch.setattr(trained.classifier, "to_onnx", other.classifier.to_onnx)
    with pytest.raises(BundleError, match="probabilities differ by up to"):
        save_trained(trained, tmp_path / "bundle", "b")
    assert not (tmp_path / "bundle").exists()


def test_a_taken_folder_is_kept_where_it_may_not_be_replaced(trained: Trained, tmp_path: Path) -> None:
    save_trained(trained, tmp_path / "bundle", "first")
    with pytest.raises(StoreError, match="exists already"):
        save_trained(trained, tmp_path / "bundle", "second", overwrite=False)
    assert load_bundle(tmp_path / "bundle").spec.name == "first"


def test_a_file_that_vanished_since_training_is_named(trained: Trained, tones: Dataset, tmp_path: Path) -> None:
    tones.clips[7].path.unlink()
    with pytest.raises(AudioError, match=tones.clips[7].path.name):
        save_trained(trained, tmp_path / "bundle", "b")


def test_a_single_measured_group_gives_a_value_without_limits(tones: Dataset, tmp_path: Path) -> None:
    options = TrainingOptions(recipe="level", folds="parts:70/15/15")
    part = tones.where(lambda clip: clip.group < "dan")
    single = train(prepare(part, options), options, "train")
    primary = measurements(single)["primary"]
    assert primary["value"] == measurements(single)["metrics"]["accuracy"]
    assert (primary["low"], primary["high"]) == (None, None)
    assert primary["method"].startswith("none (")
    assert save_trained(single, tmp_path / "bundle", "b").spec.metrics["primary"] == primary


def test_a_class_without_clips_in_the_test_part_leaves_its_figures_undefined(chords: Dataset) -> None:
    options = TrainingOptions(recipe="level", folds="given")
    clips = [
        replace(clip, fold="test" if clip.group == "ada" and not clip.labels else "train")
        for clip in chords.clips
        if clip.group != "ada" or not clip.labels
    ]
    single = train(prepare(chords.with_clips(clips), options), options, "train")
    primary = measurements(single)["primary"]
    assert primary["value"] is None
    assert Dataset.of("x", clips).task == "many"


def test_precision_and_recall_are_measured_at_thresholds_chosen_without_the_clip(chords: Dataset) -> None:
    options = TrainingOptions(recipe="level", folds="grouped:3")
    trained = train(prepare(chords, options), options, "cv")
    found = measurements(trained)
    assert [row["threshold"] for row in found["classes"]] == pytest.approx(trained.thresholds)
    decided = trained.measured.probabilities >= trained.measured.thresholds
    right = trained.measured.targets == 1
    recalls = (decided & right).sum(axis=0) / right.sum(axis=0)
    assert [row["recall"] for row in found["classes"]] == pytest.approx(recalls.tolist())
    assert len(np.unique(trained.measured.thresholds, axis=0)) == 3  # one choice for each fold


def test_a_single_label_becomes_a_bundle_of_one_column(chords: Dataset, tmp_path: Path) -> None:
    clips = [replace(clip, labels=tuple(label for label in clip.labels if label == "low")) for clip in chords.clips]
    options = TrainingOptions(recipe="level", folds="grouped:3")
    trained = train(prepare(Dataset.of("low", clips), options), options, "cv")
    bundle = save_trained(trained, tmp_path / "bundle", "low")
    assert bundle.spec.labels == ("low",)
    assert bundle.graph().output_shape == (None, 1)
