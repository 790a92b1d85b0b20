"""Native frontends joined into one, whose features are those of each, one after the other."""

from __future__ import annotations

import itertools
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.config import Config, parse_config
from earmark.distortion.designs.spectra import midside
from earmark.distortion.frontend import measures, native_spec
from earmark.features.base import NativeFrontend, NativeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from earmark.audio.waveform import Waveform


class JoinedFrontend(NativeFrontend):
    """Several native frontends of the same blocks as one: their features flattened and joined, float32 (dim,).

    Args:
        frontends: Each without options.
    """

    def __init__(self, frontends: Sequence[NativeFrontend]) -> None:
        self._frontends = tuple(frontends)
        specs = [frontend.spec for frontend in frontends]
        name = "_".join(spec.name for spec in specs)
        dim = sum(prod(spec.shape) for spec in specs)
        # Versions only go up, and so does their sum.
        self.spec = native_spec(name, (dim,), {}, version=sum(spec.version for spec in specs))

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        """Yield what all frontends make of each block.

        Raises:
            AudioError: There is no sample, rate or channels change, or a sample is NaN, infinite or beyond +-1e6.
        """
        copies = itertools.tee(waveforms, len(self._frontends))
        streams = [frontend.measure(copy) for frontend, copy in zip(self._frontends, copies, strict=True)]
        for windows in zip(*streams, strict=True):
            first = windows[0]
            yield NativeWindow(
                np.concatenate([window.features.ravel() for window in windows]),
                first.level_db,
                first.start_s,
                first.end_s,
            )


def measures_midside(**options: Any) -> JoinedFrontend:
    """Return the frontend of measures and pictures, which has no options. Raises ConfigError if any is given."""
    parse_config(Config, options, 'frontend "measures_midside"')
    return JoinedFrontend([measures(), midside()])
