"""The contract of frontends as a class of tests: subclass it, give a frontend, and every rule is checked.

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

from earmark.core.errors import AudioError
from earmark.features.base import Frontend, FrontendSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
            self._assert_refused(frontend, wrong)
        self._assert_refused(frontend, (windows * 32767).astype(np.int16))

    def _assert_refused(self, frontend: Frontend, windows: NDArray[np.float32]) -> None:
        try:
            frontend(windows)
        except AudioError as error:
            if frontend.spec.name not in str(error):
                raise AssertionError(f"the message does not name the frontend: {error}") from error
        else:
            raise AssertionError(f"took windows of {windows.dtype} {windows.shape} that break its spec")

    def _assert_same(self, found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
        allowed = self.tolerance * float(np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=allowed)
