"""Native frontends joined into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError
from earmark.distortion.designs.joined import JoinedFrontend, measures_midside
from earmark.distortion.designs.spectra import midside
from earmark.distortion.frontend import measures
from earmark.features.testing import NativeFrontendContract, noise

if TYPE_CHECKING:
    from earmark.features.base import NativeFrontend


class TestJoined(NativeFrontendContract):
    def frontend(self) -> NativeFrontend:
        return JoinedFrontend([midside(n_bands=16, n_frames=8), measures()])


def test_features_of_each_follow_on_each_other() -> None:
    sound = noise(2, 540_000, 44_100)
    (found, rest), parts = measures_midside().measure([sound]), (measures(), midside())
    for number, window in enumerate((found, rest)):
        each = [list(part.measure([sound]))[number] for part in parts]
        np.testing.assert_array_equal(window.features, np.concatenate([one.features.ravel() for one in each]))
        assert (window.level_db, window.start_s, window.end_s) == (each[0].level_db, each[0].start_s, each[0].end_s)


def test_a_part_that_changes_changes_the_whole() -> None:
    whole = measures_midside().spec
    assert whole.version == measures().spec.version + midside().spec.version
    assert whole.shape == (measures().spec.shape[0] + 2 * 128 * 251,)
    with pytest.raises(ConfigError, match="n_bands"):
        measures_midside(n_bands=16)
