"""What measuring returns: one vector in the order of the table, one row for each second, and moments with times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import ConfigError, did_you_mean
from earmark.distortion.measures.table import LINE_NAMES, MEASURES, NAMES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Evidence:
    """A moment or stretch that shows a fault.

    Attributes:
        measure: Name of the measure that it belongs to.
        start_s: When it begins in the file.
        end_s: When it ends.
        value: How strong it is, in `unit`.
        unit: Unit of the value.
    """

    measure: str
    start_s: float
    end_s: float
    value: float
    unit: str


@dataclass(frozen=True, eq=False)
class Measurements:
    """All measures of a file.

    Attributes:
        values: float32 (n_measures,), in the order of `MEASURES`; 0 where not assessable, never NaN.
        assessable: bool (n_measures,).
        line: float32 (n_seconds, n_line), in the order of `LINE`; 0 where not assessable.
        line_assessable: bool (n_seconds, n_line).
        times_s: float64 (n_seconds, 2), begin and end of each second.
        evidence: Moments, in order of time.
        reasons: Why a measure is not assessable, by name.
        rate_hz: Samples per second and channel.
        n_channels: Number of channels.
        duration_s: Duration.
    """

    values: NDArray[np.float32]
    assessable: NDArray[np.bool_]
    line: NDArray[np.float32]
    line_assessable: NDArray[np.bool_]
    times_s: NDArray[np.float64]
    evidence: tuple[Evidence, ...]
    reasons: dict[str, str]
    rate_hz: int
    n_channels: int
    duration_s: float

    def __getitem__(self, name: str) -> float | None:
        """Return a measure by name, None if it is not assessable.

        Raises:
            ConfigError: There is no measure of that name.
        """
        if name not in MEASURES:
            raise ConfigError(f'unknown measure "{name}"{did_you_mean(name, MEASURES)}')
        place = NAMES.index(name)
        return float(self.values[place]) if self.assessable[place] else None

    def line_of(self, name: str) -> list[float | None]:
        """Return a measure second by second, None where it is not assessable.

        Raises:
            ConfigError: There is no such column in the time line.
        """
        if name not in LINE_NAMES:
            raise ConfigError(f'unknown column "{name}" of the time line{did_you_mean(name, LINE_NAMES)}')
        place = LINE_NAMES.index(name)
        values, there = self.line[:, place].tolist(), self.line_assessable[:, place].tolist()
        return [value if known else None for value, known in zip(values, there, strict=True)]

    def outside(self) -> list[str]:
        """Return the names of measures outside their usual range, in the order of the table."""
        found = []
        for place, (name, told) in enumerate(MEASURES.items()):
            value, (low, high) = float(self.values[place]), told.good
            if self.assessable[place] and ((low is not None and value < low) or (high is not None and value > high)):
                found.append(name)
        return found
