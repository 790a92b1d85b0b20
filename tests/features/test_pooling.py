from __future__ import annotations

import numpy as np
import pytest

from earmark.features.pooling import (
    ActivePart,
    Pooling,
    active_part,
    fit_frames,
    mean_and_std,
    pool,
    pooled_shape,
    stretch,
    whole,
)


def _frames(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)[None, :, None]


def test_active_part_reaches_from_the_first_to_the_last_loud_frame() -> None:
    power = _frames(1e-9, 1e-2, 1e-9, 1.0, 1e-5, 0.0)
    part = active_part(power, 40)
    assert (part.first.tolist(), part.last.tolist()) == ([1], [3])
    wider = active_part(power, 60)
    assert (wider.first.tolist(), wider.last.tolist()) == ([1], [4])


def test_silence_is_active_all_along() -> None:
    part = active_part(np.zeros((2, 5, 3), dtype=np.float32), 40)
    assert part.first.tolist() == [0, 0]
    assert part.last.tolist() == [4, 4]


def test_fit_frames_cuts_at_the_end_and_pads_with_the_fill() -> None:
    assert fit_frames(_frames(1, 2, 3), 2).ravel().tolist() == [1, 2]
    assert fit_frames(_frames(1, 2, 3), 3).ravel().tolist() == [1, 2, 3]
    assert fit_frames(_frames(1, 2, 3), 5, -7.0).ravel().tolist() == [1, 2, 3, -7, -7]


def test_stretch_interpolates_along_the_active_part() -> None:
    part = ActivePart(np.array([1]), np.array([3]))
    frames = _frames(99, 10, 20, 40, 99)
    assert stretch(frames, part, 5).ravel().tolist() == [10, 15, 20, 30, 40]
    assert stretch(frames, part, 2).ravel().tolist() == [10, 40]
    assert stretch(frames, part, 1).ravel().tolist() == [20]


def test_stretch_repeats_a_single_active_frame() -> None:
    part = ActivePart(np.array([2]), np.array([2]))
    assert stretch(_frames(1, 2, 3, 4), part, 3).ravel().tolist() == [3, 3, 3]


def test_stretch_makes_slow_and_fast_speech_alike() -> None:
    slow, fast = np.linspace(0, 1, 31), np.linspace(0, 1, 16)
    stretched = [stretch(_frames(*ramp), whole(1, ramp.size), 10).ravel() for ramp in (slow, fast)]
    np.testing.assert_allclose(stretched[0], stretched[1], atol=1e-6)


def test_mean_and_std_look_at_active_frames_only() -> None:
    mean, std = mean_and_std(_frames(100, 2, 4, 100), ActivePart(np.array([1]), np.array([2])))
    assert (mean.item(), std.item()) == (3, 1)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("pad", [5, 1, 3, 8]),
        ("flat", [5, 1, 3, 8]),
        ("mean", [2]),
        ("max", [3]),
        ("mean_std", [2, 1]),
        ("length_normalised", [1, 1 + 2 / 3, 1 + 4 / 3, 3]),
    ],
)
def test_every_pooling_gives_the_shape_it_announces(pooling: Pooling, expected: list[float]) -> None:
    part = ActivePart(np.array([1]), np.array([2]))
    pooled = pool(_frames(5, 1, 3, 8), pooling, part, 4)
    assert pooled.shape == (1, *pooled_shape(pooling, 4, 1))
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled.ravel(), expected, rtol=1e-6)
