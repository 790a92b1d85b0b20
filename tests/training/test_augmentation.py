"""Copies are finite, never empty, never silenced, and depend on seed, number and clip alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.errors import ConfigError
from earmark.features import LevelFrontend, extract_features
from earmark.training.augmentation import AUGMENTATIONS, augmentations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset

RATE_HZ = 8000
NAMES = sorted(AUGMENTATIONS)


def sound(kind: str, n_samples: int) -> NDArray[np.float32]:
    """Return one of several sounds that a careless chain would break."""
    samples = np.zeros(n_samples, np.float32)
    match kind:
        case "first sample":
            samples[0] = 1.0
        case "last sample":
            samples[-1] = -0.5
        case "constant":
            samples[:] = 0.5
        case "faint":
            samples[:] = 2e-5 * np.cos(np.arange(n_samples))
        case _:
            samples[:] = np.cos(np.arange(n_samples) / 3) * (100.0 if kind == "over full scale" else 0.3)
    return samples


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(
    kind=st.sampled_from(["first sample", "last sample", "constant", "faint", "tone", "over full scale"]),
    n_samples=st.sampled_from([1, 2, 7, 100, 1600, 4000]),
    rate_hz=st.sampled_from([8000, 16000, 48000]),
    seed=st.integers(0, 10_000),
)
def test_every_copy_is_finite_not_empty_and_not_silent(
    name: str, kind: str, n_samples: int, rate_hz: int, seed: int
) -> None:
    samples = sound(kind, n_samples)
    before = samples.copy()
    changed = augmentations(name, 1, seed)[0](samples, rate_hz, "clip")
    assert changed.dtype == np.float32
    assert changed.ndim == 1
    assert changed.size > 0
    assert np.isfinite(changed).all()
    if kind != "constant":  # a band limit may take all of a constant away
        assert np.abs(changed).max() > 0
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.0, 5e-6])
def test_silence_stays_as_it_is(name: str, level: float) -> None:
    silence = np.full(4000, level, np.float32)
    for copy in augmentations(name, 20, 0):
        assert np.array_equal(copy(silence, RATE_HZ, "clip"), silence)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_depends_on_seed_number_and_clip_alone(name: str) -> None:
    samples = sound("tone", 4000)
    first, second = augmentations(name, 2, 0)
    again = augmentations(name, 1, 0)[0]
    other_seed = augmentations(name, 1, 1)[0]
    reference = first(samples, RATE_HZ, "clip")
    second(samples, RATE_HZ, "clip")
    assert np.array_equal(again(samples, RATE_HZ, "clip"), reference)
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, second.fingerprint, other_seed.fingerprint}) == 3
    for copy, clip in ((second, "clip"), (other_seed, "clip"), (first, "other")):
        assert not np.array_equal(copy(samples, RATE_HZ, clip), reference)


def test_copies_do_not_depend_on_order_or_workers(tones: Dataset) -> None:
    transform = augmentations("speech", 1, 3)[0]
    forwards = extract_features(tones, LevelFrontend(window_s=8.0), transform=transform)
    backwards = extract_features(
        tones.take(np.arange(36)[::-1]), LevelFrontend(window_s=8.0), transform=transform, workers=2
    )
    assert np.array_equal(np.asarray(forwards.features), np.asarray(backwards.features)[::-1])


def test_noise_is_measured_against_the_word_and_not_the_pauses() -> None:
    word = np.pad(sound("tone", 2000), 30000)
    noisy = AUGMENTATIONS["light"](word, RATE_HZ, np.random.default_rng(0))
    pause, loudest = noisy[:20000], noisy[31000:33000]
    ratio_db = 10 * np.log10(np.mean(loudest**2) / np.mean(pause**2))
    assert 8 < ratio_db < 42


def test_none_makes_no_copies() -> None:
    assert augmentations("none", 0, 0) == []


@pytest.mark.parametrize(
    ("name", "n_copies", "message"),
    [
        ("none", 2, 'augmentation "none" with 2 copies changes nothing; name one of noise, light, speech'),
        ("light", 0, 'augmentation "light" with 0 copies changes nothing; set copies to 1 or more'),
        ("lite", 1, r'augmentation "lite" is not known; did you mean "light"\? \(known: light, noise, none, speech\)'),
    ],
)
def test_names_and_copies_that_contradict_each_other_are_refused(name: str, n_copies: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        augmentations(name, n_copies, 0)
