"""What models cost: time to train, time to score, memory. Features come from the store and are not counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from earmark.experiments.curves import Entry


@dataclass(frozen=True)
class Cost:
    """Median and 95th percentile over trials; one core."""

    n_trials: int
    fit_s: tuple[float, float]
    score_ms: tuple[float, float]
    peak_memory_mb: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return it as a flat JSON-able dict."""
        values = asdict(self)
        return {"n_trials": values.pop("n_trials")} | {
            f"{name}_{what}": round(number, 6)
            for name, pair in values.items()
            for what, number in zip(("median", "p95"), pair, strict=True)
        }


def cost_of(entries: Iterable[Entry]) -> Cost | None:
    """Return what trials cost, None where none is done; `score_ms` is for one clip."""
    facts = [entry.done.facts for entry in entries if entry.done is not None]
    if not facts:
        return None
    return Cost(
        len(facts),
        _spread([fact["fit_s"] for fact in facts]),
        _spread([1e3 * fact["score_s"] / max(1, fact["n_test"]) for fact in facts]),
        _spread([fact["peak_memory_bytes"] / 1e6 for fact in facts]),
    )


def _spread(values: list[float]) -> tuple[float, float]:
    median, p95 = np.quantile(values, [0.5, 0.95])
    return float(median), float(p95)
