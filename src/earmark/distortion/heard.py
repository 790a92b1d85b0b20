"""What was measured of a file, block by block.

Kept of each second that has passed are a hundred bytes and of each block four kilobytes: a day takes 45 MB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.assessable import why_silent
from earmark.distortion.frontend import block_rows, look
from earmark.distortion.measures.block import cut_blocks
from earmark.distortion.measures.table import LINE_NAMES, NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.distortion.measures.measurements import Evidence, Measurements

MOMENTS = ("clicks_per_s", "dropouts_per_s")
MOST_MOMENTS = 500  # clicks and drop-outs each, the strongest of the file

# How the measures of several blocks become that of the file; all others are the median block's.
HIGHEST = {"peak_dbfs", "true_peak_dbtp", "dc_offset", "bit_depth", "flat_top_run_samples", "flat_top_dbfs"}
HIGHEST |= {"longest_dropout_ms"}
SHARES = {"silence_share", "full_scale_share", "flat_top_share", "hole_share", "clicks_per_s", "dropouts_per_s"}
SHARES |= {"dropout_share", "negative_share"}


@dataclass(frozen=True, eq=False)
class Heard:
    """Everything that was measured of a file.

    Attributes:
        rate_hz: Samples per second and channel.
        n_channels: Number of channels.
        duration_s: Duration.
        silences: For each block why there is no sound in it, None if there is.
        silence: Why there is none in the loudest block.
        blocks_s: float64 (n_blocks, 2), begin and end of each block.
        values: float32 (n_blocks, n_measures), 0 where not known.
        known: bool (n_blocks, n_measures).
        texture: float32 (n_blocks, n_textures), NaN where not known.
        line: float32 (n_seconds, n_line), the time line of all blocks, 0 where not known.
        line_known: bool (n_seconds, n_line).
        times_s: float64 (n_seconds, 2), begin and end of each second.
        block_of: int64 (n_seconds,), the block that a second lies in.
        moments: Clicks and drop-outs in order of time.
    """

    rate_hz: int
    n_channels: int
    duration_s: float
    silences: tuple[str | None, ...]
    silence: str | None
    blocks_s: NDArray[np.float64]
    values: NDArray[np.float32]
    known: NDArray[np.bool_]
    texture: NDArray[np.float32]
    line: NDArray[np.float32]
    line_known: NDArray[np.bool_]
    times_s: NDArray[np.float64]
    block_of: NDArray[np.int64]
    moments: tuple[Evidence, ...]

    @property
    def with_sound(self) -> NDArray[np.intp]:
        """The numbers of the blocks that hold sound."""
        return np.array([number for number, why in enumerate(self.silences) if why is None], dtype=np.intp)

    def rows(self) -> NDArray[np.float32]:
        """Return what the graph for blocks takes: the rows of the frontend, float32 (n_blocks, 2 * n_columns)."""
        return block_rows(self.values, self.known, self.texture)

    @property
    def fold_down_loss_db(self) -> float | None:
        """What the mean of two channels loses against their mean power; None without a pair that sounds."""
        place = LINE_NAMES.index("fold_down_loss_db")
        there = self.line_known[:, place]
        if not there.any():
            return None
        lengths_s = self.times_s[there, 1] - self.times_s[there, 0]
        power = lengths_s * 10 ** (self.line[there, LINE_NAMES.index("rms_dbfs")].astype(np.float64) / 10)
        left = power * 10 ** (-self.line[there, place].astype(np.float64) / 10)
        return float(np.clip(10 * np.log10(power.sum() / left.sum()), 0, 60))

    def measures(self) -> dict[str, float | None]:
        """Return the measures of the file by name, None where no block could be assessed."""
        lengths_s = self.blocks_s[:, 1] - self.blocks_s[:, 0]
        return {name: self._of_file(place, name, lengths_s) for place, name in enumerate(NAMES)}

    def _of_file(self, place: int, name: str, lengths_s: NDArray[np.float64]) -> float | None:
        there = self.known[:, place]
        if not there.any():
            return None
        values = self.values[there, place]
        if len(values) == 1 or name in HIGHEST:
            return float(values.max())
        return float(np.average(values, weights=lengths_s[there]) if name in SHARES else np.median(values))


def listen(waveforms: Iterable[Waveform]) -> Heard:
    """Measure sound block by block, in constant memory but for the rows that are kept.

    Raises:
        AudioError: There is no sample, a sample is not finite, or rate or channels change on the way.
    """
    found: list[Measurements] = []
    textures: list[NDArray[np.float32]] = []
    silences: list[str | None] = []
    moments: list[Evidence] = []
    loudest, silence = -1.0, None
    for block in cut_blocks(waveforms):
        measured, texture = look(block)
        textures.append(texture)
        moments = _strongest(moments + [each for each in measured.evidence if each.measure in MOMENTS])
        found.append(replace(measured, evidence=(), reasons={}))
        silences.append(why_silent(block))
        if block.peak > loudest:
            loudest, silence = block.peak, silences[-1]
    last = found[-1]
    lengths = [len(each.times_s) for each in found]
    return Heard(
        rate_hz=last.rate_hz,
        n_channels=last.n_channels,
        duration_s=float(last.times_s[-1, 1]),
        silences=tuple(silences),
        silence=silence,
        blocks_s=np.array([[each.times_s[0, 0], each.times_s[-1, 1]] for each in found]),
        values=np.stack([each.values for each in found]),
        known=np.stack([each.assessable for each in found]),
        texture=np.stack(textures),
        line=np.concatenate([each.line for each in found]),
        line_known=np.concatenate([each.line_assessable for each in found]),
        times_s=np.concatenate([each.times_s for each in found]),
        block_of=np.repeat(np.arange(len(found)), lengths),
        moments=tuple(moments),
    )


def _strongest(moments: list[Evidence]) -> list[Evidence]:
    if len(moments) <= MOST_MOMENTS:
        return moments
    kept: list[Evidence] = []
    for name in MOMENTS:
        kept += sorted((each for each in moments if each.measure == name), key=lambda each: -each.value)[:MOST_MOMENTS]
    return sorted(kept, key=lambda each: (each.start_s, each.measure))
