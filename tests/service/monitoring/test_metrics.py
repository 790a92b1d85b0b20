"""What Prometheus reads is what was counted, and no client can make it grow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from earmark.models.top_scores import EDGES, N_BINS
from earmark.service.monitoring import Monitor

if TYPE_CHECKING:
    from collections.abc import Callable

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(monitor: Monitor) -> Series:
    content, content_type = monitor.render()
    assert content_type.startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float | None:
    return series.get((f"earmark_{name}", frozenset(labels.items())))


@pytest.fixture
def monitor() -> Monitor:
    monitor = Monitor()
    monitor.expect("digits", "0123456789ab", None)
    return monitor


def test_requests_are_counted_by_route_method_and_status(monitor: Monitor) -> None:
    for seconds, status in ((0.0008, 200), (0.02, 200), (0.3, 422), (45.0, 503)):
        monitor.request("/v1/classify", "POST", status, seconds)
    found = read(monitor)
    at = {"route": "/v1/classify", "method": "POST"}
    assert [value(found, "requests_total", **at, status=status) for status in ("200", "422", "503")] == [2, 1, 1]
    assert value(found, "request_duration_seconds_count", **at) == 4
    assert value(found, "request_duration_seconds_sum", **at) == pytest.approx(45.3208)
    below = {le: value(found, "request_duration_seconds_bucket", **at, le=le) for le in ("0.001", "0.025", "30.0")}
    assert below == {"0.001": 1, "0.025": 2, "30.0": 3}


def test_answers_are_counted_by_model_outcome_and_label(monitor: Monitor) -> None:
    monitor.heard("digits", "0123456789ab", 1.5, "7", 0.97, accepted=True)
    monitor.heard("digits", "0123456789ab", 0.5, "7", 0.4, accepted=False)
    monitor.heard("digits", "0123456789ab", 0.5, "1", 0.9, accepted=False, known=False)
    found = read(monitor)
    assert value(found, "audio_seconds_total", model="digits") == 2.5
    outcomes = ("accepted", "doubtful", "unknown")
    assert [value(found, "answers_total", model="digits", outcome=one) for one in outcomes] == [1, 1, 1]
    assert [value(found, "predictions_total", model="digits", label=one) for one in ("7", "1")] == [2, 1]
    assert value(found, "top_probability_count", model="digits") == 3
    assert value(found, "top_probability_bucket", model="digits", le="0.5") == 1
    assert value(found, "top_probability_bucket", model="digits", le="0.9") == 2


def test_queues_batches_streams_refusals_and_sound_are_counted(monitor: Monitor) -> None:
    monitor.queue("digits", 9)
    monitor.queue("digits", 3)
    monitor.batch("digits", 12, 0.04)
    monitor.streams(1)
    monitor.streams(1)
    monitor.streams(-1)
    monitor.stream_ended("gone")
    monitor.emitted("digits", 4)
    monitor.refused("queue_full")
    monitor.refused("undecodable")
    monitor.audio("digits", 2.0)
    monitor.sound(44_100, -23.0)
    found = read(monitor)
    assert value(found, "queue_waiting", model="digits") == 3
    assert value(found, "batch_windows_sum", model="digits") == 12
    assert value(found, "batch_windows_bucket", model="digits", le="8.0") == 0
    assert value(found, "batch_duration_seconds_sum", model="digits") == pytest.approx(0.04)
    assert value(found, "streams_open") == 1
    assert value(found, "streams_total", how="gone") == 1
    assert value(found, "stream_emissions_total", model="digits") == 4
    assert value(found, "refusals_total", reason="queue_full") == 1
    assert value(found, "refusals_total", reason="undecodable") == 1
    assert value(found, "audio_seconds_total", model="digits") == 2.0
    assert value(found, "input_rate_hertz_bucket", le="32000.0") == 0
    assert value(found, "input_rate_hertz_bucket", le="44100.0") == 1
    assert value(found, "input_level_decibels_bucket", le="-20.0") == 1
    assert value(found, "input_level_decibels_bucket", le="-30.0") == 0


def test_drift_is_told_with_its_reference_once_there_is_enough(monitor: Monitor) -> None:
    reference = [0.0] * (N_BINS - 1) + [600.0]
    monitor.expect("digits", "b", reference)
    at = {"model": "digits", "reference": "bundle"}
    for _ in range(199):
        monitor.heard("digits", "b", 1.0, "7", 0.9999, accepted=True)
    early = read(monitor)
    assert value(early, "score_drift_index", **at) is None
    assert value(early, "score_drift_reference_answers", **at) == 600
    assert value(early, "score_drift_answers", model="digits") == 199
    for _ in range(201):
        monitor.heard("digits", "b", 1.0, "7", 0.3, accepted=False, known=False)
    found = read(monitor)
    assert (value(found, "score_drift_index", **at) or 0) > 0.25
    assert value(found, "score_drift_surer_ratio", **at) == pytest.approx(0.5 * 199 / 400)
    assert value(found, "unknown_ratio", model="digits") == pytest.approx(201 / 400)


def test_a_newer_version_takes_the_place_of_the_one_before(monitor: Monitor) -> None:
    monitor.heard("digits", "0123456789ab", 1.0, "7", 0.9, accepted=True)
    monitor.expect("digits", "fedcba987654", None)
    monitor.heard("digits", "0123456789ab", 1.0, "7", 0.9, accepted=True)  # a request that held the old one
    found = read(monitor)
    assert value(found, "model_info", model="digits", version="fedcba987654") == 1
    assert value(found, "model_info", model="digits", version="0123456789ab") is None
    assert value(found, "score_drift_reference_answers", model="digits", reference="first_answers") == 0
    assert value(found, "answers_total", model="digits", outcome="accepted") == 2


def n_series(monitor: Monitor) -> int:
    return len(read(monitor))


HOSTILE: dict[str, Callable[[Monitor, str, int], None]] = {
    "route": lambda monitor, text, _: monitor.request(text, "GET", 404, 0.1),
    "method": lambda monitor, text, _: monitor.request("/v1/models", text, 405, 0.1),
    "status": lambda monitor, _, number: monitor.request("/v1/models", "GET", number * 1000, 0.1),
    "model": lambda monitor, text, _: monitor.heard(text, "v", 1.0, "7", 0.9, accepted=True),
    "label": lambda monitor, text, _: monitor.heard("digits", "0123456789ab", 1.0, text, 0.9, accepted=True),
    "reason": lambda monitor, text, _: monitor.refused(text),
    "queue": lambda monitor, text, number: monitor.queue(text, number),
    "batch": lambda monitor, text, number: monitor.batch(text, number, 0.1),
    "end": lambda monitor, text, _: monitor.stream_ended(text),
    "loaded": lambda monitor, text, _: monitor.expect(text, text, None),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_names_do_not_make_it_grow(what: str, monitor: Monitor) -> None:
    attack = HOSTILE[what]
    for number in range(2000):
        attack(monitor, f'/../{number}\n"}}earmark_fake 1', number)
    grown = n_series(monitor)
    for number in range(2000, 4000):
        attack(monitor, f"{number}" * 50, number)
    assert grown <= n_series(monitor) <= grown + 20  # "other", and its buckets
    assert n_series(monitor) < 1500
    assert not any(name == "earmark_fake" for name, _ in read(monitor))


def test_a_model_that_nobody_loaded_is_no_label(monitor: Monitor) -> None:
    monitor.heard("' OR 1=1", "v", 1.0, "x", 0.9, accepted=True)
    assert value(read(monitor), "predictions_total", model="other", label="other") == 1


def test_threads_lose_no_count(monitor: Monitor) -> None:
    def work(_: int) -> None:
        for number in range(200):
            monitor.request("/v1/classify", "POST", 200, 0.01)
            monitor.heard("digits", "0123456789ab", 1.0, str(number % 10), 0.95, accepted=True)
            if number % 50 == 0:
                monitor.render()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = read(monitor)
    assert value(found, "requests_total", route="/v1/classify", method="POST", status="200") == 1600
    assert value(found, "answers_total", model="digits", outcome="accepted") == 1600
    at = {"model": "digits", "reference": "first_answers"}
    assert value(found, "score_drift_reference_answers", **at) == 1000
    assert value(found, "score_drift_answers", model="digits") == 600
    assert value(found, "score_drift_index", **at) == pytest.approx(0.0, abs=0.01)


def test_the_names_follow_the_conventions(monitor: Monitor) -> None:
    monitor.heard("digits", "0123456789ab", 1.0, "7", 0.9, accepted=True)
    families = list(text_string_to_metric_families(monitor.render()[0].decode()))
    own = [family for family in families if family.name.startswith("earmark_")]
    assert len(own) >= 18
    assert {family.name for family in families} - {family.name for family in own} <= {
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_cpu_seconds",
        "process_open_fds",
        "process_max_fds",
    }
    assert all(family.documentation for family in own)
    assert not any(sample.name.endswith("_created") for family in families for sample in family.samples)
    assert all(s.name.endswith("_total") for f in own if f.type == "counter" for s in f.samples)


def test_every_monitor_counts_for_itself(monitor: Monitor) -> None:
    monitor.refused("queue_full")
    assert value(read(Monitor()), "refusals_total", reason="queue_full") is None
    assert b"earmark_" not in prometheus_client.generate_latest()


def test_the_buckets_of_the_score_are_the_bins_of_drift(monitor: Monitor) -> None:
    monitor.heard("digits", "0123456789ab", 1.0, "7", 0.9, accepted=True)
    limits = {
        float(dict(labels)["le"]) for name, labels in read(monitor) if name == "earmark_top_probability_bucket"
    } - {float("inf")}
    assert limits == set(EDGES)
