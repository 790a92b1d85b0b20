"""The figures of drift for Prometheus: computed when they are asked for, and left out where there are none yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earmark.service.monitoring.drift import Drift

BY_MODEL = ("model",)
BY_VERSION = ("model", "version")
BY_REFERENCE = ("model", "reference")


@dataclass(frozen=True)
class Watched:
    """A version of a model and how its answers compare with its reference."""

    version: str
    drift: Drift


@dataclass(frozen=True)
class DriftFigures:
    """The figures of one model at one moment."""

    model: str
    version: str
    reference: str
    n_reference: int
    n_answers: int
    index: float | None
    surer_ratio: float | None
    unknown_ratio: float | None

    @classmethod
    def of(cls, model: str, watched: Watched) -> DriftFigures:
        """Return the figures of a model as they are now."""
        drift = watched.drift
        counts = (drift.n_reference, drift.n_answers)
        return cls(model, watched.version, drift.source, *counts, drift.index, drift.surer_ratio, drift.unknown_ratio)


class DriftCollector(Collector):
    """Gives Prometheus a snapshot of all models.

    Args:
        snapshot: Returns the figures of each model that is loaded.
    """

    def __init__(self, snapshot: Callable[[], list[DriftFigures]]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families."""
        info = GaugeMetricFamily("earmark_model_info", "Version of a model that is loaded, always 1", labels=BY_VERSION)
        index = GaugeMetricFamily(
            "earmark_score_drift_index",
            "Population stability index of the top probability of the last answers, against the reference",
            labels=BY_REFERENCE,
        )
        surer = GaugeMetricFamily(
            "earmark_score_drift_surer_ratio",
            "How often one of the last answers is surer than one of the reference: 0.5 where neither is",
            labels=BY_REFERENCE,
        )
        n_reference = GaugeMetricFamily(
            "earmark_score_drift_reference_answers", "Answers that the reference holds", labels=BY_REFERENCE
        )
        n_answers = GaugeMetricFamily(
            "earmark_score_drift_answers", "Last answers that are compared with it", labels=BY_MODEL
        )
        unknown = GaugeMetricFamily(
            "earmark_unknown_ratio", "Share of the last answers that said: none of the labels", labels=BY_MODEL
        )
        for found in self._snapshot():
            info.add_metric((found.model, found.version), 1)
            n_reference.add_metric((found.model, found.reference), found.n_reference)
            n_answers.add_metric((found.model,), found.n_answers)
            if found.index is not None:
                index.add_metric((found.model, found.reference), found.index)
            if found.surer_ratio is not None:
                surer.add_metric((found.model, found.reference), found.surer_ratio)
            if found.unknown_ratio is not None:
                unknown.add_metric((found.model,), found.unknown_ratio)
        yield from (info, index, surer, n_reference, n_answers, unknown)
