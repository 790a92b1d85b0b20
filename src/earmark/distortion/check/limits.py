"""How severe a fault may be before a catalogue fails: `--fail-over 30%`, `--fail-over clipping=10%`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from earmark.core.errors import ConfigError, did_you_mean
from earmark.distortion.severity import KINDS
from earmark.distortion.words import share

if TYPE_CHECKING:
    from collections.abc import Sequence

FLAG = "--fail-over"


@dataclass(frozen=True)
class Limits:
    """Severities that a file may reach but not exceed.

    Attributes:
        of_all: For the types that have no limit of their own; None: no limit.
        of_type: Type -> limit.
    """

    of_all: float | None = None
    of_type: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.of_all is not None or bool(self.of_type)

    def over(self, report: dict[str, Any]) -> list[str]:
        """Return for each found type over its limit how much it is over, in words."""
        told = []
        for kind, severity in found_types(report):
            limit = self.of_type.get(kind, self.of_all)
            if limit is not None and severity > limit:
                found, allowed = share(severity), share(limit)
                told.append(f"{kind} {found if found != allowed else f'{100 * severity:.4g} %'} is over {allowed}")
        return told


def parse_limits(texts: Sequence[str]) -> Limits:
    """Return the limits that flags tell.

    Raises:
        ConfigError: One is no share, names no type, or is told twice.

    Example:
        >>> parse_limits(["30%", "clipping=0.1"])
        Limits(of_all=0.3, of_type={'clipping': 0.1})
    """
    of_all: float | None = None
    of_type: dict[str, float] = {}
    for text in texts:
        kind, equals, amount = text.rpartition("=")
        if equals and kind not in KINDS:
            raise ConfigError(f'{FLAG} "{text}": no type "{kind}"{did_you_mean(kind, KINDS)}')
        if kind in of_type or (not equals and of_all is not None):
            raise ConfigError(f'{FLAG} "{text}": found a second limit for the same, expected one')
        if equals:
            of_type[kind] = _share(amount, text)
        else:
            of_all = _share(amount, text)
    return Limits(of_all, of_type)


def found_types(report: dict[str, Any]) -> list[tuple[str, float]]:
    """Return the types that a report says are present and their severities, the worst first."""
    types = report["types"]
    found = [(kind, types[kind]["severity"] or 0.0) for kind in KINDS if kind in types and types[kind]["present"]]
    return sorted(found, key=lambda item: -item[1])


def _share(amount: str, text: str) -> float:
    try:
        value = float(amount.removesuffix("%").strip()) / (100 if amount.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if 0 <= value <= 1:
        return value
    hint = f'; did you mean "{text}%"?' if 1 < value <= 100 and not amount.endswith("%") else ""
    raise ConfigError(f'{FLAG} "{text}": expected a severity such as 30%, 0.3 or clipping=10%{hint}')
