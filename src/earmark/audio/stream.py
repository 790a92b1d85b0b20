"""Sound from long files, block by block: memory does not grow with length."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.decoders import open_source
from earmark.audio.read import Cut, decode_pieces, n_expected_samples
from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError
from earmark.core.units import seconds_to_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

MAX_BLOCK_S = 3600.0


def stream_audio(
    path: str | Path,
    *,
    block_s: float = 10.0,
    rate_hz: int | None = None,
    mono: bool = False,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> Iterator[Waveform]:
    """Yield the sound in a file as blocks that, put together, equal `read_audio` of the same arguments.

    Every block but the last lasts `block_s` (at least a sample) at the rate of the result, and owns its memory.
    The arguments and the file are checked when the first block is asked for.

    Raises:
        AudioError: As `read_audio`; for a truncated file possibly only after its last good block.

    Example:
        >>> loudest = max(abs(block.samples).max() for block in stream_audio("night.flac"))  # doctest: +SKIP
    """
    path, cut = Path(path), Cut(start_s, duration_s, rate_hz, mono)
    cut.check(path)
    if not 0 < block_s <= MAX_BLOCK_S:
        raise AudioError(f"{path}: found block_s={block_s}, expected more than 0 and at most {MAX_BLOCK_S:.0f} seconds")
    with open_source(path) as source:
        out_hz = cut.rate_hz or source.spec.rate_hz
        block_samples = max(1, seconds_to_samples(block_s, out_hz))
        expected = n_expected_samples(source, cut)
        if expected is not None:
            block_samples = min(block_samples, max(1, expected))
        for block in _reblock(decode_pieces(source, path, cut), block_samples):
            yield Waveform(block, out_hz)


def _reblock(pieces: Iterable[NDArray[np.float32]], block_samples: int) -> Iterator[NDArray[np.float32]]:
    """Yield pieces of any length again as blocks of one length; only the last may be shorter."""
    block: NDArray[np.float32] | None = None
    filled = 0
    for piece in pieces:
        taken = 0
        while taken < piece.shape[1]:
            if block is None:
                block = np.empty((piece.shape[0], block_samples), dtype=np.float32)
            n_samples = min(piece.shape[1] - taken, block_samples - filled)
            block[:, filled : filled + n_samples] = piece[:, taken : taken + n_samples]
            taken += n_samples
            filled += n_samples
            if filled == block_samples:
                yield block
                block, filled = None, 0
    if block is not None:
        yield block[:, :filled].copy()
