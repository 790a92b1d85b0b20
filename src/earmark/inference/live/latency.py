"""How long after the end of speech its answer comes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Latencies:
    """Latencies in ms: from the end of the speech to its answer, without the pause by which the end is known."""

    values_ms: list[float] = field(default_factory=list)

    def add(self, value_ms: float) -> None:
        """Note one."""
        self.values_ms.append(value_ms)

    @property
    def mean_ms(self) -> float | None:
        """Their mean; None where there are none."""
        return float(np.mean(self.values_ms)) if self.values_ms else None

    @property
    def p95_ms(self) -> float | None:
        """Below which 95 % of them lie; None where there are none."""
        return float(np.percentile(self.values_ms, 95)) if self.values_ms else None
