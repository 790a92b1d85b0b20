"""A bundle is measured the way it is used, and told when it has seen the test."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import AudioError, DataError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.inference.evaluation import evaluate_bundle
from earmark.models import Bundle

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.inference import Predictor


@pytest.fixture
def others(tones: Dataset) -> Dataset:
    """Return the same sound as a dataset that the bundle was not trained on."""
    return replace(tones, name="others")


def test_metrics_come_with_an_interval_over_groups(predictor: Predictor, others: Dataset) -> None:
    found = evaluate_bundle(predictor, others)
    assert found.summary.metrics["accuracy"] == 1.0
    assert found.primary.metric == "accuracy"
    assert found.primary.low is not None
    assert found.primary.low < 1.0 == found.primary.value
    assert found.n_groups == 4
    assert found.share_accepted == 1.0
    assert found.targets.shape == found.probabilities.shape == (16, 2)
    assert (found.seen_groups, found.failures) == ((), ())


def test_the_result_is_json(predictor: Predictor, others: Dataset) -> None:
    told = json.loads(json.dumps(evaluate_bundle(predictor, others).to_dict(), allow_nan=False))
    assert told["primary"].keys() == {"metric", "value", "low", "high", "level", "method"}
    assert [row["label"] for row in told["classes"]] == ["loud", "quiet"]
    assert told["n_clips"] == 16


def test_groups_that_the_bundle_was_trained_on_are_told(predictor: Predictor, tones: Dataset) -> None:
    some = tones.where(lambda clip: clip.group != "cleo")
    assert evaluate_bundle(predictor, some).seen_groups == ("ada", "ben", "dan")


def test_groups_of_extra_training_data_are_told(predictor: Predictor, others: Dataset) -> None:
    spec = predictor.bundle.spec
    facts = spec.provenance | {"extra": {"dataset": "others", "groups": ["dan", "eve"]}}
    bundle = Bundle(predictor.bundle.folder, spec.model_copy(update={"provenance": facts}))
    assert evaluate_bundle(type(predictor)(bundle), others).seen_groups == ("dan",)


def test_a_single_group_gives_a_value_without_interval(predictor: Predictor, others: Dataset) -> None:
    found = evaluate_bundle(predictor, others.where(lambda clip: clip.group == "ada"))
    told = found.to_dict()["primary"]
    assert (told["metric"], told["value"], told["low"], told["high"]) == ("accuracy", 1.0, None, None)
    assert "belong to group" in told["method"]


def test_several_labels_per_clip_are_measured_by_average_precision(many_predictor: Predictor, others: Dataset) -> None:
    labels = {"loud": ("sound", "loud"), "quiet": ("sound",)}
    clips = [replace(clip, labels=labels[clip.labels[0]]) for clip in others.clips]
    found = evaluate_bundle(many_predictor, Dataset.of("levels again", clips, task="many"))
    assert found.primary.metric == "average_precision"
    assert found.labels == ("loud", "sound")
    assert found.targets.sum(axis=0).tolist() == [8, 16]


def test_an_unreadable_clip_stops_the_evaluation(predictor: Predictor, others: Dataset, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"broken")
    broken = others.with_clips([replace(others.clips[0], path=tmp_path / "broken.wav"), *others.clips[1:]])
    with pytest.raises(AudioError, match=r"broken\.wav"):
        evaluate_bundle(predictor, broken)
    found = evaluate_bundle(predictor, broken, skip_unreadable=True)
    assert found.summary.n_clips == 15
    assert len(found.failures) == 1
    assert "broken.wav" in found.failures[0]


def test_nothing_readable_at_all_is_an_error(predictor: Predictor, others: Dataset, tmp_path: Path) -> None:
    gone = others.with_clips([replace(clip, path=tmp_path / clip.id) for clip in others.clips])
    with pytest.raises(DataError, match="dataset others: none of 16 clips could be classified"):
        evaluate_bundle(predictor, gone, skip_unreadable=True)


def test_labels_that_the_bundle_does_not_know_are_named(predictor: Predictor, others: Dataset) -> None:
    clips = [replace(clip, labels=("quite",)) if "quiet" in clip.labels else clip for clip in others.clips]
    with pytest.raises(DataError, match=r'label "quite" is not one of the bundle\'s; did you mean "quiet"'):
        evaluate_bundle(predictor, Dataset.of("others", clips))


def test_clips_are_cut_where_the_dataset_says(predictor: Predictor, others: Dataset, tmp_path: Path) -> None:
    loud, quiet = (soundfile.read(others.clips[number].path)[0] for number in (0, 2))
    soundfile.write(tmp_path / "both.wav", np.concatenate([quiet, loud]), 8000)
    clips = [
        Clip("first", tmp_path / "both.wav", ("quiet",), "a", start_s=0.0, duration_s=0.5),
        Clip("second", tmp_path / "both.wav", ("loud",), "b", start_s=0.5, duration_s=0.5),
    ]
    assert evaluate_bundle(predictor, Dataset.of("others", clips)).summary.metrics["accuracy"] == 1.0
