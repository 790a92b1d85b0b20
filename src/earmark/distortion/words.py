"""Numbers as a reader likes them."""

from __future__ import annotations

from earmark.distortion.severity import FULL_RATE_HZ, MP3_EQUIVALENCE

COMMON_KBPS = (24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def clock(seconds: float) -> str:
    """Return a time in a file as a player shows it.

    Example:
        >>> clock(72.4), clock(3605)
        ('1:12', '1:00:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def pitch(hz: float) -> str:
    """Return a frequency with its unit.

    Example:
        >>> pitch(15_872), pitch(125)
        ('15.9 kHz', '125 Hz')
    """
    return f"{hz / 1000:.1f} kHz" if hz >= 1000 else f"{hz:.0f} Hz"


def share(part: float) -> str:
    """Return a share in per cent with two digits.

    Example:
        >>> share(0.0231), share(0.00012), share(0.5)
        ('2.3 %', '0.012 %', '50 %')
    """
    value = 100 * part
    return f"{value:.0f} %" if value >= 9.95 else f"{value:.2g} %"


def times(count: int, one: str, many: str) -> str:
    """Return a count with its noun.

    Example:
        >>> times(1, "click", "clicks"), times(3, "drop-out", "drop-outs")
        ('1 click', '3 drop-outs')
    """
    return f"{count} {one if count == 1 else many}"


def likely_kbps(codec: str, severity: float, *, n_channels: int, rate_hz: int) -> int:
    """Return the common bit rate nearest to what a severity of compression stands for in this codec and format.

    The inverse of `earmark.distortion.severity.compression_severity`.

    Example:
        >>> likely_kbps("opus", 0.61, n_channels=2, rate_hz=48000)
        48
    """
    equivalent = 256 / 2 ** (3 * severity)
    kbps = equivalent / MP3_EQUIVALENCE[codec] * n_channels / 2 / max(1.0, FULL_RATE_HZ / rate_hz)
    return min(COMMON_KBPS, key=lambda common: max(common / kbps, kbps / common))
