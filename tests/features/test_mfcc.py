from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError
from earmark.features import FrontendSpec, MfccFrontend, mfcc

SMALL: dict[str, Any] = {"rate_hz": 8000, "fft_samples": 512, "window_s": 0.5, "hop_s": 0.25}


def _word(n_before: int, n_long: int, n_samples: int = 4000) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return a rising tone of n_long samples in silence, float32 (1, n_samples)."""
    sweep = np.sin(2 * np.pi * np.cumsum(np.linspace(300, 2000, n_long)) / 8000)
    sound = np.zeros((1, n_samples), dtype=np.float32)
    sound[0, n_before : n_before + n_long] = sweep
    return sound


def test_default_is_40_coefficients_with_two_orders_of_deltas() -> None:
    frontend = mfcc()
    assert frontend.spec.shape == (63, 120)
    assert (frontend.spec.rate_hz, frontend.spec.window_samples, frontend.spec.hop_samples) == (16000, 16000, 8000)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"deltas": 0}, (16, 40)),
        ({"deltas": 1, "n_mfcc": 13}, (16, 26)),
        ({"n_frames": 20}, (20, 120)),
        ({"n_frames": 7, "pooling": "flat"}, (840,)),
        ({"pooling": "mean"}, (120,)),
        ({"pooling": "max"}, (120,)),
        ({"pooling": "mean_std"}, (240,)),
        ({"pooling": "length_normalised", "n_frames": 10, "deltas": 0}, (400,)),
    ],
)
def test_shape_follows_the_options(options: dict[str, Any], shape: tuple[int, ...]) -> None:
    frontend = mfcc(**SMALL, **options)
    assert frontend.spec.shape == shape
    assert frontend(_word(0, 4000)).shape == (1, *shape)


def test_configuration_rebuilds_the_frontend() -> None:
    frontend = mfcc(**SMALL, pooling="mean")
    again = mfcc(**frontend.spec.config)
    assert again.spec == frontend.spec
    assert again.spec.fingerprint == frontend.spec.fingerprint
    assert again.spec.fingerprint != mfcc(**SMALL, pooling="max").spec.fingerprint


def test_padding_frames_are_zeros_and_truncation_keeps_the_first() -> None:
    natural = mfcc(**SMALL)(_word(0, 4000))
    padded = mfcc(**SMALL, n_frames=20)(_word(0, 4000))
    np.testing.assert_array_equal(padded[:, :16], natural)
    assert not padded[:, 16:].any()
    np.testing.assert_array_equal(mfcc(**SMALL, n_frames=5)(_word(0, 4000)), natural[:, :5])


def test_length_normalised_features_ignore_where_and_how_long_a_word_is() -> None:
    normalised = mfcc(**SMALL, pooling="length_normalised", n_frames=8, deltas=0, frame_hop_samples=64)
    plain = mfcc(**SMALL, pooling="flat", deltas=0, frame_hop_samples=64)

    def distance(frontend: MfccFrontend, first: Any, second: Any) -> float:
        return float(np.abs(frontend(first) - frontend(second)).mean())

    early, late, longer = _word(512, 1920), _word(1536, 1920), _word(512, 2880)
    assert distance(normalised, early, late) < 1e-3
    assert distance(normalised, early, longer) < 0.5 * distance(plain, early, longer)


def test_pooling_over_the_active_part_ignores_silence_around_it() -> None:
    noise = np.float32(0.1) * np.random.default_rng(1).standard_normal((1, 4000), dtype=np.float32)
    burst = noise.copy()
    burst[:, 2000:] = 0

    def shift(pool_over: str) -> float:
        frontend = mfcc(**SMALL, pooling="mean", pool_over=pool_over, deltas=0)
        return float(np.abs(frontend(burst) - frontend(noise))[0, 0])

    assert shift("active") < 0.1 * shift("all")


def test_mean_normalisation_removes_level_and_colour() -> None:
    frontend = mfcc(**SMALL, normalisation="mean", pooling="mean", deltas=0)
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal((1, 4000))).astype(np.float32)
    np.testing.assert_allclose(frontend(noise), 0, atol=1e-3)
    np.testing.assert_allclose(frontend(noise), frontend(np.float32(0.01) * noise), atol=2e-3)


def test_variance_normalisation_gives_unit_spread_and_leaves_silence_at_zero() -> None:
    frontend = mfcc(**SMALL, normalisation="mean_variance", deltas=0)
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal((1, 4000))).astype(np.float32)
    np.testing.assert_allclose(frontend(noise).std(axis=1), 1, atol=1e-3)
    assert not frontend(np.zeros((1, 4000), dtype=np.float32)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_mfc": 13}, 'frontend "mfcc": key "n_mfc" is not known; did you mean "n_mfcc"'),
        ({"poolng": "mean"}, 'did you mean "pooling"'),
        ({"pooling": "median"}, "key \"pooling\": found 'median'; .*'pad', 'flat'"),
        ({"n_mfcc": 0}, 'key "n_mfcc": found 0; .*greater than or equal to 1'),
        ({"window_s": float("nan")}, 'key "window_s": found nan'),
        ({"window_s": "long"}, "key \"window_s\": found 'long'"),
        ({"deltas": 3}, 'key "deltas": found 3'),
        ({"n_mfcc": 50, "n_mels": 40}, "n_mfcc 50 must not be more than n_mels 40"),
        ({"frame_samples": 1200}, "frame_samples 1200 is more than fft_samples 512; raise fft_samples to 2048"),
        ({"fmax_hz": 9000}, "fmax_hz 9000.0 is above half of rate_hz 16000"),
        ({"fmin_hz": 4000, "fmax_hz": 4000}, "fmin_hz 4000.0 must be below fmax_hz 4000.0"),
        ({"hop_s": 2}, "hop_s 2.0 is longer than window_s 1.0"),
        ({"window_s": 1e-9, "hop_s": 1e-9}, "must hold a sample at 16000 Hz"),
        ({"pooling": "mean", "n_frames": 4}, 'n_frames 4 has no effect with pooling "mean"'),
        ({"window_s": 0.02, "hop_s": 0.02}, "deltas need at least 3 frames, but a window has 2"),
        ({"fft_samples": 256}, "mel bands fall between the bins"),
    ],
)
def test_wrong_options_are_refused_with_what_to_do(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        mfcc(**options)


def test_a_window_of_two_frames_works_without_deltas() -> None:
    assert mfcc(window_s=0.02, hop_s=0.02, deltas=0).spec.shape == (2, 40)


def test_spec_is_a_frontend_spec() -> None:
    assert isinstance(mfcc().spec, FrontendSpec)
