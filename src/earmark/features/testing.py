"""The contracts of frontends as classes of tests: subclass one, give a frontend, and every rule is checked.

Example::

    class TestMine(FrontendContract):
        def frontend(self) -> Frontend:
            return my_frontend()
"""

# ruff: noqa: S101 - a test suite that ships with the package
from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError
from earmark.features.base import Frontend, FrontendSpec, NativeFrontend, NativeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

RATE_HZ = 44_100  # of most sounds that native frontends are tried on


class FrontendContract:
    """Tests that every frontend passes. Fails with AssertionError.

    Attributes:
        tolerance: Largest difference between batches, relative to the largest feature; 0 where bits must agree.
    """

    tolerance: float = 0.0

    def frontend(self) -> Frontend:
        """Return a new frontend; equal ones each time."""
        raise NotImplementedError

    def sounds(self, spec: FrontendSpec) -> NDArray[np.float32]:
        """Return windows of many kinds, float32 (8, n_samples)."""
        rng = np.random.default_rng(7)
        n_samples = spec.window_samples
        times_s = np.arange(n_samples) / spec.rate_hz
        tone = np.sin(2 * np.pi * 440 * times_s)
        impulse = np.zeros(n_samples)
        impulse[n_samples // 2] = 1.0
        noise = rng.standard_normal((2, n_samples))
        late = np.where(np.arange(n_samples) > 0.7 * n_samples, noise[0], 0.0)
        kinds = [tone, 0.1 * noise[0], noise[1].clip(-1, 1), impulse, 0 * tone, 1e-5 * tone, np.sign(tone), 0.1 * late]
        return np.array(kinds, dtype=np.float32)

    def test_is_a_frontend_with_a_complete_spec(self) -> None:
        """The spec names the frontend, a window of at least a sample and a shape of positive numbers."""
        frontend = self.frontend()
        spec = frontend.spec
        assert isinstance(frontend, Frontend)
        assert spec.name
        assert spec.rate_hz > 0
        assert 1 <= spec.hop_samples <= spec.window_samples
        assert spec.shape
        assert all(length > 0 for length in spec.shape)

    def test_configuration_is_plain_json_and_fingerprints_agree(self) -> None:
        """What rebuilds the frontend survives JSON, and equal frontends have equal fingerprints."""
        spec, again = self.frontend().spec, self.frontend().spec
        assert json.loads(json.dumps(spec.config)) == spec.config
        assert spec.fingerprint == again.fingerprint
        assert replace(spec, version=spec.version + 1).fingerprint != spec.fingerprint

    def test_features_are_finite_float32_of_the_shape_in_the_spec(self) -> None:
        """Tones, noise, clipping, impulses, silence and near-silence all give finite numbers."""
        frontend = self.frontend()
        windows = self.sounds(frontend.spec)
        features = frontend(windows)
        assert features.shape == (len(windows), *frontend.spec.shape)
        assert features.dtype == np.float32
        assert np.isfinite(features).all()

    def test_features_tell_sounds_apart(self) -> None:
        """A tone and noise do not give the same numbers."""
        frontend = self.frontend()
        features = frontend(self.sounds(frontend.spec))
        assert np.abs(features[0] - features[1]).max() > 0

    def test_features_of_a_window_do_not_depend_on_the_batch(self) -> None:
        """Alone, in pairs, in another order: every window gives the numbers it gives among others."""
        frontend = self.frontend()
        windows = self.sounds(frontend.spec)
        together = frontend(windows)
        alone = np.concatenate([frontend(windows[row : row + 1]) for row in range(len(windows))])
        pairs = np.concatenate([frontend(windows[row : row + 2]) for row in range(0, len(windows), 2)])
        many = frontend(np.tile(windows, (5, 1)))[-len(windows) :]
        for other in (alone, pairs, many, frontend(windows[::-1])[::-1]):
            self._assert_same(other, together)

    def test_is_deterministic_and_leaves_the_windows_alone(self) -> None:
        """The same call gives the same bits, and the input stays as it was."""
        frontend = self.frontend()
        windows = self.sounds(frontend.spec)
        before = windows.copy()
        first = frontend(windows)
        np.testing.assert_array_equal(frontend(windows), first)
        np.testing.assert_array_equal(self.frontend()(windows), first)
        np.testing.assert_array_equal(windows, before)

    def test_takes_read_only_views(self) -> None:
        """Windows cut from a recording are overlapping read-only views; they give what copies give."""
        frontend = self.frontend()
        n_samples = frontend.spec.window_samples
        recording = np.concatenate(list(self.sounds(frontend.spec)[:2]))
        views = np.lib.stride_tricks.sliding_window_view(recording, n_samples)[:: max(1, n_samples // 2)]
        self._assert_same(frontend(views), frontend(np.ascontiguousarray(views)))

    def test_no_windows_give_no_features(self) -> None:
        """An empty batch gives an empty array of the right shape."""
        frontend = self.frontend()
        nothing = frontend(np.empty((0, frontend.spec.window_samples), dtype=np.float32))
        assert nothing.shape == (0, *frontend.spec.shape)
        assert nothing.dtype == np.float32

    def test_survives_pickling(self) -> None:
        """A worker process gets a frontend that gives the same numbers."""
        frontend = self.frontend()
        windows = self.sounds(frontend.spec)
        copy: Frontend = pickle.loads(pickle.dumps(frontend))  # noqa: S301 - packed on this line
        assert copy.spec == frontend.spec
        np.testing.assert_array_equal(copy(windows), frontend(windows))

    def test_refuses_windows_that_break_the_spec(self) -> None:
        """Another length, one dimension, another type, NaN and infinity are errors that name the frontend."""
        frontend = self.frontend()
        windows = self.sounds(frontend.spec)
        holes = windows.copy()
        holes[1, 3] = np.nan
        endless = windows.copy()
        endless[2, 0] = np.inf
        for wrong in (windows[:, :-1], np.pad(windows, ((0, 0), (0, 1))), windows[0], holes, endless):
            _assert_refused(frontend, wrong)
        _assert_refused(frontend, (windows * 32767).astype(np.int16))

    def _assert_same(self, found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
        allowed = self.tolerance * float(np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=allowed)


class NativeFrontendContract:
    """Tests that every native frontend passes. Fails with AssertionError."""

    def frontend(self) -> NativeFrontend:
        """Return a new frontend; equal ones each time."""
        raise NotImplementedError

    def test_is_a_frontend_with_a_complete_spec(self) -> None:
        """The spec says that it is native, names it, and gives a shape of positive numbers."""
        frontend = self.frontend()
        spec = frontend.spec
        assert isinstance(frontend, Frontend)
        assert spec.native
        assert spec.name
        assert spec.window_s > 0
        assert spec.shape
        assert all(length > 0 for length in spec.shape)

    def test_configuration_is_plain_json_and_fingerprints_agree(self) -> None:
        """What rebuilds the frontend survives JSON, and equal frontends have equal fingerprints."""
        spec, again = self.frontend().spec, self.frontend().spec
        assert json.loads(json.dumps(spec.config)) == spec.config
        assert spec.fingerprint == again.fingerprint
        assert replace(spec, version=spec.version + 1).fingerprint != spec.fingerprint

    def test_any_rate_and_any_number_of_channels_gives_finite_float32(self) -> None:
        """8 kHz to 192 kHz, one to eight channels, three samples to two seconds."""
        for rate_hz, n_channels, n_samples in (
            (8000, 1, 3),
            (8000, 2, 16_000),
            (11_025, 1, 9000),
            (16_000, 2, 1),
            (44_100, 1, 44_100),
            (44_100, 8, 60_000),
            (47_999, 2, 50_000),
            (192_000, 2, 250_000),
        ):
            (window,) = self.windows([noise(n_channels, n_samples, rate_hz)])
            assert abs(window.end_s - n_samples / rate_hz) < 1e-6

    def test_extreme_sounds_give_finite_float32(self) -> None:
        """Silence, one impulse, an offset, full scale, one silent channel and what is far too faint or loud."""
        rng = np.random.default_rng(5)
        impulse = np.zeros((2, 30_000))
        impulse[0, 999] = 1
        one_sided = rng.uniform(-1, 1, (2, 30_000)) * np.array([[1.0], [0.0]])
        loud = 9e5 * rng.uniform(-1, 1, (2, 30_000))
        still = [np.full((2, 30_000), level) for level in (0.0, 0.25, 1.0, 1e-30)]
        for samples in (impulse, one_sided, loud, *still):
            self.windows([Waveform(samples.astype(np.float32), RATE_HZ)])

    def test_windows_follow_on_each_other_whatever_the_chunks(self) -> None:
        """A sound cut anywhere, even into samples of a second and nothing, gives the numbers of the whole."""
        spec = self.frontend().spec
        sound = noise(2, round(2.53 * spec.window_s * 8000), 8000)
        whole = self.windows([sound])
        assert len(whole) > 1
        assert whole[0].start_s == 0
        assert abs(whole[-1].end_s - sound.duration_s) < 1e-6
        for step in (4001, 70_001):
            pieces = self.windows([*chunks(sound, step), Waveform(sound.samples[:, :0], 8000)])
            for one, other in zip(whole, pieces, strict=True):
                np.testing.assert_array_equal(one.features, other.features)
                assert (one.level_db, one.start_s, one.end_s) == (other.level_db, other.start_s, other.end_s)

    def test_tells_sounds_apart_and_says_how_loud_they_are(self) -> None:
        """Noise and a tone do not give the same numbers; levels are those of the samples."""
        times_s = np.arange(RATE_HZ) / RATE_HZ
        tone = Waveform(np.float32(0.5) * np.sin(2 * np.pi * 440 * times_s, dtype=np.float32)[np.newaxis], RATE_HZ)
        (of_tone,), (of_noise,) = self.windows([tone]), self.windows([noise(1, RATE_HZ, RATE_HZ)])
        assert np.abs(of_tone.features - of_noise.features).max() > 0
        assert abs(of_tone.level_db - 20 * np.log10(0.5 / np.sqrt(2))) < 0.1
        (silence,) = self.windows([Waveform(np.zeros((2, 5000), dtype=np.float32), RATE_HZ)])
        assert silence.level_db == -100

    def test_is_deterministic_pickles_and_leaves_the_sound_alone(self) -> None:
        """The same sound gives the same bits, in a worker process too, and stays as it was."""
        frontend, sound = self.frontend(), noise(2, 30_000, RATE_HZ)
        before = sound.samples.copy()
        (first,) = frontend.measure([sound])
        copy: NativeFrontend = pickle.loads(pickle.dumps(frontend))  # noqa: S301 - packed on this line
        assert copy.spec == frontend.spec
        for other in (frontend, self.frontend(), copy):
            (again,) = other.measure([sound])
            np.testing.assert_array_equal(again.features, first.features)
        np.testing.assert_array_equal(sound.samples, before)

    def test_refuses_what_is_no_sound(self) -> None:
        """No sample, NaN, infinity and a rate or number of channels that changes are errors."""
        sound = noise(2, 1000, RATE_HZ)
        holes = sound.samples.copy()
        holes[1, 3] = np.nan
        endless = sound.samples.copy()
        endless[0, 3] = np.inf
        for wrong in (
            [],
            [Waveform(sound.samples[:, :0], RATE_HZ)],
            [Waveform(holes, RATE_HZ)],
            [Waveform(endless, RATE_HZ)],
            [sound, noise(1, 1000, RATE_HZ)],
            [sound, noise(2, 1000, 8000)],
        ):
            self._assert_no_sound(wrong)

    def test_refuses_mono_windows(self) -> None:
        """What only knows windows of one rate is told that this frontend does not take them."""
        _assert_refused(self.frontend(), np.zeros((3, 100), dtype=np.float32))

    def windows(self, waveforms: Iterable[Waveform]) -> list[NativeWindow]:
        """Return the windows of a sound, each checked against the spec."""
        frontend = self.frontend()
        found = list(frontend.measure(waveforms))
        assert found
        for window in found:
            assert window.features.shape == frontend.spec.shape
            assert window.features.dtype == np.float32
            assert np.isfinite(window.features).all()
            assert -100 <= window.level_db < 200
            assert 0 <= window.start_s < window.end_s
        return found

    def _assert_no_sound(self, waveforms: list[Waveform]) -> None:
        try:
            list(self.frontend().measure(waveforms))
        except AudioError:
            return
        raise AssertionError(f"took {[each.samples.shape for each in waveforms]}")


def _assert_refused(frontend: Frontend, windows: NDArray[np.float32]) -> None:
    try:
        frontend(windows)
    except AudioError as error:
        if frontend.spec.name not in str(error):
            raise AssertionError(f"the message does not name the frontend: {error}") from error
    else:
        raise AssertionError(f"took windows of {windows.dtype} {windows.shape} that break its spec")


def noise(n_channels: int, n_samples: int, rate_hz: int) -> Waveform:
    """Return noise, the same for equal arguments, its channels related but not alike."""
    rng = np.random.default_rng([n_channels, n_samples, rate_hz])
    shared = rng.uniform(-0.4, 0.4, n_samples)
    return Waveform((shared + rng.uniform(-0.2, 0.2, (n_channels, n_samples))).astype(np.float32), rate_hz)


def chunks(sound: Waveform, step: int) -> Iterator[Waveform]:
    """Yield a sound in pieces of `step` samples."""
    for start in range(0, sound.n_samples, step):
        yield Waveform(sound.samples[:, start : start + step], sound.rate_hz)
