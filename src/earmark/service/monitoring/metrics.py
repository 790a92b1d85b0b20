"""What Prometheus reads at /metrics: one `Monitor` for each service, with a registry of its own.

No label comes from a client: routes are templates, models those that were loaded, predicted labels those of bundles. As
a second guard each label has at most so many values; what comes beyond is "other". So no client can fill the memory.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from earmark import __version__
from earmark.models.top_scores import EDGES
from earmark.service.monitoring.drift import Drift
from earmark.service.monitoring.drift_collector import DriftCollector, DriftFigures, Watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import Metric

OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
ENDS = frozenset({"stopped", "gone", "refused", "server_stopping", "failed"})
MAX_ROUTES, MAX_REASONS, MAX_LABELS, MAX_MODELS = 64, 32, 256, 64
LONGEST_VALUE = 100
LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCH_WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
RATES_HZ = (8000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
LEVELS_DB = (-80, -60, -50, -40, -30, -20, -10, -3)


class _Registry(CollectorRegistry):
    """A registry without the `_created` series, which double the text and say nothing that is asked for here."""

    def collect(self) -> Iterator[Metric]:
        for family in super().collect():  # made anew each time
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Bounded:
    """Lets the first so many values of a label pass as they are; the rest is "other"."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        if len(self._seen) >= self._most or len(value) > LONGEST_VALUE:
            return OTHER
        self._seen.add(value)
        return value


class Monitor:
    """Counts what the service does. Every method may be called from any thread.

    Example:
        >>> monitor = Monitor()
        >>> monitor.request("/v1/classify", "POST", 200, 0.012)
        >>> b'earmark_requests_total{method="POST",route="/v1/classify",status="200"} 1.0' in monitor.render()[0]
        True
    """

    def __init__(self) -> None:
        self.registry: CollectorRegistry = _Registry()
        self._lock = threading.Lock()
        self._watched: dict[str, Watched] = {}
        self._routes, self._reasons = _Bounded(MAX_ROUTES), _Bounded(MAX_REASONS)
        self._labels: dict[str, _Bounded] = {}
        self._build()

    def _build(self) -> None:
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        by_request = ("route", "method", "status")
        self._requests = counter("requests", "Answers, by template of the route, method and status", by_request)
        self._seconds = histogram("request_duration_seconds", "Time to answer", LATENCY_S, by_request[:2])
        self._refusals = counter("refusals", "Requests and streams that were refused, by reason", ("reason",))
        self._queue = gauge("queue_waiting", "Requests that wait for a model", ("model",))
        self._batch = histogram("batch_windows", "Windows that a model got at once", BATCH_WINDOWS, ("model",))
        self._batch_s = histogram("batch_duration_seconds", "Time of a batch in the model", LATENCY_S, ("model",))
        self._audio = counter("audio_seconds", "Sound that was heard", ("model",))
        self._answers = counter("answers", "Answers: accepted, doubtful, unknown", ("model", "outcome"))
        self._predicted = counter("predictions", "Answers by their likeliest label", ("model", "label"))
        self._top = histogram("top_probability", "Probability of the likeliest label", EDGES, ("model",))
        self._rates = histogram("input_rate_hertz", "Sample rate of sound that was sent", RATES_HZ, ())
        self._levels = histogram("input_level_decibels", "Level of it, of full scale", LEVELS_DB, ())
        self._streams = gauge("streams_open", "Live streams that are open", ())
        self._ended = counter("streams", "Live streams that ended, by how", ("how",))
        self._emissions = counter("stream_emissions", "Answers told in live streams", ("model",))
        gauge("build_info", "Version of earmark, always 1", ("version",)).labels(__version__).set(1)
        self.registry.register(DriftCollector(self._snapshot))
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, about: str, labels: Sequence[str]) -> Counter:
        return Counter(f"earmark_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, labels: Sequence[str]) -> Gauge:
        return Gauge(f"earmark_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: Sequence[float], labels: Sequence[str]) -> Histogram:
        return Histogram(f"earmark_{name}", about, labels, buckets=buckets, registry=self.registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer.

        Args:
            route: Template of the route, such as "/v1/models/{name}"; "other" where none fits the address.
            method: HTTP method.
            status: HTTP status.
            seconds: From the request's first byte to the answer's last.
        """
        with self._lock:
            route = self._routes(route)
        method = method if method in METHODS else OTHER
        known = str(status) if 100 <= status <= 599 else OTHER
        self._requests.labels(route, method, known).inc()
        self._seconds.labels(route, method).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a request or stream that was refused, by a short word: "queue_full", "too_large", "undecodable"."""
        with self._lock:
            reason = self._reasons(reason)
        self._refusals.labels(reason).inc()

    def sound(self, rate_hz: float, level_db: float) -> None:
        """Take note of what sound comes in: its sample rate and its level in dB of full scale."""
        self._rates.observe(rate_hz)
        self._levels.observe(level_db)

    def expect(self, model: str, version: str, reference: Sequence[float] | None) -> None:
        """Take note that a version of a model was loaded; the one before it is forgotten.

        Args:
            model: Its name.
            version: Its version.
            reference: Counts of the bins of its top probability (`reference_counts`); None takes the first answers.
        """
        with self._lock:
            if model not in self._watched and len(self._watched) >= MAX_MODELS:
                return
            self._watched[model] = Watched(version, Drift(reference))
            self._labels.setdefault(model, _Bounded(MAX_LABELS))

    def heard(
        self,
        model: str,
        version: str,
        audio_s: float,
        label: str,
        probability: float,
        accepted: bool,
        known: bool = True,
    ) -> None:
        """Count an answer of a model.

        Args:
            model: Its name.
            version: Its version; an answer of another one than the newest does not count as drift.
            audio_s: How much sound it is about; 0 where that is counted by `audio`.
            label: The likeliest label.
            probability: Its calibrated probability.
            accepted: Whether it reaches its threshold.
            known: Whether the sound is like any that the model knows.
        """
        with self._lock:
            watched = self._watched.get(model)
            if watched is None:
                model, label = OTHER, OTHER
            else:
                label = self._labels[model](label)
                if watched.version == version:
                    watched.drift.add(probability, known=known)
        outcome = "accepted" if accepted else "doubtful" if known else "unknown"
        self._audio.labels(model).inc(audio_s)
        self._answers.labels(model, outcome).inc()
        self._predicted.labels(model, label).inc()
        self._top.labels(model).observe(probability)

    def audio(self, model: str, audio_s: float) -> None:
        """Count sound that a model heard without an answer of its own, as in streams."""
        self._audio.labels(self._known(model)).inc(audio_s)

    def queue(self, model: str, waiting: int) -> None:
        """Set how many requests wait for a model."""
        self._queue.labels(self._known(model)).set(waiting)

    def batch(self, model: str, n_windows: int, seconds: float) -> None:
        """Count a batch that a model answered."""
        model = self._known(model)
        self._batch.labels(model).observe(n_windows)
        self._batch_s.labels(model).observe(seconds)

    def streams(self, change: int) -> None:
        """Count live streams that open (1) or end (-1)."""
        self._streams.inc(change)

    def stream_ended(self, how: str) -> None:
        """Count a live stream that ended: "stopped", "gone", "refused", "server_stopping" or "failed"."""
        self._ended.labels(how if how in ENDS else OTHER).inc()

    def emitted(self, model: str, number: int) -> None:
        """Count answers that were told in a live stream."""
        self._emissions.labels(self._known(model)).inc(number)

    def render(self) -> tuple[bytes, str]:
        """Return everything as text for Prometheus, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _known(self, model: str) -> str:
        with self._lock:
            return model if model in self._watched else OTHER

    def _snapshot(self) -> list[DriftFigures]:
        with self._lock:
            return [DriftFigures.of(model, watched) for model, watched in sorted(self._watched.items())]
