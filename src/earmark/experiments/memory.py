"""The most memory that this process has held at once, since the last reset where the system can reset it."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def reset_peak_memory() -> None:
    """Start counting afresh (Linux: writing 5 to clear_refs, see proc(5)); elsewhere nothing happens."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")


def peak_memory_bytes() -> int:
    """Return the peak of resident memory since the last reset, or since the process began."""
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
