"""What cannot be told of a sound, with the reason in words, so that nobody guesses.

| not assessable | when | why |
|---|---|---|
| every type | shorter than 0.5 s, or a rate below what the model was trained on | the measures need it |
| every type | nothing swings beyond -60 dBFS: silence, or a constant value | there is no sound to be damaged |
| compression | a rate below 32 kHz, or one that shares no frame grid with a codec | traces of codecs are gone |
| phase | not two channels | it is about how left and right belong together |

Two equal channels are assessable (their correlation is 1), and so is a pair of which one is silent: a lost channel is
a fault. Of several blocks of ten seconds those without sound are left out, and the rest is answered for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.distortion.measures.grid import plan_for
from earmark.distortion.report import Assessable
from earmark.distortion.severity import FULL_RATE_HZ, KINDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block
    from earmark.distortion.severity import Kind

SHORTEST_S = 0.5
# 1e-3 of full scale is -60 dBFS; 16-bit sound that quiet has five bits left.
LEAST_SWING = 1e-3


def why_silent(block: Block) -> str | None:
    """Return why there is no sound in a block, None if there is.

    What counts is how far a channel swings to both sides of its own middle, so that an offset is no sound.
    """
    if any(swing_of(channel) >= LEAST_SWING for channel in block.samples):
        return None
    if block.is_silent:
        return "the file is silent"
    if block.peak >= LEAST_SWING:
        return "the file holds a constant value and no sound above -60 dBFS"
    return "nothing in the file is louder than -60 dBFS"


def swing_of(channel: NDArray[np.float32]) -> float:
    """Return half the distance from the lowest to the highest sample."""
    return (float(channel.max()) - float(channel.min())) / 2


def assess(
    *, duration_s: float, rate_hz: int, n_channels: int, silence: str | None = None, lowest_rate_hz: int = 0
) -> dict[Kind, Assessable]:
    """Return for each type whether it can be told of a file.

    Args:
        duration_s: Duration of the file.
        rate_hz: Its rate.
        n_channels: Its channels.
        silence: Why there is no sound in any of its blocks, None if there is.
        lowest_rate_hz: Lowest rate that the model was trained on.
    """
    whole = silence
    if duration_s < SHORTEST_S:
        whole = f"needs {SHORTEST_S} s of sound, found {duration_s:.3f} s"
    elif rate_hz < lowest_rate_hz:
        whole = f"the model was trained on rates of {lowest_rate_hz} Hz and more, found {rate_hz} Hz"
    if whole is not None:
        return dict.fromkeys(KINDS, Assessable(ok=False, reason=whole))
    reasons = {"compression": _why_no_traces(rate_hz), "phase": _why_no_stereo(n_channels)}
    return {kind: Assessable(ok=reasons.get(kind) is None, reason=reasons.get(kind)) for kind in KINDS}


def _why_no_traces(rate_hz: int) -> str | None:
    if rate_hz < FULL_RATE_HZ:
        return f"traces of codecs need a rate of {FULL_RATE_HZ} Hz or more, found {rate_hz} Hz"
    if plan_for(rate_hz) is None:
        return f"traces of codecs need a rate that is a multiple of one from 32 to 48 kHz, found {rate_hz} Hz"
    return None


def _why_no_stereo(n_channels: int) -> str | None:
    if n_channels == 2:
        return None
    if n_channels == 1:
        return "needs two channels, found 1"
    return f"needs two channels, found {n_channels}; the loudest channel is listened to"
