"""The frontend `measures`: what can be measured of a sound as numbers that models learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.distortion.measures.block import BLOCK_S, cut_blocks
from earmark.distortion.measures.measure import Gathered, gather
from earmark.distortion.measures.spectra import take_spectra
from earmark.distortion.measures.table import NAMES, VERSION
from earmark.distortion.measures.texture import TEXTURE_NAMES, texture_of
from earmark.features.base import NATIVE_HZ, FrontendSpec, NativeFrontend, NativeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.distortion.measures.block import Block
    from earmark.distortion.measures.measurements import Measurements

LEAST_POWER = 1e-10
N_COLUMNS = len(NAMES) + len(TEXTURE_NAMES)


class MeasuresFrontend(NativeFrontend):
    """All measures and the texture of each block of ten seconds, then whether each could be assessed.

    A rest of less than one second belongs to the block before it. The first half of a row are values (`NAMES`, then
    `TEXTURE_NAMES`), 0 where there is none; the second half are ones and zeros.
    """

    def __init__(self) -> None:
        self.spec = native_spec("measures", (2 * N_COLUMNS,), {}, version=VERSION)

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        """Yield float32 (2 * n_columns,) for each block.

        Raises:
            AudioError: There is no sample, rate or channels change, or a sample is NaN, infinite or beyond +-1e6.
        """
        for block in cut_blocks(waveforms):
            found, texture = look(block)
            yield window_of(block, block_rows(found.values, found.assessable, texture))


def measures(**options: Any) -> MeasuresFrontend:
    """Return the frontend `measures`, which has no options. Raises ConfigError if any is given."""
    from earmark.core.config import Config, parse_config

    parse_config(Config, options, 'frontend "measures"')
    return MeasuresFrontend()


def look(block: Block) -> tuple[Measurements, NDArray[np.float32]]:
    """Return the measures of a block and its texture, float32 (n_textures,), NaN where untold."""
    spectra = take_spectra(block)
    alone = Gathered()
    alone.add(block, gather(block, spectra))
    return alone.summarised(), texture_of(block, spectra)


def block_rows(
    values: NDArray[np.float32], known: NDArray[np.bool_], texture: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return blocks as the frontend gives them, float32 (..., 2 * n_columns): all values, then their mask."""
    told = np.isfinite(texture)
    return np.concatenate([values, np.where(told, texture, 0), known, told], axis=-1, dtype=np.float32)


def native_spec(name: str, shape: tuple[int, ...], config: dict[str, Any], *, version: int) -> FrontendSpec:
    """Return the spec of a native frontend that looks at blocks of ten seconds."""
    return FrontendSpec(name, NATIVE_HZ, float(BLOCK_S), float(BLOCK_S), shape, config, version)


def window_of(block: Block, features: NDArray[np.float32]) -> NativeWindow:
    """Return what was made of a block with its level and place."""
    power = max(float(np.vdot(channel, channel)) for channel in block.samples) / block.samples.shape[1]
    end_samples = block.start_samples + block.samples.shape[1]
    level_db = float(10 * np.log10(max(power, LEAST_POWER)))
    return NativeWindow(features, level_db, block.start_s, end_samples / block.rate_hz)
