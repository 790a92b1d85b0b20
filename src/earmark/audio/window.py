"""Windows: equal stretches of sound, the same for a whole file and for any chunking of it.

Window k starts at sample ``k * hop_samples``. There are just as many windows as it takes to reach the last sample; the
last one is padded with zeros at its end if need be.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


def count_windows(n_samples: int, window_samples: int, hop_samples: int) -> int:
    """Return how many windows it takes to reach the last of n_samples.

    Raises:
        AudioError: There are no samples, or the lengths are not ``1 <= hop_samples <= window_samples``.
    """
    _check_lengths(window_samples, hop_samples)
    if n_samples < 1:
        raise AudioError(f"windows: found {n_samples} samples, expected at least one")
    return 1 + max(0, -(-(n_samples - window_samples) // hop_samples))


def window_starts(n_samples: int, window_samples: int, hop_samples: int) -> NDArray[np.int64]:
    """Return the first sample of each window, int64 (n_windows,). Raises AudioError as `count_windows`."""
    return np.arange(count_windows(n_samples, window_samples, hop_samples), dtype=np.int64) * hop_samples


def cut_windows(samples: NDArray[np.float32], window_samples: int, hop_samples: int) -> NDArray[np.float32]:
    """Return the windows of a sound.

    Args:
        samples: float32 (n_samples,).
        window_samples: Length of a window.
        hop_samples: Distance between the starts of neighbours, at most `window_samples`.

    Returns:
        float32 (n_windows, window_samples); a read-only view of `samples` where no window needs padding.

    Raises:
        AudioError: The samples are empty, of another type or shape, or the lengths make no sense.

    Example:
        >>> cut_windows(np.arange(5, dtype=np.float32), 4, 2)
        array([[0., 1., 2., 3.],
               [2., 3., 4., 0.]], dtype=float32)
    """
    _check_samples(samples)
    n_windows = count_windows(len(samples), window_samples, hop_samples)
    needed = (n_windows - 1) * hop_samples + window_samples
    if needed > len(samples):
        samples = np.concatenate([samples, np.zeros(needed - len(samples), dtype=np.float32)])
    return _full_windows(samples, window_samples, hop_samples)


class WindowCutter:
    """Cuts sound that comes in blocks; all windows together equal `cut_windows` of the whole, bit by bit.

    Keeps less than one window between calls.

    Args:
        window_samples: Length of a window.
        hop_samples: Distance between the starts of neighbours, at most `window_samples`.

    Raises:
        AudioError: The lengths are not ``1 <= hop_samples <= window_samples``.
    """

    def __init__(self, window_samples: int, hop_samples: int) -> None:
        _check_lengths(window_samples, hop_samples)
        self.window_samples = window_samples
        self.hop_samples = hop_samples
        self._tail = np.empty(0, dtype=np.float32)  # from the start of the next window on
        self._n_received = 0
        self._n_given = 0

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the windows that are complete with one more block.

        Args:
            block: float32 (n_samples,), of any length.

        Returns:
            float32 (n_windows, window_samples), read-only; often 0 windows.

        Raises:
            AudioError: The block is of another type or shape.
        """
        _check_samples(block, may_be_empty=True)
        self._n_received += len(block)
        content = np.concatenate([self._tail, block]) if len(self._tail) else block.copy()
        if len(content) < self.window_samples:
            self._tail = content
            return np.empty((0, self.window_samples), dtype=np.float32)
        windows = _full_windows(content, self.window_samples, self.hop_samples)
        self._n_given += len(windows)
        self._tail = content[len(windows) * self.hop_samples :].copy()
        return windows

    def finish(self) -> NDArray[np.float32]:
        """Return the last window, padded, if the sound reaches beyond those given; the cutter can start anew.

        Returns:
            float32 (n_windows, window_samples) with 0 or 1 windows.

        Raises:
            AudioError: No sound was pushed at all.
        """
        n_windows = count_windows(self._n_received, self.window_samples, self.hop_samples) - self._n_given
        last = np.zeros((n_windows, self.window_samples), dtype=np.float32)
        if n_windows:
            last[0, : len(self._tail)] = self._tail
        self._tail = np.empty(0, dtype=np.float32)
        self._n_received = self._n_given = 0
        return last


def cut_batches(
    blocks: Iterable[NDArray[np.float32]], window_samples: int, hop_samples: int, batch_windows: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the windows of sound that comes in blocks, `batch_windows` at a time whatever the blocks.

    Args:
        blocks: float32 (n_samples,) of any length.
        window_samples: Length of a window.
        hop_samples: Distance between the starts of neighbours, at most `window_samples`.
        batch_windows: Windows in each batch but the last, which may have fewer.

    Yields:
        float32 (n_windows, window_samples).

    Raises:
        AudioError: There is no sound at all, or the lengths make no sense.
    """
    cutter = WindowCutter(window_samples, hop_samples)
    batch: NDArray[np.float32] | None = None
    filled = 0
    for block in chain(blocks, (None,)):
        windows = cutter.finish() if block is None else cutter.push(block)
        while len(windows):
            if batch is None:
                batch, filled = np.empty((batch_windows, window_samples), dtype=np.float32), 0
            n_more = min(len(windows), batch_windows - filled)
            batch[filled : filled + n_more] = windows[:n_more]
            windows, filled = windows[n_more:], filled + n_more
            if filled == batch_windows:
                yield batch
                batch = None
    if batch is not None:
        yield batch[:filled]


def _full_windows(samples: NDArray[np.float32], window_samples: int, hop_samples: int) -> NDArray[np.float32]:
    windows: NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(samples, window_samples)[::hop_samples]
    return windows


def _check_lengths(window_samples: int, hop_samples: int) -> None:
    if not 1 <= hop_samples <= window_samples:
        raise AudioError(
            f"windows: found window_samples={window_samples}, hop_samples={hop_samples}, "
            "expected 1 <= hop_samples <= window_samples (a longer hop would leave sound out)"
        )


def _check_samples(samples: NDArray[np.float32], *, may_be_empty: bool = False) -> None:
    if samples.ndim != 1 or samples.dtype != np.float32 or (samples.size == 0 and not may_be_empty):
        raise AudioError(
            f"windows: found {samples.dtype} of shape {samples.shape}, expected float32 (n_samples,) with samples in it"
        )
