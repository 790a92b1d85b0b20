"""The frontend `measures`: what a person can read of a sound as numbers that models learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.distortion.measures.block import BLOCK_S, cut_blocks
from earmark.distortion.measures.measure import Gathered, gather
from earmark.distortion.measures.table import NAMES, VERSION
from earmark.features.base import NATIVE_HZ, FrontendSpec, NativeFrontend, NativeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.distortion.measures.block import Block
    from earmark.distortion.measures.measurements import Measurements

LEAST_POWER = 1e-10


class MeasuresFrontend(NativeFrontend):
    """All measures of each block of ten seconds: `NAMES`, then whether each could be assessed.

    A rest of less than one second belongs to the block before it. The first half of a row are values, 0 where there is
    none; the second half are ones and zeros.
    """

    def __init__(self) -> None:
        self.spec = native_spec("measures", (2 * len(NAMES),), {}, version=VERSION)

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        """Yield float32 (2 * n_measures,) for each block.

        Raises:
            AudioError: There is no sample, rate or channels change, or a sample is NaN, infinite or beyond +-1e6.
        """
        for block in cut_blocks(waveforms):
            alone = Gathered()
            alone.add(block, gather(block))
            yield window_of(block, measures_row(alone.summarised()))


def measures(**options: Any) -> MeasuresFrontend:
    """Return the frontend `measures`, which has no options. Raises ConfigError if any is given."""
    from earmark.core.config import Config, parse_config

    parse_config(Config, options, 'frontend "measures"')
    return MeasuresFrontend()


def measures_row(found: Measurements) -> NDArray[np.float32]:
    """Return measurements as the frontend gives them, float32 (2 * n_measures,): values, then their mask."""
    return np.concatenate([found.values, found.assessable.astype(np.float32)])


def native_spec(name: str, shape: tuple[int, ...], config: dict[str, Any], *, version: int) -> FrontendSpec:
    """Return the spec of a native frontend that looks at blocks of ten seconds."""
    return FrontendSpec(name, NATIVE_HZ, float(BLOCK_S), float(BLOCK_S), shape, config, version)


def window_of(block: Block, features: NDArray[np.float32]) -> NativeWindow:
    """Return what was made of a block with its level and place."""
    power = max(float(np.vdot(channel, channel)) for channel in block.samples) / block.samples.shape[1]
    end_samples = block.start_samples + block.samples.shape[1]
    level_db = float(10 * np.log10(max(power, LEAST_POWER)))
    return NativeWindow(features, level_db, block.start_s, end_samples / block.rate_hz)
