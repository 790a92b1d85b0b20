"""Batches are changed as the options say, by the generator that is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.models.fit_options import FitOptions
from earmark.models.mixing import change_batch, class_weights, mix_rows, shift_frames, smooth_targets

if TYPE_CHECKING:
    from numpy.typing import NDArray

OFF: dict[str, Any] = {"mixup": 0.0, "shift": 0.0, "mel_masks": 0, "time_masks": 0}


@pytest.fixture
def batch(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return rng.normal(size=(8, 20, 10)).astype(np.float32), np.eye(2, dtype=np.float32)[np.arange(8) % 2]


def test_nothing_changes_when_all_is_off(batch: Any, rng: np.random.Generator) -> None:
    features, targets = change_batch(batch[0], batch[1], FitOptions(**OFF), rng)
    assert np.array_equal(features, batch[0])
    assert np.array_equal(targets, batch[1])


@pytest.mark.parametrize("on", [{"mixup": 0.5}, {"shift": 0.3}, {"mel_masks": 2}, {"time_masks": 2}])
def test_each_change_works_alone_and_again_the_same(batch: Any, on: dict[str, Any]) -> None:
    options = FitOptions(**(OFF | {"mask_share": 0.4} | on))
    first = change_batch(batch[0], batch[1], options, np.random.default_rng(5))
    again = change_batch(batch[0], batch[1], options, np.random.default_rng(5))
    assert not np.array_equal(first[0], batch[0])
    assert np.array_equal(first[0], again[0])
    assert first[0].dtype == first[1].dtype == np.float32
    assert first[0].shape == batch[0].shape


def test_masks_too_narrow_for_the_window_change_nothing(batch: Any, rng: np.random.Generator) -> None:
    options = FitOptions(mixup=0.0, shift=0.01, mask_share=0.04)
    assert np.array_equal(change_batch(batch[0], batch[1], options, rng)[0], batch[0])


def test_features_in_a_row_are_only_mixed(rng: np.random.Generator) -> None:
    features = rng.normal(size=(6, 30)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[np.arange(6) % 3]
    same, _ = change_batch(features, targets, FitOptions(mixup=0.0), rng)
    assert np.array_equal(same, features)


def test_a_shift_keeps_every_frame(batch: Any, rng: np.random.Generator) -> None:
    shifted = shift_frames(batch[0], 0.5, rng)
    assert np.allclose(np.sort(shifted.sum(axis=2), axis=1), np.sort(batch[0].sum(axis=2), axis=1))


def test_mixed_targets_tell_how_much_of_each_is_in_it(rng: np.random.Generator) -> None:
    answers = np.arange(8) % 2
    targets = np.eye(2, dtype=np.float32)[answers]
    features = answers[:, None].astype(np.float32) * np.ones((8, 3), np.float32)
    mixed, said = mix_rows(features, targets, 1.0, rng)
    assert np.allclose(mixed[:, 0], said[:, 1], atol=1e-6)
    assert np.allclose(said.sum(axis=1), 1)
    assert (mixed % 1 > 0).any()


def test_smoothing_spreads_a_share_over_the_classes() -> None:
    targets = np.array([[1, 0, 0, 0]], dtype=np.float32)
    assert np.allclose(smooth_targets(targets, 0.2, "one"), [[0.85, 0.05, 0.05, 0.05]])
    assert np.allclose(smooth_targets(targets, 0.2, "many"), [[0.9, 0.1, 0.1, 0.1]])


def test_weights_make_classes_count_alike() -> None:
    targets = np.eye(2, dtype=np.float32)[np.array([0, 0, 0, 1])]
    weights = class_weights(targets, "one")
    assert np.allclose(weights * targets.sum(axis=0), 2)
    assert np.allclose(class_weights(targets, "many"), [1 / 3, 3])
    rare = np.zeros((1000, 1), dtype=np.float32)
    rare[0] = 1
    assert class_weights(rare, "many") == pytest.approx([100])
