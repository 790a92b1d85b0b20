"""A spectrogram of any length of sound as a small picture, read block by block."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.stream import stream_audio
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N_COLUMNS = 880
N_ROWS = 150
FRAME_S = 0.023  # 1024 samples at 44.1 kHz: short enough for clicks, long enough to part the lines of hum
FRAMES_PER_COLUMN = 4
HIGHEST_HZ = 24_000.0
RANGE_DB = 84.0
QUIETEST_TOP_DB = -36.0  # 84 dB below a full-scale tone in such frames: silence stays dark
BLOCK_S = 10.0
# From silence to full: even steps of lightness, so that it reads in grey too. Few levels pack well.
N_LEVELS = 40
_STOPS = ((10, 12, 28), (62, 24, 106), (147, 38, 103), (221, 81, 58), (249, 160, 40), (252, 246, 190))


def spectrograms(
    path: Path, rate_hz: int, part_s: tuple[float, float], *, mid_and_side: bool = False
) -> list[NDArray[np.uint8]]:
    """Return pictures of levels, uint8 (n_rows, n_columns) below `N_LEVELS`, the highest frequency first.

    Args:
        path: Audio file.
        rate_hz: Its rate.
        part_s: Begin and duration of the part to draw.
        mid_and_side: Whether to return the mean of two channels and half their difference instead of one picture of
            the power of all channels.

    Raises:
        AudioError: It cannot be read.
    """
    start_s, duration_s = part_s
    n_samples = max(1, round(duration_s * rate_hz))
    n_frame = 2 ** int(np.clip(np.log2(FRAME_S * rate_hz + 1), 5, 12))
    starts = np.linspace(0, max(0, n_samples - n_frame), N_COLUMNS * FRAMES_PER_COLUMN).astype(np.int64)
    powers = np.zeros((2 if mid_and_side else 1, N_COLUMNS, n_frame // 2 + 1))
    window = np.hanning(n_frame).astype(np.float32)
    buffer = np.zeros((0, 0), dtype=np.float32)
    passed = taken = 0
    blocks = stream_audio(path, block_s=BLOCK_S, start_s=start_s, duration_s=duration_s)
    for block in blocks:
        samples = _views(block.samples, mid_and_side=mid_and_side)
        buffer = np.concatenate([buffer, samples], axis=1) if buffer.size else samples
        last = int(np.searchsorted(starts, passed + buffer.shape[1] - n_frame, side="right"))
        _add(powers, buffer, starts[taken:last] - passed, np.arange(taken, last) // FRAMES_PER_COLUMN, window)
        taken = last
        keep = min(buffer.shape[1], max(0, int(starts[min(taken, len(starts) - 1)]) - passed))
        buffer, passed = buffer[:, keep:], passed + keep
    if not buffer.size and not taken:
        raise AudioError(f"{path}: holds no sound to draw")
    if not taken:  # shorter than one frame
        before = (n_frame - buffer.shape[1]) // 2  # the middle of the frame, where the window lets sound through
        padded = np.pad(buffer, ((0, 0), (before, n_frame - buffer.shape[1] - before)))
        _add(powers, padded, np.zeros(N_COLUMNS, dtype=np.int64), np.arange(N_COLUMNS), window)
    return _levels(powers, rate_hz)


def to_png(levels: NDArray[np.uint8]) -> bytes:
    """Return a picture of levels as the bytes of a PNG with a palette (W3C, PNG specification, third edition)."""
    height, width = levels.shape
    stops = np.array(_STOPS, dtype=np.float64)
    places = np.linspace(0, len(stops) - 1, N_LEVELS)
    palette = np.stack([np.interp(places, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
    lines = np.concatenate([np.zeros((height, 1), dtype=np.uint8), levels], axis=1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.round().astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def highest_hz(rate_hz: int) -> float:
    """Return the frequency at the upper edge of the pictures."""
    return min(rate_hz / 2, HIGHEST_HZ)


def _views(samples: NDArray[np.float32], *, mid_and_side: bool) -> NDArray[np.float32]:
    if not mid_and_side:
        return samples
    left, right = samples[0], samples[-1]
    return np.stack([(left + right) / 2, (left - right) / 2])


def _add(
    powers: NDArray[np.float64],
    samples: NDArray[np.float32],
    starts: NDArray[np.int64],
    columns: NDArray[np.int64],
    window: NDArray[np.float32],
) -> None:
    """Add the power of frames to their columns; all channels to one picture where there is one."""
    if not len(starts):
        return
    for place, channel in enumerate(samples):
        frames = np.lib.stride_tricks.sliding_window_view(channel, len(window))[starts]
        spectra = np.fft.rfft(frames * window, axis=1)
        np.add.at(powers[min(place, len(powers) - 1)], columns, np.square(np.abs(spectra)))


def _levels(powers: NDArray[np.float64], rate_hz: int) -> list[NDArray[np.uint8]]:
    """Return powers (n_pictures, n_columns, n_bins) as levels, on one scale for all pictures."""
    n_bins = 1 + round((powers.shape[2] - 1) * highest_hz(rate_hz) / (rate_hz / 2))
    edges = np.linspace(0, n_bins, min(N_ROWS, n_bins) + 1).astype(int)[:-1]
    rows = np.add.reduceat(powers[:, :, :n_bins], edges, axis=2)
    rows /= np.diff([*edges, n_bins])
    levels_db = 10 * np.log10(rows + 1e-12)
    top_db = max(QUIETEST_TOP_DB, float(np.quantile(levels_db, 0.999)))
    scaled = np.clip((levels_db - top_db) / RANGE_DB + 1, 0, 1) * (N_LEVELS - 1)
    return [picture.round().astype(np.uint8).T[::-1] for picture in scaled]
