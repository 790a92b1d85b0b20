"""The filters with which lossy codecs took sound apart, to take it apart again in the same way.

Each coefficient of a codec is the product of the sound with a fixed, short wave; at every sample that is a filter.
- MP3: 32-band polyphase filter (512 taps), 18-line MDCT with sine window in each band, alias butterflies
  (ISO 11172-3, 2.4.3.4 and table B.9); a frame every 576 samples. A plain 576-line MDCT in its place
  shows a quarter of the trace (4 against 17 at 128 kb/s, measured).
- AAC: 1024-line MDCT with Kaiser-Bessel-derived (alpha 4) or sine window (ISO 14496-3, 4.6.11).
- Vorbis: 1024-line MDCT with Vorbis' power-sine window (Vorbis I specification, 1.3.2 and 4.3.1; long blocks).
- Opus: 960-line MDCT at 48 kHz whose window overlaps by 120 samples, behind a pre-emphasis of 0.85 (RFC 6716, 4.3.7).
  Without the pre-emphasis the trace of 96 kb/s and more is lost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELT_LINES, CELT_OVERLAP, CELT_EMPHASIS = 960, 120, 0.85
MP3_BANDS, MP3_LINES, MP3_TAPS = 32, 18, 512
# Coefficients of the alias butterflies, ISO 11172-3 table B.9.
MP3_ALIAS = (-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037)
# The rising half of the polyphase prototype: the synthesis window of ISO 11172-3 table B.3, without its changes of sign
# and times 65536.
# fmt: off
MP3_PROTOTYPE = (
    0, -1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -4, -4, -5, -5, -6, -7, -7, -8, -9, -10, -11, -13, -14, -16,
    -17, -19, -21, -24, -26, -29, -31, -35, -38, -41, -45, -49, -53, -58, -63, -68, -73, -79, -85, -91, -97, -104,
    -111, -117, -125, -132, -139, -147, -154, -161, -169, -176, -183, -190, -196, -202, -208, -213, -218, -222, -225,
    -227, -228, -228, -227, -224, -221, -215, -208, -200, -189, -177, -163, -146, -127, -106, -83, -57, -29, 2, 36,
    72, 111, 153, 197, 244, 294, 347, 401, 459, 519, 581, 645, 711, 779, 848, 919, 991, 1064, 1137, 1210, 1283, 1356,
    1428, 1498, 1567, 1634, 1698, 1759, 1817, 1870, 1919, 1962, 2001, 2032, 2057, 2075, 2085, 2087, 2080, 2063, 2037,
    2000, 1952, 1893, 1822, 1739, 1644, 1535, 1414, 1280, 1131, 970, 794, 605, 402, 185, -45, -288, -545, -814, -1095,
    -1388, -1692, -2006, -2330, -2663, -3004, -3351, -3705, -4063, -4425, -4788, -5153, -5517, -5879, -6237, -6589,
    -6935, -7271, -7597, -7910, -8209, -8491, -8755, -8998, -9219, -9416, -9585, -9727, -9838, -9916, -9959, -9966,
    -9935, -9863, -9750, -9592, -9389, -9139, -8840, -8492, -8092, -7640, -7134, -6574, -5959, -5288, -4561, -3776,
    -2935, -2037, -1082, -70, 998, 2122, 3300, 4533, 5818, 7154, 8540, 9975, 11455, 12980, 14548, 16155, 17799, 19478,
    21189, 22929, 24694, 26482, 28289, 30112, 31947, 33791, 35640, 37489, 39336, 41176, 43006, 44821, 46617, 48390,
    50137, 51853, 53534, 55178, 56778, 58333, 59838, 61289, 62684, 64019, 65290, 66494, 67629, 68692, 69679, 70590,
    71420, 72169, 72835, 73415, 73908, 74313, 74630, 74856, 74992, 75038,
)
# fmt: on


def mdct_waves(n_lines: int, lines: NDArray[np.int64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the waves of some lines of an MDCT, float64 (n_chosen, 2 n_lines), of unit energy."""
    places = np.arange(2 * n_lines) + 0.5 + n_lines / 2
    return _unit(window * np.cos(np.pi / n_lines * places * (lines[:, np.newaxis] + 0.5)))


def sine_window(n_lines: int) -> NDArray[np.float64]:
    """Return the sine window, float64 (2 n_lines,)."""
    return np.asarray(np.sin(np.pi * (np.arange(2 * n_lines) + 0.5) / (2 * n_lines)), dtype=np.float64)


def vorbis_window(n_lines: int) -> NDArray[np.float64]:
    """Return sin(pi/2 sin^2), float64 (2 n_lines,)."""
    return np.asarray(np.sin(np.pi / 2 * sine_window(n_lines) ** 2), dtype=np.float64)


def kaiser_bessel_window(n_lines: int, alpha: float = 4.0) -> NDArray[np.float64]:
    """Return the Kaiser-Bessel-derived window, float64 (2 n_lines,)."""
    sums = np.cumsum(np.kaiser(n_lines + 1, np.pi * alpha))
    rising = np.sqrt(sums[:n_lines] / sums[n_lines])
    return np.concatenate([rising, rising[::-1]])


def celt_waves(lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the waves of some lines of CELT's MDCT behind its pre-emphasis, float64 (n_chosen, 1921)."""
    rising = vorbis_window(CELT_OVERLAP)[:CELT_OVERLAP]
    flat = np.zeros((CELT_LINES - CELT_OVERLAP) // 2), np.ones(CELT_LINES - CELT_OVERLAP)
    window = np.concatenate([flat[0], rising, flat[1], rising[::-1], flat[0]])
    waves = mdct_waves(CELT_LINES, lines, window)
    emphasised = np.zeros((len(waves), waves.shape[1] + 1))
    emphasised[:, 1:] = waves
    emphasised[:, :-1] -= CELT_EMPHASIS * waves
    return _unit(emphasised)


def mp3_waves(lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the waves of some of the 576 lines of MP3's long blocks, float64 (n_chosen, 1632)."""
    strengths = np.array(MP3_ALIAS)
    straight = 1 / np.sqrt(1 + strengths**2)
    crossed = strengths * straight
    waves = []
    for number in lines.tolist():
        band, line = divmod(number, MP3_LINES)
        wave = _hybrid_wave(band, line)
        mirrored = MP3_LINES - 1 - line
        if line < len(MP3_ALIAS) and band > 0:
            wave = straight[line] * wave - crossed[line] * _hybrid_wave(band - 1, mirrored)
        elif mirrored < len(MP3_ALIAS) and band < MP3_BANDS - 1:
            wave = straight[mirrored] * wave + crossed[mirrored] * _hybrid_wave(band + 1, mirrored)
        waves.append(wave)
    return _unit(np.array(waves))


@lru_cache(maxsize=256)
def _hybrid_wave(band: int, line: int) -> NDArray[np.float64]:
    """Return the wave of a line of one band before the butterflies, float64 (1632,)."""
    rising = np.array(MP3_PROTOTYPE, dtype=np.float64)
    prototype = np.concatenate([rising, rising[-2:0:-1]])  # (512,)
    taps = np.arange(MP3_TAPS)
    filtered = (prototype * np.cos((2 * band + 1) * (taps - 16) * np.pi / 64))[::-1]
    steps = np.arange(2 * MP3_LINES)
    cosine = np.cos(np.pi / 72 * (2 * steps + 1 + MP3_LINES) * (2 * line + 1))
    turned = np.where((steps % 2 == 1) & (band % 2 == 1), -1, 1)  # every second sample of every second band
    wave = np.zeros(MP3_TAPS + MP3_BANDS * (2 * MP3_LINES - 1))
    for step, height in enumerate(sine_window(MP3_LINES) * cosine * turned):
        wave[MP3_BANDS * step : MP3_BANDS * step + MP3_TAPS] += height * filtered
    return wave


def _unit(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(waves / np.sqrt((waves**2).sum(axis=1, keepdims=True)), dtype=np.float64)
